//! httpd: serves the page that shows the machine.
//!
//! It owns nothing, and may `view` and nothing else. [`facts`] is where all that is known comes from, [`collect`]
//! asks for it within a quota, [`model`] is one snapshot of it; [`site`] makes page, JSON and metrics of that,
//! once a second at most. [`serve`] takes connections, [`connection`] bounds what they cost, and picoserve reads
//! requests and writes answers. Everything here runs on the host too, under its tests.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod answer;
pub mod ask;
pub mod collect;
pub mod connection;
#[cfg(any(test, feature = "fake"))]
pub mod exercise;
pub mod facts;
pub mod head;
pub mod hosts;
pub mod metrics;
pub mod model;
mod one;
pub mod page;
pub mod room;
pub mod serve;
pub mod site;
pub mod stack;

#[cfg(test)]
mod tests;
