//! What a test program has seen to be so, or not.

use alloc::format;
use alloc::string::String;
use core::convert::Infallible;

use crate::{Failed, Host};

/// How many checks a fact rests on, or what is wrong with it.
pub type Check = Result<u32, String>;

/// The facts of a run, as they are told to the host.
#[derive(Debug)]
pub struct Facts {
    /// The way to the host.
    pub host: Host,
    passed: u32,
    failed: u32,
}

impl Facts {
    /// None so far.
    #[must_use]
    pub const fn new(host: Host) -> Facts {
        Facts { host, passed: 0, failed: 0 }
    }

    /// Proves the fact `name`, if something was checked and nothing is wrong, and says how it stands.
    ///
    /// # Errors
    /// The host cannot be told.
    pub fn tell(&mut self, name: &str, check: &Check) -> Result<(), Failed> {
        let words = name.replace('-', " ");
        match check {
            Ok(0) => {
                self.host
                    .console
                    .line(&format!("SELFTEST: {words} FAILED: nothing was checked"))?;
                self.failed += 1;
            }
            Ok(checks) => {
                self.host.console.line(&format!("SELFTEST: {words} ok"))?;
                nexus_rt::proof(name, *checks)?;
                self.passed += 1;
            }
            Err(why) => {
                self.host.console.line(&format!("SELFTEST: {words} FAILED: {why}"))?;
                self.failed += 1;
            }
        }
        Ok(())
    }

    /// Ends the first of two boots: without a verdict, unless something is wrong.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn end_first_boot(&self) -> Result<Infallible, Failed> {
        if self.failed > 0 { self.end() } else { Ok(self.host.end_first_boot()?) }
    }

    /// Tells how the facts came out, and ends the machine.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn end(&self) -> Result<Infallible, Failed> {
        Ok(self.host.end(self.passed, self.failed)?)
    }
}
