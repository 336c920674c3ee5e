//! The runtime on a host: no kernel, but a test can stand in for the other side of messages.

use std::boxed::Box;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::string::String;
use std::vec::Vec;

use nexus_abi::{Error, Handle, Message, Received, Sender};
use nexus_proto::log::{Level, Request};
use nexus_proto::{Operation, Request as _};

type Answerer = Box<dyn FnMut(Handle, &Message) -> Result<Message, Error>>;

/// What stands in for the kernel, for one thread.
#[derive(Default)]
struct Fake {
    answerer: Option<Answerer>,
    incoming: Option<VecDeque<Result<Received, Error>>>,
    sent: Vec<(Handle, Message)>,
    dropped: Vec<Handle>,
    deadlines: Vec<u64>,
    acknowledged: Vec<Handle>,
    revoked: Vec<Handle>,
    signals: Vec<(Handle, u64)>,
}

std::thread_local! {
    static FAKE: RefCell<Fake> = RefCell::default();
}

/// While this lives, calls of this thread are answered by the closure it was made with.
#[derive(Debug)]
#[must_use = "calls are answered only while this lives"]
pub struct Answering(());

impl Drop for Answering {
    fn drop(&mut self) {
        FAKE.with_borrow_mut(|fake| fake.answerer = None);
    }
}

/// Lets `answerer` answer every `sys::call` of this thread: it gets the endpoint's handle and the
/// message. It must not itself make calls.
pub fn answer_calls(
    answerer: impl FnMut(Handle, &Message) -> Result<Message, Error> + 'static,
) -> Answering {
    FAKE.with_borrow_mut(|fake| fake.answerer = Some(Box::new(answerer)));
    Answering(())
}

/// While this lives, it is the logd of this thread.
#[derive(Debug)]
#[must_use = "it is told only while this lives"]
pub struct Logd {
    told: Rc<RefCell<Told>>,
    _answering: Answering,
}

/// What a logd was told.
#[derive(Debug, Default)]
struct Told {
    lines: Vec<(Level, String)>,
    /// The last of the lines goes on.
    more: bool,
    proofs: Vec<(String, u32)>,
}

impl Told {
    fn take(&mut self, message: &Message) -> Result<Message, Error> {
        match Request::decode(message) {
            Ok(Request::Write(write)) => {
                let piece = String::from_utf8_lossy(write.text.as_bytes());
                match self.lines.last_mut().filter(|_| self.more) {
                    Some((_, line)) => line.push_str(&piece),
                    None => self.lines.push((write.level, piece.into_owned())),
                }
                self.more = write.text.more();
                Ok(write.answer(Ok(())))
            }
            Ok(Request::Proof(proof)) => {
                let name = String::from_utf8_lossy(proof.name.as_bytes()).into_owned();
                self.proofs.push((name, proof.checks));
                Ok(proof.answer(Ok(())))
            }
            _ => Err(Error::BadSyscall),
        }
    }
}

/// Lets a logd hear the lines and the proofs of this thread, and answer them; it answers no other calls.
pub fn logd() -> Logd {
    crate::log::to_logd(Handle(1));
    let told = Rc::new(RefCell::new(Told::default()));
    let its = Rc::clone(&told);
    let _answering = answer_calls(move |_, message| its.borrow_mut().take(message));
    Logd { told, _answering }
}

impl Logd {
    /// Every line, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<(Level, String)> {
        self.told.borrow().lines.clone()
    }

    /// Every proof, with the checks that it rests on, in order.
    #[must_use]
    pub fn proofs(&self) -> Vec<(String, u32)> {
        self.told.borrow().proofs.clone()
    }
}

/// While this lives, a capability of this thread is gone.
#[derive(Debug)]
#[must_use = "it is gone only while this lives"]
pub struct Revoked(Handle);

/// Lets `sys::cap_query` of this thread say that `cap` was revoked.
pub fn revoke(cap: Handle) -> Revoked {
    FAKE.with_borrow_mut(|fake| fake.revoked.push(cap));
    Revoked(cap)
}

