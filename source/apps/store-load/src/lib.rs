//! Loads of the store, the same as those of SQLite beside it (tests/peers/sqlite): one program does them, eight others
//! put at the same time as each other when it says so (`cargo nexus bench --store`).
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod client;
mod gate;
mod keys;
pub mod load;
mod size;

/// Service id of who has the clients put, and whose tree it is.
pub const LOAD: u32 = 110;
/// How many clients there are.
pub const CLIENTS: usize = 8;

/// Why there is no measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// As every test program.
    Program(nexus_test::Failed),
    /// The store.
    Store(nexus_state::Error),
    /// It did not have what it must.
    Wrong(&'static str),
}

macro_rules! of_a_program {
    ($($why:ty)*) => {$(
        impl From<$why> for Failed {
            fn from(why: $why) -> Failed {
                Failed::Program(why.into())
            }
        }
    )*};
}

of_a_program! { nexus_test::Failed nexus_abi::Error nexus_rt::StartError nexus_rt::CallError }

impl From<nexus_state::Error> for Failed {
    fn from(why: nexus_state::Error) -> Failed {
        Failed::Store(why)
    }
}
