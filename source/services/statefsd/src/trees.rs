//! Which tree a request is about, and whether whoever asks may.
//!
//! The kernel's stamp says who asks, for it says with whom a ring is shared; the description says which tree that
//! service has, and which lines of the policy open others. No name, and nothing in a request, decides it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use nexus_proto::log;
use nexus_proto::state::ring as wire;
use nexus_store::{Key, Quota, TreeId};
use nexus_sysdesc::{Description, StateRight};

/// A line of the policy that opens a tree of another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    owner: u32,
    prefix: alloc::string::String,
    rights: u8,
    /// Its number in the description.
    number: u16,
}

/// What one service may see of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    service: u32,
    own: Option<TreeId>,
    lines: Vec<Line>,
}

/// Every tree, and who may see what.
#[derive(Clone, Debug, Default)]
pub struct Trees {
    /// By service.
    trees: BTreeMap<u32, (TreeId, Quota)>,
    known: BTreeSet<TreeId>,
    lines: Vec<(u32, Line)>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The service has no tree of its own.
    NoTree,
    /// It asks for what is not opened to it. The number of the line that opens some of that tree to it; 0 for none.
    Denied {
        /// The line.
        rule: u16,
        /// For what it asked.
        right: StateRight,
    },
}

impl Refusal {
    /// The status of such a request.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Refusal::NoTree => wire::NO_TREE,
            Refusal::Denied { .. } => wire::DENIED,
        }
    }
}

impl Trees {
    /// As the description says.
    #[must_use]
    pub fn new(description: &Description) -> Trees {
        let trees = description.services.iter().filter_map(|service| {
            let tree = service.tree?;
            let quota = Quota { keys: tree.keys, bytes: tree.bytes };
            Some((service.id, (TreeId(tree.id), quota)))
        });
        let trees: BTreeMap<_, _> = trees.collect();
        let lines = description.opens().map(|(subject, open)| {
            let number = description.line_of_open(subject, open.owner, &open.prefix);
            let prefix = open.prefix.clone();
            let number = number.unwrap_or_default();
            (subject, Line { owner: open.owner, prefix, rights: open.rights, number })
        });
        let known = trees.values().map(|(tree, _)| *tree).collect();
        Trees { known, lines: lines.collect(), trees }
    }

    /// Each tree that a service has, and what it may use.
    pub fn quotas(&self) -> impl Iterator<Item = (TreeId, Quota)> {
        self.trees.values().copied()
    }

    /// What a tree may use.
    #[must_use]
    pub fn quota(&self, tree: TreeId) -> Option<Quota> {
        self.quotas().find_map(|(other, quota)| (other == tree).then_some(quota))
    }

    /// True for a tree that no service has: it is kept, and opened to nobody.
    #[must_use]
    pub fn is_orphan(&self, tree: TreeId) -> bool {
        !self.known.contains(&tree)
    }

    /// What this service may see.
    #[must_use]
    pub fn access(&self, service: u32) -> Access {
        let own = self.trees.get(&service).map(|(tree, _)| *tree);
        let lines = self.lines.iter().filter(|(subject, _)| *subject == service);
        Access { service, own, lines: lines.map(|(_, line)| line.clone()).collect() }
    }

    /// The tree of a service.
    #[must_use]
    pub fn of(&self, service: u32) -> Option<TreeId> {
        self.trees.get(&service).map(|(tree, _)| *tree)
    }
}

impl Access {
    /// The tree of `owner` (0: its own), when every key of `keys` in it is open to this service for `right`.
    /// None stands for all keys.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn to<'a>(
        &self,
        trees: &Trees,
        owner: u32,
        right: StateRight,
        keys: impl IntoIterator<Item = Option<Key<'a>>>,
    ) -> Result<TreeId, Refusal> {
        if owner == 0 || owner == self.service {
            return self.own.ok_or(Refusal::NoTree);
        }
        let opens = |key: Option<Key<'_>>| {
            self.lines.iter().any(|line| line.owner == owner && line.opens(right, key))
        };
        let open = keys.into_iter().all(opens);
        let tree = trees.of(owner).filter(|_| open && self.has_line(owner));
        tree.ok_or_else(|| self.denied(owner, right))
    }

    /// The tree of `owner` (0: its own), when any key of it is open to this service for `right`.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn to_some(&self, trees: &Trees, owner: u32, right: StateRight) -> Result<TreeId, Refusal> {
        let opened = |line: &&Line| line.owner == owner && line.rights & right.bit() != 0;
        match self.lines.iter().find(opened) {
            Some(_) => trees.of(owner).ok_or_else(|| self.denied(owner, right)),
            None => self.to(trees, owner, right, [None]),
        }
    }

    fn has_line(&self, owner: u32) -> bool {
        self.lines.iter().any(|line| line.owner == owner)
    }

    fn denied(&self, owner: u32, right: StateRight) -> Refusal {
        let line = self.lines.iter().find(|line| line.owner == owner);
        Refusal::Denied { rule: line.map_or(0, |line| line.number), right }
    }
}

impl Line {
    /// Whether it opens this key, or everything under it, for this; none stands for all keys.
    fn opens(&self, right: StateRight, key: Option<Key<'_>>) -> bool {
        let covers = || match (Key::new(&self.prefix), key) {
            (Ok(prefix), Some(key)) => key.is_under(prefix),
            _ => self.prefix.is_empty(),
        };
        self.rights & right.bit() != 0 && covers()
    }
}

/// What that is called where denials are told.
pub(crate) const fn asked(right: StateRight) -> log::Access {
    match right {
        StateRight::Get => log::Access::Get,
        StateRight::List => log::Access::List,
        StateRight::Put => log::Access::Put,
    }
}
