//! The ring between a driver process and its consumer process (disk, network): requests go to the driver,
//! completions come back, and the data of both is in the same memory.
//!
//! The memory is one object that both map readable and writable. Either side may write anything
//! anywhere in it at any time, and so neither believes it: each keeps its indices and what is in flight in
//! memory of its own, loads what the other wrote once, looks at the copy, and never loads it again.
//!
//! | what the peer did | consumer | driver |
//! |---|---|---|
//! | an index that nobody can have reached | [`Ended::Index`], once | the same |
//! | an id that is not in flight, a second time in flight, or that there is not | [`Ended::NotInFlight`], once | the request is [`REFUSED`] |
//! | the name of an attachment that this side is not in | [`Ended::PeerGone`], once | the same |
//! | a length or range beyond what there is | is cut | the request is [`REFUSED`] |
//! | an operation that there is not | | the request is [`REFUSED`] |
//! | bytes of the data area | what they are is the peer's word | the same |
//!
//! After [`Ended`] a ring is of no use to that side until it is attached again. Nothing that a peer
//! writes makes a loop longer than `N`, or an access outside the memory; and the driver has a
//! [`Request`] in its hand when it reads or writes data, and gets to that request's bytes alone.
//!
//! # Attachment
//!
//! A ring outlives whoever dies at it: the next life finds the same memory, with whatever was left in it. So
//! what is in a ring is of an attachment, which has a name: the life (incarnation) of the consumer that began
//! it, and a number. Each side has a word with the attachment that it is in, 0 for none, and the ring is in
//! use while both words are the same.
//!
//! 1. [`Consumer::new`] or [`begin`](Consumer::begin) writes a name that was never there, and index 0.
//! 2. The consumer calls the driver, which [joins](Driver::attach) by writing that name, and index 0. It does
//!    so for the life that calls, and for an attachment that is later than all before.
//! 3. When that is answered, the consumer [looks](Consumer::attached) whether both are in it, and begins.
//!
//! A side that begins anew writes its name before its index, and one that finds an index looks at the name
//! behind it: no index, entry or completion is taken for one of another attachment. Who finds another name
//! has [`Ended::PeerGone`], once.
//!
//! - The driver dies: its next life is in no attachment ([`Driver::new`]), and tells the consumer, who finds
//!   that the driver is gone, is told which requests were in flight ([`Consumer::begin`]), and attaches again.
//!   Whether these were done is unknown.
//! - The consumer dies: its next life begins an attachment. The driver takes nothing of the last one any more,
//!   and does not complete what it has of it, nor touch its data ([`Over`]).
//!
//! # Being told
//!
//! As in virtio with `VIRTIO_F_EVENT_IDX` (virtio 1.2, 2.7.10): a side that is about to wait says in
//! `may_wait` from which index on it wants to be told, and looks once more. The other, after a batch,
//! calls `ring`, which notifies once, and only when that was asked for. A side that has found something is
//! awake: it is not told of what comes while it works, until it is about to wait again.
//!
//! ```
//! use nexus_mmio::fake::FakeMemory;
//! use nexus_ring::{Consumer, DONE, Driver, Ops, Submission, memory_len};
//!
//! const READ: u8 = 1;
//! let len = memory_len(64 * 4096);
//! let memory = FakeMemory::new(len);
//! let mut driver = Driver::<_, 64>::new(memory.peer(0..len), Ops::of(&[READ])).unwrap();
//! let life = 1;
//! let mut consumer = Consumer::<_, 64>::new(memory.peer(0..len), life).unwrap();
//! // Here the consumer calls the driver, which does this:
//! driver.attach(life).unwrap();
//! // That is answered.
//! consumer.attached().unwrap();
//!
//! let id = consumer.free_id().unwrap();
//! let offset = u32::from(id) * 4096;
//! consumer.submit(Submission { id, op: READ, len: 512, offset, arg: 7 }).unwrap();
//! consumer.ring(|| Ok::<(), ()>(())).unwrap(); // one signal for all that were submitted
//!
//! while let Some(request) = driver.take().unwrap() {
//!     let sector = request.submission().arg;
//!     driver.write(&request, 0, &[sector as u8; 512]).unwrap();
//!     driver.complete(request, DONE, 512).unwrap();
//! }
//! driver.ring(|| Ok::<(), ()>(())).unwrap();
//! assert!(driver.may_wait().unwrap()); // and now it waits
//!
//! let done = consumer.pop().unwrap().unwrap();
//! assert_eq!((done.id, done.status, done.len), (id, DONE, 512));
//! ```
//!
//! # Layout
//!
//! Words are little endian. Indices count entries ever made, modulo 2^16; entry `i` is at place `i` modulo
//! `N`. What one side writes and the other polls is on a cache line of its own.
//!
//! | from | bytes | written by | what |
//! |---|---|---|---|
//! | 0 | 2 | consumer | index of submissions |
//! | 8 | 8 | consumer | the attachment that it is in |
//! | 64 | 2 | consumer | after which completion it wants to be told |
//! | 128 | 2 | driver | index of completions |
//! | 136 | 8 | driver | the attachment that it is in |
//! | 192 | 2 | driver | after which submission it wants to be told |
//! | 256 | 32 each | consumer | submissions |
//! | 2,304 | 8 each | driver | completions |
//! | 4,096 | | both | data |
//!
//! | entry | 0 | 2 | 3 | 4 | 8 | 12 | 16 | 24 |
//! |---|---|---|---|---|---|---|---|---|
//! | submission | id | operation | 0 | length | offset in the data area | 0 | argument (8 bytes) | not looked at |
//! | completion | id | status | 0 | length | | | | |
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "fake"))]
extern crate alloc;

mod attachment;
#[cfg(test)]
mod attachment_tests;
mod consumer;
mod driver;
mod ended;
mod entry;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
#[cfg(test)]
mod hostile_tests;
mod ids;
mod layout;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod ring_tests;
mod side;

pub use consumer::{Consumer, Refused};
pub use driver::{Driver, NotBegun, Ops, Over, Request};
pub use ended::Ended;
pub use entry::{Completion, DONE, REFUSED, Submission};
pub use layout::{DATA, MAX_ENTRIES, PAGE, memory_len};