impl Drop for Revoked {
    fn drop(&mut self) {
        FAKE.with_borrow_mut(|fake| fake.revoked.retain(|cap| *cap != self.0));
    }
}

/// What this thread has signalled since this was last asked: which notifications, and which bits of each.
#[must_use]
pub fn signals() -> Vec<(Handle, u64)> {
    FAKE.with_borrow_mut(|fake| core::mem::take(&mut fake.signals))
}

/// While this lives, `sys::reply_recv` of this thread gives what it was made with, one by one, and
/// then `PeerGone`; answers and dropped capabilities are kept.
#[derive(Debug)]
#[must_use = "messages are delivered only while this lives"]
pub struct Delivery(());

/// Lets `sys::reply_recv` of this thread give these, one by one. An error other than `TimedOut`
/// means that the answer sent with that call did not get through.
pub fn deliver(incoming: impl IntoIterator<Item = Result<Received, Error>>) -> Delivery {
    let incoming = incoming.into_iter().collect();
    FAKE.with_borrow_mut(|fake| {
        let Fake { answerer, revoked, signals, .. } = core::mem::take(fake);
        *fake = Fake { answerer, incoming: Some(incoming), revoked, signals, ..Fake::default() }
    });
    Delivery(())
}

impl Delivery {
    /// Every answer that got through: by which reply handle, and what.
    #[must_use]
    pub fn sent(&self) -> Vec<(Handle, Message)> {
        FAKE.with_borrow(|fake| fake.sent.clone())
    }

    /// The deadline of every receive.
    #[must_use]
    pub fn deadlines(&self) -> Vec<u64> {
        FAKE.with_borrow(|fake| fake.deadlines.clone())
    }

    /// The line that each receive acknowledged; NONE where it acknowledged none.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<Handle> {
        FAKE.with_borrow(|fake| fake.acknowledged.clone())
    }

    /// Every capability that was dropped.
    #[must_use]
    pub fn dropped(&self) -> Vec<Handle> {
        FAKE.with_borrow(|fake| fake.dropped.clone())
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        FAKE.with_borrow_mut(|fake| fake.incoming = None);
    }
}

/// A message as it arrives from a service, to be answered by `reply`.
#[must_use]
pub fn received(service_id: u32, reply: Handle, message: Message) -> Received {
    Received { message, sender: Sender { service_id, incarnation: 1 }, reply }
}

/// The calls. Those that a test cannot stand in for fail with `BadSyscall`.
#[allow(unsafe_code, reason = "declares what is unsafe on the target")]
pub(crate) mod calls {
    use std::sync::OnceLock;
    use std::time::Instant;

    use nexus_abi::{
        CapInfo, Error, Handle, IrqInfo, Message, ProcessInfo, Prot, Received, Rights, Sender,
    };

    use super::FAKE;

    macro_rules! refused {
        ([$($pub:tt)+] $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty) => {
            #[doc = concat!("See `nexus_abi::", stringify!($name), "`.")]
            ///
            /// # Errors
            /// Always `BadSyscall` on a host.
            ///
            /// # Safety
            /// None is needed on a host.
            $($pub)+ fn $name($(_: $ty),*) -> Result<$ret, Error> {
                Err(Error::BadSyscall)
            }
        };
    }

    /// Rows of `nexus_abi::SYSCALLS` that have a plain stub; a test compares the two.
    macro_rules! plain {
        (
            safe { $(fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty;)+ }
            unsafe { $(fn $name2:ident($($arg2:ident: $ty2:ty),*) -> $ret2:ty;)+ }
        ) => {
            $(refused!([pub] $name($($arg: $ty),*) -> $ret);)+
            $(refused!([pub unsafe] $name2($($arg2: $ty2),*) -> $ret2);)+
            #[cfg(test)]
            pub(crate) const PLAIN: &[(&str, &[(&str, &str)], &str)] = &[
                $((stringify!($name), &[$((stringify!($arg), stringify!($ty))),*],
                   stringify!($ret)),)+
                $((stringify!($name2), &[$((stringify!($arg2), stringify!($ty2))),*],
                   stringify!($ret2)),)+
            ];
        };
    }

