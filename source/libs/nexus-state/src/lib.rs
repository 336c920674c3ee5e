//! The client of the store: keys and values by the ring that a service shares with statefsd.
//!
//! ```ignore
//! let mut state = nexus_state::open()?;
//! state.put("boots/last", b"7", Expect::Any)?; // seen from now on, and not durable yet
//! state.sync()?;                               // now it is, with all that was put before
//! let value = state.get(OWN, "boots/last")?;
//! let page = state.list(OWN, "boots", None, 64, true)?;
//! ```
//!
//! Keys have 1 to 255 bytes of UTF-8, in parts that slashes separate; a prefix is whole parts. `owner` says whose
//! tree: [`OWN`], or the service id of another, which a line of the policy must open.
//!
//! # When statefsd ends
//!
//! Its next life is attached to by itself, and what may be asked twice is asked again. What may not is told:
//!
//! - [`Error::Unknown`]: a change was in flight. Whether it was made is not known; whoever said which version it
//!   wants to replace, and is the only one who writes this key, finds out by [`State::was_made`].
//! - [`Error::Lost`]: changes were answered and no sync after them was. The store may be without them. It is told
//!   once, by the next call, which does nothing else: a later change must not be there without them unnoticed.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod answer;
mod error;
mod link;
mod request;
mod session;
mod state;
#[cfg(test)]
mod tests;

pub use answer::{Checked, Found, Page, Row, RowRef, Rows, Usage, Value, Version};
pub use error::{Damage, Error};
pub use link::{Link, RingLink, open, open_with};
pub use request::{Change, Expect, OWN};
pub use state::State;
