//! The kernel as a busd sees it that lies, keeps silent, or ends.

use alloc::vec::Vec;

use busd::{Failure, Kernel, Live, Role};
use nexus_abi::{CapInfo, Error, Handle, Message, Rights, Tag};
use nexus_proto::bus::REGISTERS;
use nexus_rt::{ReplyTo, sys};
use nexus_sysdesc::layout::Descriptor;

/// Calls that go to another kernel as they are.
macro_rules! through {
    ($($name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)+) => {
        $(fn $name(&mut self, $($arg: $ty),*) $(-> $ret)? { self.kernel.$name($($arg),*) })+
    };
}

/// All of them but the answer.
macro_rules! through_but_the_answer {
    () => {
        through! {
            query(cap: Handle) -> Result<CapInfo, Error>;
            derive(cap: Handle, rights: Rights, len: u64) -> Result<Handle, Error>;
            limit(window: Handle, mask: u64) -> Result<(), Error>;
            give_up(cap: Handle);
            read(window: Handle, offset: usize) -> Result<u32, Error>;
            write(window: Handle, offset: usize, value: u32) -> Result<(), Error>;
            create(window: Handle, pages: u64, role: Role) -> Result<Handle, Error>;
            place(tables: Handle, object: Handle, one: &Descriptor) -> Result<(), Error>;
            point(window: Handle, offset: u64, object: Handle, at: u64) -> Result<(), Error>;
            put(memory: Handle, offset: u64, bytes: &[u8]) -> Result<(), Error>;
            get(memory: Handle, offset: u64, to: &mut [u8]) -> Result<(), Error>;
            quiet(window: Handle) -> Result<(), Error>;
            failed(device: u16, why: &Failure);
        }
    };
}

/// What is wrong with a device that is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Its owner could write what sets it up.
    Mask,
    /// Its owner could write the used rings.
    UsedWritable,
    /// The tables come in the place of the pool.
    Tables,
    /// The window is that of another device, if that is free.
    AnotherWindow,
    /// By the window, addresses could be written.
    WindowRights,
    /// The pool has a page more.
    PoolSize,
    /// The pool comes in the place of the used rings.
    PoolTwice,
    /// The pool and the used rings have changed places.
    Swapped,
    /// The digest is that of something else.
    Digest,
    /// It is the answer to another question.
    Nonce,
    /// Nothing comes with it.
    NoCaps,
    /// The used rings do not come with it.
    TwoCaps,
    /// It says that it is refused, and comes.
    Refused,
}

impl Lie {
    /// Every one, in the order in which devices are passed on.
    pub const ALL: [Lie; 13] = [
        Lie::Mask,
        Lie::UsedWritable,
        Lie::Tables,
        Lie::AnotherWindow,
        Lie::WindowRights,
        Lie::PoolSize,
        Lie::PoolTwice,
        Lie::Swapped,
        Lie::Digest,
        Lie::Nonce,
        Lie::NoCaps,
        Lie::TwoCaps,
        Lie::Refused,
    ];
}

/// Sets devices up as `K` does, and passes on something else.
#[derive(Debug)]
pub struct Garbled<K> {
    /// The kernel.
    pub kernel: K,
    lies: Vec<Lie>,
    /// Devices that were passed on.
    told: usize,
    windows: Vec<Handle>,
    tables: Handle,
}

impl<K> Garbled<K> {
    /// One lie after the other.
    #[must_use]
    pub fn new(kernel: K) -> Garbled<K> {
        Garbled::with(kernel, Lie::ALL.into())
    }

    /// With these lies, again and again; none is the truth.
    #[must_use]
    pub const fn with(kernel: K, lies: Vec<Lie>) -> Garbled<K> {
        Garbled { kernel, lies, told: 0, windows: Vec::new(), tables: Handle::NONE }
    }

    fn lie(&self) -> Option<Lie> {
        self.lies.iter().cycle().nth(self.told).copied()
    }
}

impl<K: Kernel> Kernel for Garbled<K> {
    type Reply = K::Reply;

    through! {
        give_up(cap: Handle);
        read(window: Handle, offset: usize) -> Result<u32, Error>;
        write(window: Handle, offset: usize, value: u32) -> Result<(), Error>;
        place(tables: Handle, object: Handle, one: &Descriptor) -> Result<(), Error>;
        point(window: Handle, offset: u64, object: Handle, at: u64) -> Result<(), Error>;
        put(memory: Handle, offset: u64, bytes: &[u8]) -> Result<(), Error>;
        get(memory: Handle, offset: u64, to: &mut [u8]) -> Result<(), Error>;
        quiet(window: Handle) -> Result<(), Error>;
        failed(device: u16, why: &Failure);
    }

    fn query(&mut self, cap: Handle) -> Result<CapInfo, Error> {
        self.windows.push(cap);
        self.kernel.query(cap)
    }

    fn derive(&mut self, cap: Handle, rights: Rights, len: u64) -> Result<Handle, Error> {
        let passed = rights.contains(Rights::GRANT);
        let window = passed && len != 0;
        let used = passed && len == 0 && !rights.contains(Rights::WRITE);
        match self.lie() {
            Some(Lie::WindowRights) if window => {
                self.kernel.derive(cap, rights | Rights::PLACE, len)
            }
            Some(Lie::UsedWritable) if used => self.kernel.derive(cap, rights | Rights::WRITE, len),
            Some(Lie::AnotherWindow) if window => {
                let kernel = &mut self.kernel;
                let mut others = self.windows.iter().filter(|other| **other != cap);
                let other = others.find_map(|other| kernel.derive(*other, rights, len).ok());
                other.map_or_else(|| kernel.derive(cap, rights, len), Ok)
            }
            _ => self.kernel.derive(cap, rights, len),
        }
    }