    plain! {
        safe {
            fn yield_now() -> ();
            fn wait(notification: Handle, deadline: u64, irq: Handle) -> u64;
            fn endpoint_create() -> Handle;
            fn notification_create() -> Handle;
            fn endpoint_bind(endpoint: Handle, notification: Handle) -> ();
            fn vmo_create(pages: u64) -> Handle;
            fn vmo_seal(vmo: Handle) -> ();
            fn cap_derive(cap: Handle, rights: Rights, offset: u64, len: u64) -> Handle;
            fn cap_revoke(cap: Handle) -> ();
            fn cap_install(process: Handle, cap: Handle, rights: Rights) -> Handle;
            fn process_create(spawn: Handle, service_id: u64, budget: u64, notification: Handle, bits: u64) -> Handle;
            fn process_end(process: Handle, code: u64) -> ();
            fn process_stat(process: Handle) -> ProcessInfo;
            fn cap_inspect(process: Handle, cursor: u64) -> (u64, Option<CapInfo>);
            fn thread_exit() -> ();
            fn console_write(console: Handle, len: u64, w0: u64, w1: u64, w2: u64, w3: u64) -> ();
            fn irq_bind(irq: Handle, notification: Handle, bits: u64, window: Handle, offset: u64) -> ();
            fn irq_ack(irq: Handle, value: u64) -> ();
            fn irq_stat(irq: Handle) -> IrqInfo;
            fn time_stat(spawn: Handle, priority: u64) -> u64;
            fn cap_limit(cap: Handle, limit: u64) -> ();
            fn mmio_write(window: Handle, offset: u64, value: u64) -> ();
            fn dma_create(window: Handle, pages: u64, role: u64) -> Handle;
            fn dma_quiet(window: Handle) -> ();
            fn dma_place(table: Handle, index: u64, object: Handle, offset: u64, len: u64, flags: u64) -> ();
            fn mmio_write_dma(window: Handle, offset: u64, object: Handle, object_offset: u64) -> ();
        }
        unsafe {
            fn vmo_map(process: Handle, vmo: Handle, offset: u64, len: u64, va: u64, prot: Prot) -> u64;
            fn mmio_map(window: Handle, offset: u64, len: u64, va: u64, prot: Prot) -> u64;
            fn unmap(va: u64) -> ();
            fn protect(va: u64, prot: Prot) -> ();
            fn thread_create(process: Handle, entry: u64, stack: u64, arg: u64, priority: u64) -> Handle;
        }
    }

    /// Hands the message to the test's answerer.
    ///
    /// # Errors
    /// What the answerer returns; `BadSyscall` when there is none.
    pub fn call(endpoint: Handle, message: &Message, _: u64) -> Result<Received, Error> {
        FAKE.with_borrow_mut(|fake| match &mut fake.answerer {
            None => Err(Error::BadSyscall),
            Some(answerer) => answerer(endpoint, message).map(|message| Received {
                message,
                sender: Sender::default(),
                reply: Handle::NONE,
            }),
        })
    }

    /// Gives the next message of the test's delivery.
    ///
    /// # Errors
    /// What the test says; `PeerGone` after the last; `BadSyscall` when there is no delivery.
    pub fn reply_recv(
        _: Handle,
        reply: Handle,
        message: &Message,
        deadline: u64,
    ) -> Result<Received, Error> {
        FAKE.with_borrow_mut(|fake| {
            fake.deadlines.push(deadline);
            fake.acknowledged.push(Handle::NONE);
            let incoming = fake.incoming.as_mut().ok_or(Error::BadSyscall)?;
            let next = incoming.pop_front();
            let arrived = matches!(next, None | Some(Ok(_) | Err(Error::TimedOut)));
            if reply != Handle::NONE && arrived {
                fake.sent.push((reply, *message));
            }
            next.unwrap_or(Err(Error::PeerGone))
        })
    }

