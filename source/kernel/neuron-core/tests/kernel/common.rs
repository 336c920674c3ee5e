//! What many tests begin with.

pub use neuron_core::sim::{Child, Config, Status, User, World, fault, run, run_with};
pub use nexus_abi::{
    Error, Handle, MAX_PAGES_PER_CALL, Message, NO_DEADLINE, PAGE_SIZE, Prot, Rights, Sender,
    Syscall, Tag, USER_END,
};

pub const PAGE: u64 = PAGE_SIZE;
/// Where tests map things.
pub const VA: u64 = 0x10_0000_0000;

pub const R: Prot = Prot::READ;
pub const RW: Prot = Prot::READ.union(Prot::WRITE);
pub const RX: Prot = Prot::READ.union(Prot::EXEC);

/// As init hands a window to its owner: to use, not to pass on.
pub const USE: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE);
/// As init keeps the window it handed out.
pub const KEEP: Rights =
    USE.union(Rights::DERIVE).union(Rights::GRANT).union(Rights::REVOKE).union(Rights::MANAGE);

/// A process that owns a window, as after distribution.
pub struct Owner {
    pub child: Child,
    pub user: User,
    /// The window, in the owner's table.
    pub window: Handle,
    /// What init keeps of it.
    pub kept: Handle,
}

/// A new process with `pages` pages of the first root window, from page `first`.
pub fn owner_of(w: &mut World<'_>, service_id: u64, first: u64, pages: u64) -> Owner {
    owner_with(w, service_id, w.roots[0], (first, pages), USE)
}

pub fn owner_with(
    w: &mut World<'_>,
    service_id: u64,
    root: Handle,
    (first, pages): (u64, u64),
    rights: Rights,
) -> Owner {
    let child = w.child(service_id, 32, 64);
    let kept = w.derive_part(w.init, root, KEEP, first * PAGE, pages * PAGE).unwrap();
    let window = w.install(w.init, child.process, kept, rights).unwrap();
    Owner { child, user: child.user, window, kept }
}

/// The arguments of `mmio_map`.
pub fn map_args(window: Handle, offset: u64, len: u64, va: u64, prot: Prot) -> [u64; 5] {
    [window.0, offset, len, va, u64::from(prot.bits())]
}

/// Makes `call` fail at each allocation it needs, in turn; each time it must say `NoMemory` and
/// change nothing. Then lets it succeed. Tells how many allocations there were.
pub fn fails_at_every_allocation(
    w: &mut World<'_>,
    user: User,
    mut call: impl FnMut(&mut World<'_>) -> Result<u64, Error>,
) -> u32 {
    for n in 0..10_000 {
        w.enter(user);
        let before = w.describe(Some(user));
        fault::fail_at(Some(n));
        let result = call(w);
        let reached = fault::passed() > n;
        fault::fail_at(None);
        if !reached {
            result.unwrap();
            return n;
        }
        assert_eq!(result, Err(Error::NoMemory), "allocation {n}");
        assert_eq!(before, w.describe(Some(user)), "allocation {n}");
    }
    panic!("the call never succeeds");
}
