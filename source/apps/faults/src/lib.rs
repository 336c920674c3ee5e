//! Faults at scale (test profile only, `tests/systems/faults`): the drivers of the standard system with 8 to 16
//! faults in the code of each second life, and an honest life after each.
//!
//! The system has an init of its own, which changes its copy of a driver's code before it is mapped
//! ([`change`]), ends a life at its deadline, and says how it ended ([`ask`]). The [`keeper`] has the lives
//! follow each other, uses the driver in each, and counts ([`counts`]). [`others`] is a service between init and
//! the drivers: it sees, in instructions, that nobody else is late. One life in 16 has no faults, but registers with
//! random values ([`lies`]); in some honest lives a [`consumer`] writes at random into the ring of the driver.
//!
//! Kinds of faults: those of the studies of Ng and Chen (FTCS 1999), of MINIX 3 (DSN 2007) and of CuriOS (OSDI
//! 2008), as far as they can be made in machine code.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod ask;
pub mod change;
pub mod consumer;
pub mod counts;
pub mod keeper;
pub mod lies;
pub mod others;
