//! What could not be read, and may hold what others speak of: no reason to refuse those as well.

use super::model::System;
use std::collections::BTreeSet;

/// What is not known of a system because of mistakes that are told already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread {
    /// A file of a base, or of a whole directory: anything may stand there.
    pub(crate) base: bool,
    /// Some device of the board has no name that could be read, or the board none of them.
    pub(crate) board: bool,
    /// The network of the board.
    pub(crate) network: bool,
    /// Names of services of which something could not be read.
    pub(crate) services: BTreeSet<String>,
    /// Names of devices of which something could not be read.
    pub(crate) devices: BTreeSet<String>,
    /// Lines of the policy: subject and what they allow or permit, as far as they could be read.
    pub(crate) lines: Vec<(Option<String>, Option<String>)>,
}

impl Unread {
    pub(crate) fn add(&mut self, other: Unread) {
        self.base |= other.base;
        self.board |= other.board;
        self.network |= other.network;
        self.services.extend(other.services);
        self.devices.extend(other.devices);
        self.lines.extend(other.lines);
    }
}

impl System {
    /// True when there may be such a service, of which nothing could be read.
    pub(crate) fn may_have_service(&self, name: &str) -> bool {
        self.unread.base || self.unread.services.contains(name)
    }

    /// True when there may be such a device, of which nothing could be read.
    pub(crate) fn may_have_device(&self, name: &str) -> bool {
        self.unread.base || self.unread.board || self.unread.devices.contains(name)
    }

    /// True when a line that could not be read may give `subject` what is `wanted`.
    pub(crate) fn may_allow(&self, subject: &str, wanted: &str) -> bool {
        let fits =
            |part: &Option<String>, word: &str| part.as_deref().is_none_or(|one| one == word);
        self.unread.base
            || self.unread.lines.iter().any(|(who, what)| fits(who, subject) && fits(what, wanted))
    }

    /// True when all that the service `name` asks for could be read.
    pub(crate) fn is_whole(&self, name: &str) -> bool {
        !self.may_have_service(name)
    }
}
