//! Which interrupt line each node has.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use nexus_devicetree::{Controller, Specifier, Tree};
use nexus_proto::init::Refusal;
use nexus_proto::policy::NO_LINE;

/// What a controller is called whose lines can be given: the PLIC.
const PLIC: [&str; 2] = ["riscv,plic0", "sifive,plic-1.0.0"];

/// Highest number of a line (PLIC specification 1.0.0, chapter 1).
const LAST: u16 = 1023;

/// What the tree says of the lines of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Line {
    /// Of none, of several, or something that is in doubt.
    #[default]
    None,
    /// Of this one, which no other node that is switched on may mean.
    Own(u16),
    /// Of one that another node may mean.
    Shared,
}

impl Line {
    /// Its number, if it can be given.
    ///
    /// # Errors
    /// `NoLine`, `LineShared`.
    pub fn own(self) -> Result<u16, Refusal> {
        match self {
            Line::Own(number) => Ok(number),
            Line::None => Err(Refusal::NoLine),
            Line::Shared => Err(Refusal::LineShared),
        }
    }

    /// The same as it travels.
    #[must_use]
    pub fn number(self) -> u16 {
        self.own().unwrap_or(NO_LINE)
    }
}

/// The handles of a tree. Of one that two nodes have, nothing is known.
#[derive(Default)]
struct Handles(BTreeMap<u32, Option<Specifier>>);

impl Handles {
    fn add(&mut self, handle: u32, specifier: Option<Specifier>) {
        self.0.entry(handle).and_modify(|known| *known = None).or_insert(specifier);
    }

    fn get(&self, handle: u32) -> Option<Specifier> {
        self.0.get(&handle).copied().flatten()
    }
}

/// What the tree says of the line of each node, in the order of [`Tree::walk`], of the first `most`.
///
/// # Errors
/// As for [`Tree::walk`].
pub(super) fn lines(tree: Tree<'_>, most: usize) -> Result<Vec<Line>, nexus_devicetree::TreeError> {
    let (mut handles, mut plics) = (Handles::default(), Vec::new());
    tree.walk(&mut |node| {
        if let Some(handle) = node.handle() {
            handles.add(handle, node.specifier());
        }
        if node.on() && PLIC.iter().any(|name| node.is(name)) {
            plics.push(node.handle());
        }
    })?;
    let one_cell = |handle: &u32| handles.get(*handle).is_some_and(|known| known.line == 1);
    let plic = match plics.as_slice() {
        [handle] => handle.filter(one_cell),
        _ => None,
    };
    let known = |handle| handles.get(handle);
    let (mut own, mut named) = (Vec::new(), BTreeMap::<u32, u32>::new());
    tree.walk(&mut |node| {
        let mut meant = Vec::new();
        let controller = plic.map(|handle| Controller { handle, known: &known });
        let line = controller.and_then(|plic| node.line(plic, &mut |line| meant.push(line)));
        if own.len() < most {
            own.push(line);
        }
        meant.sort_unstable();
        meant.dedup();
        for line in meant.into_iter().filter(|_| node.on()) {
            *named.entry(line).or_default() += 1;
        }
    })?;
    let times = |line: u32| named.get(&line).copied().unwrap_or(0);
    Ok(own.into_iter().map(|line| of(line, &times)).collect())
}

/// `times` is how many nodes that are switched on may mean a line.
fn of(line: Option<u32>, times: &impl Fn(u32) -> u32) -> Line {
    let Some(line) = line else { return Line::None };
    match u16::try_from(line) {
        Ok(number @ 1..=LAST) if times(line) <= 1 => Line::Own(number),
        Ok(1..=LAST) => Line::Shared,
        _ => Line::None,
    }
}
