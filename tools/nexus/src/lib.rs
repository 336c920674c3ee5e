//! The host side of Nexus: description, image, build, runs and their verdict.
#![forbid(unsafe_code)]

#[macro_use]
pub mod output;

pub mod abi_doc;
pub mod assure;
pub mod attacks;
pub mod audit;
pub mod bench;
pub mod broken;
pub mod build;
pub mod check;
pub mod ci;
pub mod cli;
pub mod columns;
pub mod debugger;
pub mod desc;
pub mod disk;
pub mod exit;
pub mod faults;
pub mod files;
pub mod fuzz;
pub mod image;
pub mod ledger;
mod page_guest;
pub mod paths;
pub mod progress;
mod prompt;
pub mod protocol;
pub mod qemu;
pub mod run;
pub mod setup;
mod steps;
pub mod symbolize;
pub mod test_broken;
pub mod test_os;
pub mod toolchain;
pub mod visible;
pub mod witness;
