//! An interrupt controller with one context, as the PLIC specification (1.0.0) has it, in front of
//! lines that are levels.
//!
//! The gateway of a line forwards one request for each interrupt: it looks at the level when it rises
//! and when an interrupt is completed, and not while one is claimed. QEMU remembers a level that was
//! there for a moment in between; hardware does not.

use std::vec::Vec;

/// One line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The device asks for an interrupt.
    pub level: bool,
    /// A request was forwarded, and waits to be claimed.
    pub pending: bool,
    /// An interrupt was claimed, and not completed: the gateway forwards nothing.
    pub claimed: bool,
    /// The line is enabled.
    pub open: bool,
}

/// The controller. Every enabled line has the same priority: the lowest number is first.
#[derive(Clone, Debug)]
pub struct Plic {
    /// By number; the first is no line.
    pub sources: Vec<Source>,
    /// Completions of lines that were disabled, which had no effect.
    pub ignored: u32,
    /// What the next claim gives, whatever the lines say: a controller that errs.
    pub wrong: Option<u32>,
}

impl Plic {
    /// A controller with lines 1 to `lines`, all disabled.
    #[must_use]
    pub fn new(lines: u32) -> Plic {
        let sources = std::vec![Source::default(); lines as usize + 1];
        Plic { sources, ignored: 0, wrong: None }
    }

    /// A line, by its number.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn source(&self, line: u32) -> Source {
        self.sources[line as usize]
    }

    /// The device raises or lowers its level.
    ///
    /// # Panics
    /// When there is no such line.
    pub fn set_level(&mut self, line: u32, level: bool) {
        self.sources[line as usize].level = level;
        self.forward(line);
    }

    /// True when an interrupt waits to be claimed.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.wrong.is_some() || self.sources.iter().any(|source| source.open && source.pending)
    }

    pub(super) fn claim(&mut self) -> u32 {
        if let Some(wrong) = self.wrong.take() {
            return wrong;
        }
        let mut sources = (0..).zip(&mut self.sources);
        let Some((line, source)) = sources.find(|(_, source)| source.open && source.pending) else {
            return 0;
        };
        (source.pending, source.claimed) = (false, true);
        line
    }

    pub(super) fn complete(&mut self, line: u32) {
        let source = &mut self.sources[line as usize];
        assert!(source.claimed, "line {line} is completed that was not claimed");
        if !source.open {
            self.ignored += 1;
            return;
        }
        source.claimed = false;
        self.forward(line);
    }

    /// Enables or disables a line.
    ///
    /// # Panics
    /// When there is none.
    pub fn enable(&mut self, line: u32, open: bool) {
        self.sources[line as usize].open = open;
    }

    fn forward(&mut self, line: u32) {
        let source = &mut self.sources[line as usize];
        source.pending |= source.level && !source.claimed;
    }
}
