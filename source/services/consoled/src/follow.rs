//! Follows the log: what the services write, for the terminal.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_proto::log::{FindLine, Level, LineInfo, LineKind, LineText, Log};
use nexus_rt::{CallError, Client, Deadline};
use nexus_sysdesc::{Description, Profile};

use crate::guard::{Line, clean};

/// Milliseconds that logd has to answer.
const ANSWER_MS: u64 = 50;
/// Most pieces of a line that are asked for.
const MAX_PIECES: usize = 16;

/// Reads the log from its beginning, line by line.
#[derive(Debug)]
pub struct Follower {
    logd: Client<Log>,
    /// Number of the next line.
    next: u64,
    /// Tick before which lines are not shown.
    since: u64,
    names: Vec<(u32, String)>,
    nonce: u64,
    /// Shows every line and the proofs; else only what is wrong.
    all: bool,
}

impl Follower {
    /// Follows the log of a system: in the test profile every line and proof, else warnings and
    /// errors. `nonce` is the number of this run.
    #[must_use]
    pub fn new(logd: Client<Log>, description: &Description, nonce: u64) -> Follower {
        let name = |service: &nexus_sysdesc::Service| (service.id, service.name.clone());
        Follower {
            logd,
            next: 0,
            since: 0,
            names: description.services.iter().map(name).collect(),
            nonce,
            all: description.profile == Profile::Test,
        }
    }

    /// The same, but for lines from before this tick: an earlier life has shown them.
    #[must_use]
    pub const fn since(mut self, tick: u64) -> Follower {
        self.since = tick;
        self
    }

    /// The next line that is to be shown; `None` when there is none now.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            let info = self.ask(&FindLine { line: self.next }).ok()?;
            if info.line < self.next {
                return None;
            }
            let lost = info.line - self.next.max(1);
            if self.next > 0 && lost > 0 && self.all {
                self.next = info.line;
                let gone = format!("({lost} older lines of the log are gone)");
                return Some(Line::new(gone.as_bytes(), false));
            }
            let matters = self.all || (info.kind == LineKind::Line && info.level >= Level::Warn);
            let wanted = matters && info.ticks >= self.since;
            // What cannot be read whole now is read again at the next look.
            let line = if wanted { Some(self.format(&info, &self.text(&info)?)) } else { None };
            self.next = info.line + 1;
            if line.is_some() {
                return line;
            }
        }
    }

    fn ask<O: nexus_proto::Operation<Protocol = Log>>(
        &self,
        ask: &O,
    ) -> Result<O::Reply, CallError> {
        self.logd.call(ask, Deadline::after_ms(ANSWER_MS))
    }

    fn text(&self, info: &LineInfo) -> Option<String> {
        let mut bytes = Vec::new();
        for _ in 0..MAX_PIECES {
            let offset = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let ask = LineText { line: info.line, offset, zero: nexus_proto::Zero::ZERO };
            let text = match self.ask(&ask) {
                Ok(text) => text,
                // It has made room for a newer line meanwhile.
                Err(CallError::Service(_)) => break,
                Err(_) => return None,
            };
            bytes.extend_from_slice(text.as_bytes());
            if !text.more() {
                break;
            }
        }
        Some(clean(&bytes))
    }

    /// A proof is a record, in the words of this service; a line is its writer's.
    fn format(&self, info: &LineInfo, text: &str) -> Line {
        let name = self.name(info.sender.id);
        let cut = if info.cut { "…" } else { "" };
        let line = match (info.kind, info.level) {
            (LineKind::Proof, _) => format!("@nx {:016x} proof {name} {text}", self.nonce),
            (LineKind::Line, Level::Warn) => format!("{name}: warning: {text}{cut}"),
            (LineKind::Line, Level::Error) => format!("{name}: error: {text}{cut}"),
            (LineKind::Line, _) => format!("{name}: {text}{cut}"),
        };
        Line::new(line.as_bytes(), info.kind == LineKind::Proof)
    }

    fn name(&self, id: u32) -> String {
        let known = self.names.iter().find(|(known, _)| *known == id);
        known.map_or_else(|| format!("service {id}"), |(_, name)| name.to_string())
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
