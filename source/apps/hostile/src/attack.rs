//! What an attack is.

use nexus_abi::Prot;

use crate::code::Instruction;
use crate::fault::Fault;
use crate::table;

/// Service id of the first attack of the tests (tests/overlay); the others follow in the order of the
/// table.
pub const FIRST_ID: u32 = 901;

/// Service id of the first attack with a window of its own (tests/systems/windows).
pub const FIRST_WITH_WINDOW: u32 = 100;

/// One attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attack {
    /// Its name.
    pub name: &'static str,
    /// What the process does, for people: "it …".
    pub deed: &'static str,
    /// What the process does.
    pub role: Role,
}

/// What a hostile process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs instructions that must end it.
    Faulty(Faulty),
    /// Makes objects until its budget is spent, and ends holding all of them.
    Spam,
    /// Receives a call, tells its reply handle to the thief, and answers twice.
    Hold,
    /// Tries to answer a call that another process received.
    Steal,
    /// Asks for what only others may have.
    Ask,
    /// Writes lines to the log as fast as it can.
    Flood,
}

/// Instructions that must end the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faulty {
    /// What is mapped at [`crate::place::PAGE`] first.
    pub page: Page,
    /// The address that the instructions get.
    pub target: u64,
    /// The instructions, at [`crate::place::CODE`].
    pub code: &'static [Instruction],
    /// Where the thread begins.
    pub entry: u64,
    /// How the process must end.
    pub end: Fault,
}

/// What is mapped at [`crate::place::PAGE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Nothing.
    Nothing,
    /// The device window of the process.
    Window(Prot),
    /// Memory, readable and writable, with the instructions in it.
    Memory,
}

impl Attack {
    /// The attack that the service with this id carries out.
    #[must_use]
    pub fn of_service(id: u32) -> Option<&'static Attack> {
        Attack::services().find_map(|(one, attack)| (one == id).then_some(attack))
    }

    /// Every attack with the id of its service. Those with a window of their own come first.
    pub fn services() -> impl Iterator<Item = (u32, &'static Attack)> {
        let with_window = (FIRST_WITH_WINDOW..).zip(table::WITH_WINDOW);
        with_window.chain((FIRST_ID..).zip(table::ALL))
    }

    /// True when the process holds a device window.
    #[must_use]
    pub const fn has_window(&self) -> bool {
        matches!(self.role, Role::Faulty(Faulty { page: Page::Window(_), .. }))
    }
}