    fn limit(&mut self, window: Handle, mask: u64) -> Result<(), Error> {
        let mask = if self.lie() == Some(Lie::Mask) { REGISTERS } else { mask };
        self.kernel.limit(window, mask)
    }

    fn create(&mut self, window: Handle, pages: u64, role: Role) -> Result<Handle, Error> {
        let more = self.lie() == Some(Lie::PoolSize) && role == Role::Pool;
        let made = self.kernel.create(window, pages + u64::from(more), role)?;
        if role == Role::Tables {
            self.tables = made;
        }
        Ok(made)
    }

    fn answer(&mut self, reply: K::Reply, message: &Message) {
        let mut message = *message;
        if message.tag.caps() > 0 {
            if let Some(lie) = self.lie() {
                garble(&mut message, lie, self.tables);
            }
            self.told += 1;
        }
        self.kernel.answer(reply, &message);
    }
}

/// Changes an answer that carries window, pool and used rings.
fn garble(message: &mut Message, lie: Lie, tables: Handle) {
    let [nonce, _, digest, .., before, window, pool, used] = &mut message.words;
    match lie {
        Lie::Tables => *pool = tables.0,
        Lie::PoolTwice => *used = *pool,
        Lie::Swapped => core::mem::swap(pool, used),
        Lie::Digest => *digest ^= 1,
        Lie::Nonce => *nonce ^= 1,
        Lie::NoCaps => message.tag = Tag::new(0, 3, 0),
        Lie::TwoCaps => {
            (*before, *used) = (0, *pool);
            (*pool, *window) = (*window, 0);
            message.tag = Tag::new(0, 8, 2);
        }
        Lie::Refused => message.tag = Tag::new(11, 8, 3),
        _ => {}
    }
}

/// Sets devices up, and never says so.
#[derive(Debug)]
pub struct Silent {
    kernel: Live,
    kept: Vec<ReplyTo>,
}

impl Default for Silent {
    fn default() -> Silent {
        Silent { kernel: Live, kept: Vec::new() }
    }
}

impl Kernel for Silent {
    type Reply = ReplyTo;

    through_but_the_answer!();

    fn answer(&mut self, reply: ReplyTo, message: &Message) {
        if message.tag.caps() > 0 {
            self.kept.push(reply);
        } else {
            self.kernel.answer(reply, message);
        }
    }
}

/// Ends when the first device is set up, before that is said.
#[derive(Debug)]
pub struct Dying {
    kernel: Live,
}

impl Default for Dying {
    fn default() -> Dying {
        Dying { kernel: Live }
    }
}

impl Kernel for Dying {
    type Reply = ReplyTo;

    through_but_the_answer!();

    fn answer(&mut self, reply: ReplyTo, message: &Message) {
        if message.tag.caps() > 0 {
            // Returns only if the kernel refuses, which it has no reason to.
            let _ = sys::process_end(Handle::NONE, 0);
        }
        self.kernel.answer(reply, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use busd::Bus;
    use busd::fake::system::{INIT, MASK, OWNERS, machine, prepare, queues, system, take};
    use busd::fake::{BASE, FakeKernel, INIT_WINDOW};
    use nexus_abi::KindCode;
    use nexus_proto::bus::Prepared;
    use nexus_proto::decode_with_caps;
    use nexus_sysdesc::layout::Layout;

    /// What init has of the disk, from a busd with these lies.
    fn passed_on(lies: Vec<Lie>) -> (FakeKernel, Message) {
        let mut kernel = Garbled::with(machine(), lies);
        let mut bus = Bus::new(system());
        for device in 0..3 {
            let window = kernel.kernel.window(device.into(), INIT_WINDOW, Some(REGISTERS));
            bus.carried(INIT, &take(device, window), 0, &mut kernel);
        }
        bus.request(INIT, &prepare(OWNERS[1], 1).into(), 1, &mut kernel);
        let answer = kernel.kernel.answers.pop().unwrap();
        assert_eq!(answer.reply, 1);
        (kernel.kernel, answer.message)
    }

    /// Everything that init compares (RFC-0004, BU9).
    fn is_right(kernel: &FakeKernel, message: &Message) -> bool {
        let Ok((prepared, caps)) = decode_with_caps::<Prepared, 3>(message) else { return false };
        let [window, pool, used] = caps.map(|cap| kernel.look(cap).unwrap());
        let layout = Layout::of(&queues(1)).unwrap();
        let passed = Rights::MAP | Rights::READ | Rights::GRANT | Rights::REVOKE;
        message.tag.label() == 0
            && (prepared.nonce, prepared.digest) == (5, layout.digest())
            && (window.kind, window.base) == (KindCode::DeviceMmio, BASE + 0x1000)
            && (window.len, window.registers) == (0x1000, Some(MASK))
            && window.rights == passed | Rights::WRITE | Rights::MANAGE
            && (pool.kind, pool.len) == (KindCode::Vmo, layout.pool)
            && pool.rights == passed | Rights::WRITE
            && (used.kind, used.len, used.rights) == (KindCode::Vmo, layout.used, passed)
    }

    #[test]
    fn the_truth_would_be_believed() {
        let (kernel, message) = passed_on(Vec::new());
        assert!(is_right(&kernel, &message));
    }

    // attack 88 F: a busd that passes on something else than was asked for; each time something that init compares is wrong
    #[test]
    fn no_lie_is_like_the_truth() {
        for lie in Lie::ALL {
            let (kernel, message) = passed_on(alloc::vec![lie]);
            assert!(!is_right(&kernel, &message), "{lie:?}");
        }
    }
}