    /// As [`reply_recv`]; keeps the line.
    ///
    /// # Errors
    /// As there.
    pub fn reply_recv_ack(
        endpoint: Handle,
        reply: Handle,
        message: &Message,
        deadline: u64,
        irq: Handle,
    ) -> Result<Received, Error> {
        let received = reply_recv(endpoint, reply, message, deadline);
        FAKE.with_borrow_mut(|fake| {
            fake.acknowledged.pop();
            fake.acknowledged.push(irq);
        });
        received
    }

    /// Keeps the answer.
    ///
    /// # Errors
    /// `BadSyscall` when there is no delivery.
    pub fn reply(reply: Handle, message: &Message) -> Result<(), Error> {
        FAKE.with_borrow_mut(|fake| {
            fake.incoming.as_ref().ok_or(Error::BadSyscall)?;
            fake.sent.push((reply, *message));
            Ok(())
        })
    }

    /// Keeps the handle.
    ///
    /// # Errors
    /// `BadHandle` for a reply that was used; `BadSyscall` when there is no delivery.
    pub fn cap_drop(cap: Handle) -> Result<(), Error> {
        FAKE.with_borrow_mut(|fake| {
            fake.incoming.as_ref().ok_or(Error::BadSyscall)?;
            if fake.sent.iter().any(|(reply, _)| *reply == cap) {
                return Err(Error::BadHandle);
            }
            fake.dropped.push(cap);
            Ok(())
        })
    }

    /// Sets bits, for [`super::signals`].
    ///
    /// # Errors
    /// `BadHandle` for what is revoked.
    pub fn signal(notification: Handle, bits: u64) -> Result<(), Error> {
        FAKE.with_borrow_mut(|fake| {
            if fake.revoked.contains(&notification) {
                return Err(Error::BadHandle);
            }
            match fake.signals.iter_mut().find(|(at, _)| *at == notification) {
                Some((_, set)) => *set |= bits,
                None => fake.signals.push((notification, bits)),
            }
            Ok(())
        })
    }

    /// Says what the test has it say.
    ///
    /// # Errors
    /// `BadHandle` for what is revoked; `BadSyscall` for all else.
    pub fn cap_query(cap: Handle) -> Result<CapInfo, Error> {
        let revoked = FAKE.with_borrow(|fake| fake.revoked.contains(&cap));
        Err(if revoked { Error::BadHandle } else { Error::BadSyscall })
    }

    /// Ticks of 100 ns since the first call.
    #[must_use]
    pub fn ticks() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        let elapsed = START.get_or_init(Instant::now).elapsed();
        u64::try_from(elapsed.as_nanos() / 100).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plain_call_of_the_table_is_here() {
        // Not wrapped: `null` has no use for a service. The others are written out.
        let others = ["null", "call", "reply_recv", "reply", "cap_drop", "cap_query", "signal"];
        let table = nexus_abi::SYSCALLS.iter().filter(|row| !others.contains(&row.name));
        let mut table: Vec<_> = table.map(|row| (row.name, row.args, row.result)).collect();
        let mut here = calls::PLAIN.to_vec();
        table.sort_unstable();
        here.sort_unstable();
        assert_eq!(table, here);
    }

    #[test]
    fn a_test_answers_calls_while_it_wants_to() {
        let asked = Message::new(7, &[1, 2]);
        assert_eq!(calls::call(Handle(5), &asked, 0), Err(Error::BadSyscall));
        let answering = answer_calls(|endpoint, message| {
            Ok(Message::new(message.tag.label() + 1, &[endpoint.0]))
        });
        assert_eq!(calls::call(Handle(5), &asked, 0).unwrap().message, Message::new(8, &[5]));
        drop(answering);
        assert_eq!(calls::call(Handle(5), &asked, 0), Err(Error::BadSyscall));
    }

    #[test]
    fn a_logd_hears_whole_lines_and_proofs() {
        let long = "x".repeat(2 * nexus_proto::Text::MAX + 1);
        let logd = logd();
        crate::warn!("{long}");
        crate::info!("short");
        crate::proof("shown", 3).unwrap();
        assert_eq!(logd.lines(), [(Level::Warn, long), (Level::Info, "short".into())]);
        assert_eq!(logd.proofs(), [("shown".into(), 3)]);
    }
}
