//! What the kernel does about windows and memory of devices (RFC-0002, RFC-0004), as far as busd sees it.

use std::collections::BTreeMap;
use std::string::{String, ToString};
use std::vec::Vec;

use nexus_abi::{CapInfo, Error, Handle, KindCode, Message, PAGE_SIZE, Rights};
use nexus_sysdesc::layout::{Descriptor, INDIRECT, NEXT, WRITE};

use super::FakeDevice;
use crate::{Failure, Kernel, Role};

/// Rights of a window as init passes it on.
pub const INIT_WINDOW: Rights = Rights::MAP
    .union(Rights::READ)
    .union(Rights::WRITE)
    .union(Rights::DERIVE)
    .union(Rights::GRANT)
    .union(Rights::REVOKE)
    .union(Rights::MANAGE)
    .union(Rights::PLACE);

/// Where the window of the first device is; those of the others follow.
pub const BASE: u64 = 0x1000_0000;

/// Who has a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// busd.
    Busd,
    /// init, or whoever init gave it to.
    Init,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object {
    Window(usize),
    Memory(usize, usize),
}

#[derive(Clone, Debug)]
struct Cap {
    object: Object,
    rights: Rights,
    mask: Option<u64>,
    holder: Holder,
    parent: Option<u64>,
}

/// Memory of a device.
#[derive(Debug)]
struct Memory {
    device: usize,
    role: Role,
    bytes: u64,
    descriptors: BTreeMap<u64, Descriptor>,
    /// What busd and the device have written, by offset.
    written: BTreeMap<u64, u8>,
}

impl Memory {
    fn put(&mut self, offset: u64, bytes: &[u8]) {
        self.written.extend((offset..).zip(bytes.iter().copied()));
    }

    fn get(&self, offset: u64, to: &mut [u8]) {
        for (at, byte) in (offset..).zip(to) {
            *byte = self.written.get(&at).copied().unwrap_or(0);
        }
    }
}

/// An answer, and what came with it as its receiver has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<R> {
    /// Which call.
    pub reply: R,
    /// The message.
    pub message: Message,
}

/// The kernel, some devices, and init. `R` is the right to answer one call.
pub struct FakeKernel<R = u32> {
    /// The devices.
    pub devices: Vec<FakeDevice>,
    /// Every answer.
    pub answers: Vec<Answered<R>>,
    /// Every device that failed, and why.
    pub failures: Vec<(u16, String)>,
    /// Every address, and every store, that was refused because nobody may write it.
    pub forbidden: Vec<Error>,
    /// How many calls there were.
    pub calls: usize,
    /// The call that is refused with `NoMemory`, and whether all after it are not made: then busd is dead.
    pub ends_at: Option<(usize, bool)>,
    caps: BTreeMap<u64, Cap>,
    memory: Vec<Memory>,
    made: u64,
}

type Result<T = ()> = core::result::Result<T, Error>;

impl<R> FakeKernel<R> {
    /// A kernel with these devices.
    #[must_use]
    pub fn new(devices: Vec<FakeDevice>) -> FakeKernel<R> {
        FakeKernel {
            devices,
            answers: Default::default(),
            failures: Default::default(),
            forbidden: Default::default(),
            calls: Default::default(),
            ends_at: Default::default(),
            caps: Default::default(),
            memory: Default::default(),
            made: Default::default(),
        }
    }

    /// A window of a device for busd, as it comes in a message.
    pub fn window(&mut self, device: usize, rights: Rights, mask: Option<u64>) -> Handle {
        let object = Object::Window(device);
        self.insert(Cap { object, rights, mask, holder: Holder::Busd, parent: None })
    }

    /// True when somebody has a window of this device.
    #[must_use]
    pub fn has_window(&self, device: usize) -> bool {
        self.caps.values().any(|cap| cap.object == Object::Window(device))
    }

    /// A window of a device that init still has, and below it one for busd.
    pub fn kept_window(&mut self, device: usize, mask: u64) -> (Handle, Handle) {
        let object = Object::Window(device);
        let kept = Cap {
            object,
            rights: INIT_WINDOW,
            mask: Some(mask),
            holder: Holder::Init,
            parent: None,
        };
        let kept = self.insert(kept);
        (kept, self.child(kept, INIT_WINDOW, Holder::Busd))
    }

    /// Whoever has it gives it up.
    pub fn end(&mut self, cap: Handle) {
        let gone = self.caps.remove(&cap.0).expect("a capability that there is");
        for child in self.caps.values_mut().filter(|child| child.parent == Some(cap.0)) {
            child.parent = gone.parent;
        }
    }

    /// Everything that this holder has ends.
    pub fn end_all(&mut self, holder: Holder) {
        let of: Vec<u64> =
            self.caps.iter().filter(|(_, cap)| cap.holder == holder).map(|(at, _)| *at).collect();
        of.into_iter().for_each(|cap| self.end(Handle(cap)));
    }

    /// How many capabilities it has.
    #[must_use]
    pub fn held(&self, holder: Holder) -> usize {
        self.caps.values().filter(|cap| cap.holder == holder).count()
    }

    /// What a capability is, whoever has it.
    ///
    /// # Errors
    /// `BadHandle`.
    pub fn look(&self, cap: Handle) -> Result<CapInfo> {
        let one = self.caps.get(&cap.0).ok_or(Error::BadHandle)?;
        let (kind, base, len) = match one.object {
            Object::Window(device) if one.rights.contains(Rights::MANAGE) => {
                (KindCode::DeviceMmio, BASE + device as u64 * PAGE_SIZE, PAGE_SIZE)
            }
            Object::Window(_) => (KindCode::DeviceMmio, 0, 0),
            Object::Memory(memory, _) => (KindCode::Vmo, 0, self.memory[memory].bytes),
        };
        Ok(CapInfo {
            kind,
            rights: one.rights,
            base,
            len,
            object: 0,
            mapped_pages: 0,
            children: self.children(cap).count() as u64,
            registers: one.mask,
        })
    }

    /// The descriptors of a device, by index.
    #[must_use]
    pub fn descriptors(&self, device: usize) -> Vec<Descriptor> {
        let tables = self.memory.iter().filter(|one| one.device == device);
        tables.flat_map(|one| one.descriptors.values().copied()).collect()
    }

    /// The bytes of one role of a device.
    #[must_use]
    pub fn bytes(&self, device: usize, role: Role) -> Option<u64> {
        let mut of = self.memory.iter().filter(|one| one.device == device && one.role == role);
        of.next().map(|one| one.bytes)
    }

    /// True when nothing was written to the memory of a device since it was cleared.
    #[must_use]
    pub fn is_clear(&self, device: usize) -> bool {
        self.memory.iter().all(|one| one.device != device || one.written.is_empty())
    }

    fn insert(&mut self, cap: Cap) -> Handle {
        self.made += 1;
        self.caps.insert(self.made, cap);
        Handle(self.made)
    }

    fn child(&mut self, parent: Handle, rights: Rights, holder: Holder) -> Handle {
        let from = self.caps[&parent.0].clone();
        self.insert(Cap { rights, holder, parent: Some(parent.0), ..from })
    }

    fn children(&self, cap: Handle) -> impl Iterator<Item = &Cap> {
        self.caps.values().filter(move |child| child.parent == Some(cap.0))
    }

    /// Counts a call; refused when it is the one.
    fn begin(&mut self) -> Result {
        let at = self.calls;
        self.calls += 1;
        match self.ends_at {
            Some((end, dead)) if at == end || dead && at > end => Err(Error::NoMemory),
            _ => Ok(()),
        }
    }

    /// True once busd is dead.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ends_at.is_some_and(|(end, dead)| dead && self.calls > end)
    }

    /// A capability of busd's with these rights.
    fn of(&self, cap: Handle, rights: Rights) -> Result<&Cap> {
        let one = self.caps.get(&cap.0).filter(|cap| cap.holder == Holder::Busd);
        let one = one.ok_or(Error::BadHandle)?;
        if one.rights.contains(rights) { Ok(one) } else { Err(Error::Denied) }
    }

    /// The device of a window that is used: without DERIVE, and without children.
    fn used(&self, window: Handle, rights: Rights) -> Result<(usize, Option<u64>)> {
        let one = self.of(window, rights)?;
        let Object::Window(device) = one.object else { return Err(Error::WrongKind) };
        if one.rights.contains(Rights::DERIVE) {
            return Err(Error::Denied);
        }
        if self.children(window).next().is_some() {
            Err(Error::Busy)
        } else {
            Ok((device, one.mask))
        }
    }

    /// The device of a window that it is set up by.
    fn placing(&self, window: Handle) -> Result<usize> {
        let one = self.of(window, Rights::PLACE)?;
        let Object::Window(device) = one.object else { return Err(Error::WrongKind) };
        let addresses = 0x333 << 32 | 1 << 16;
        one.mask.filter(|mask| mask & addresses == 0).map(|_| device).ok_or(Error::Denied)
    }

    fn memory_of(&self, cap: Handle, rights: Rights) -> Result<usize> {
        match self.of(cap, rights)?.object {
            Object::Memory(memory, _) => Ok(memory),
            Object::Window(_) => Err(Error::WrongKind),
        }
    }

    fn alone(&self, mut caps: impl Iterator<Item = (u64, Cap)>) -> bool {
        caps.all(|(at, cap)| {
            cap.holder == Holder::Busd && self.children(Handle(at)).next().is_none()
        })
    }

    /// Keeps what nobody may do.
    fn noted(&mut self, result: Result) -> Result {
        self.forbidden.extend(result.err());
        result
    }

    /// `mmio_write`.
    fn store(&mut self, window: Handle, offset: usize, value: u32) -> Result {
        let (device, mask) = self.used(window, Rights::WRITE)?;
        if mask.ok_or(Error::Denied)? >> (offset / 4) & 1 == 0 {
            return Err(Error::RegisterDenied);
        }
        self.devices[device].store(offset, value);
        Ok(())
    }

    /// `dma_place`.
    fn describe(&mut self, tables: Handle, object: Handle, one: &Descriptor) -> Result {
        let table = self.memory_of(tables, Rights::PLACE)?;
        let to = self.memory_of(object, Rights::empty())?;
        if self.memory[table].role != Role::Tables {
            return Err(Error::WrongKind);
        }
        if self.memory[to].device != self.memory[table].device {
            return Err(Error::Denied);
        }
        let (flags, chained) = (one.flags, one.flags & NEXT != 0);
        let right = match self.memory[to].role {
            Role::Tables => flags == INDIRECT,
            Role::Pool => flags & !(NEXT | WRITE) == 0 && (chained || one.next == 0),
            Role::Used => false,
        };
        if !right {
            return Err(Error::BadArgument);
        }
        let end = one.offset.checked_add(one.len.into()).ok_or(Error::OutOfRange)?;
        let inside = (one.index + 1) * 16 <= self.memory[table].bytes;
        if one.len == 0 || end > self.memory[to].bytes || !inside {
            return Err(Error::OutOfRange);
        }
        let before = self.memory[table].descriptors.insert(one.index, *one);
        if before.is_some() { Err(Error::Exists) } else { Ok(()) }
    }

    /// Memory that busd maps for the length of a call: never tables, and of no device that somebody has.
    fn mapped(&self, memory: Handle, rights: Rights, end: Option<u64>) -> Result<usize> {
        let at = self.memory_of(memory, Rights::MAP | rights)?;
        let Memory { device, bytes, role, .. } = self.memory[at];
        let given = |cap: &Cap| cap.object == Object::Window(device) && cap.parent.is_some();
        let owned = self.caps.values().any(|cap| given(cap) && cap.rights.contains(Rights::GRANT));
        if role == Role::Tables || owned {
            return Err(Error::Denied);
        }
        end.filter(|end| *end <= bytes).map(|_| at).ok_or(Error::OutOfRange)
    }

    /// What a running disk does for the one request that is there, if it is that for its serial number: as
    /// the descriptors in its tables say.
    fn work(&mut self, device: usize) {
        let find =
            |role| self.memory.iter().position(|one| (one.device, one.role) == (device, role));
        let all = [Role::Tables, Role::Pool, Role::Used].map(find);
        let [Some(tables), Some(pool), Some(used)] = all else { return };
        let queue = self.devices[device].queues[0].clone();
        let [Some((_, table)), Some((_, avail)), Some((_, ring))] = queue.parts else { return };
        let mut entry = [0; 6];
        self.memory[pool].get(avail, &mut entry);
        let [_, _, index, 0, head, 0] = entry else { return };
        let descriptors = &self.memory[tables].descriptors;
        let chain = descriptors.get(&(table / 16 + u64::from(head))).copied();
        let Some(Descriptor { offset, len: 48, flags: INDIRECT, .. }) = chain else { return };
        let pieces = [0, 1, 2].map(|at| descriptors.get(&(offset / 16 + at)).copied());
        let [Some(header), Some(data), Some(status)] = pieces else { return };
        let mut request = [0; 16];
        self.memory[pool].get(header.offset, &mut request);
        let flags = [header.flags, data.flags, status.flags];
        let right = (flags, data.len, status.len) == ([NEXT, NEXT | WRITE, WRITE], 20, 1);
        if index != 1 || !right || request != [8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] {
            return;
        }
        let tells = self.devices[device].tells.clone();
        self.memory[pool].put(data.offset, &tells.serial);
        self.memory[pool].put(status.offset, &[tells.status]);
        let [more_head, more_len, more] = tells.more;
        let made = 1u16.wrapping_add(more as u16).to_le_bytes();
        let [head, len] = [u32::from(head).wrapping_add(more_head), 21u32.wrapping_add(more_len)];
        let entry = [head.to_le_bytes(), len.to_le_bytes()].concat();
        self.memory[used].put(ring, &[&[0, 0], &made[..], &entry].concat());
    }

    /// `mmio_write_dma`.
    fn address(&mut self, window: Handle, offset: u64, object: Handle, at: u64) -> Result {
        let device = self.placing(window)?;
        let memory = self.memory_of(object, Rights::empty())?;
        let Memory { device: of, role, bytes, .. } = self.memory[memory];
        if of != device {
            return Err(Error::Denied);
        }
        let part = match (offset, role) {
            (0x80, Role::Tables) => 0,
            (0x90, Role::Pool) => 1,
            (0xa0, Role::Used) => 2,
            _ => return Err(Error::RegisterDenied),
        };
        if at >= bytes {
            return Err(Error::OutOfRange);
        }
        self.devices[device].point(part, role, at);
        Ok(())
    }
}

impl<R> Kernel for FakeKernel<R> {
    type Reply = R;

    fn query(&mut self, cap: Handle) -> Result<CapInfo> {
        self.begin()?;
        self.of(cap, Rights::empty())?;
        self.look(cap)
    }

    fn derive(&mut self, cap: Handle, rights: Rights, len: u64) -> Result<Handle> {
        self.begin()?;
        let one = self.of(cap, rights | Rights::DERIVE)?.clone();
        let window = matches!(one.object, Object::Window(_));
        if len != if window { PAGE_SIZE } else { 0 } {
            return Err(Error::OutOfRange);
        }
        if window && self.children(cap).next().is_some() {
            return Err(Error::Busy);
        }
        Ok(self.child(cap, rights, Holder::Busd))
    }

    fn limit(&mut self, window: Handle, mask: u64) -> Result {
        self.begin()?;
        let one = self.of(window, Rights::MANAGE)?;
        if one.mask.is_some_and(|has| mask & !has != 0) {
            return Err(Error::OutOfRange);
        }
        if self.children(window).next().is_some() {
            return Err(Error::Busy);
        }
        self.caps.get_mut(&window.0).expect("just found").mask = Some(mask);
        Ok(())
    }

    fn give_up(&mut self, cap: Handle) {
        if self.begin().is_err() && self.is_over() {
            return;
        }
        assert_eq!(self.caps[&cap.0].holder, Holder::Busd);
        self.end(cap);
    }

    fn read(&mut self, window: Handle, offset: usize) -> Result<u32> {
        self.begin()?;
        let (device, _) = self.used(window, Rights::MAP | Rights::READ)?;
        Ok(self.devices[device].load(offset))
    }

    fn write(&mut self, window: Handle, offset: usize, value: u32) -> Result {
        self.begin()?;
        let stored = self.store(window, offset, value);
        self.noted(stored)
    }

    fn create(&mut self, window: Handle, pages: u64, role: Role) -> Result<Handle> {
        self.begin()?;
        let device = self.placing(window)?;
        if pages == 0 {
            return Err(Error::OutOfRange);
        }
        if self.bytes(device, role).is_some() {
            return Err(Error::Exists);
        }
        let (bytes, descriptors, written) = (pages * PAGE_SIZE, BTreeMap::new(), BTreeMap::new());
        self.memory.push(Memory { device, role, bytes, descriptors, written });
        let object = Object::Memory(self.memory.len() - 1, device);
        let table = Rights::PLACE | Rights::DERIVE | Rights::GRANT | Rights::REVOKE;
        let mapped = Rights::MAP | Rights::READ | Rights::WRITE;
        let rights = if role == Role::Tables { table } else { table | mapped };
        Ok(self.insert(Cap { object, rights, mask: None, holder: Holder::Busd, parent: None }))
    }

    fn place(&mut self, tables: Handle, object: Handle, one: &Descriptor) -> Result {
        self.begin()?;
        let placed = self.describe(tables, object, one);
        self.noted(placed)
    }

    fn point(&mut self, window: Handle, offset: u64, object: Handle, at: u64) -> Result {
        self.begin()?;
        let pointed = self.address(window, offset, object, at);
        self.noted(pointed)
    }

    fn put(&mut self, memory: Handle, offset: u64, bytes: &[u8]) -> Result {
        self.begin()?;
        let end = offset.checked_add(bytes.len() as u64);
        let at = self.mapped(memory, Rights::READ | Rights::WRITE, end);
        self.noted(at.map(|_| ()))?;
        self.memory[at?].put(offset, bytes);
        Ok(())
    }

    fn get(&mut self, memory: Handle, offset: u64, to: &mut [u8]) -> Result {
        self.begin()?;
        let at = self.mapped(memory, Rights::READ, offset.checked_add(to.len() as u64));
        self.noted(at.map(|_| ()))?;
        let Memory { device, role, .. } = self.memory[at?];
        if role == Role::Used && self.devices[device].answers() {
            self.work(device);
        }
        self.memory[at?].get(offset, to);
        Ok(())
    }

    fn quiet(&mut self, window: Handle) -> Result {
        self.begin()?;
        let device = self.placing(window)?;
        let all: Vec<(u64, Cap)> = self.caps.iter().map(|(at, cap)| (*at, cap.clone())).collect();
        let below = all.iter().filter(|(_, cap)| cap.parent == Some(window.0)).cloned();
        let memory = all
            .iter()
            .filter(|(_, cap)| matches!(cap.object, Object::Memory(_, of) if of == device));
        let above = self.caps[&window.0].parent.is_some();
        if above || !self.alone(below) || !self.alone(memory.cloned()) {
            return Err(Error::Busy);
        }
        if self.devices[device].load(0x70) != 0 {
            return Err(Error::Busy);
        }
        for one in self.memory.iter_mut().filter(|one| one.device == device) {
            one.descriptors.clear();
            one.written.clear();
        }
        Ok(())
    }

    fn answer(&mut self, reply: R, message: &Message) {
        if self.is_over() {
            return;
        }
        let mut message = *message;
        let first = message.words.len() - message.tag.caps() as usize;
        for word in message.words.iter_mut().skip(first) {
            let rights = self.of(Handle(*word), Rights::GRANT).expect("busd may pass it on").rights;
            *word = self.child(Handle(*word), rights, Holder::Init).0;
        }
        self.answers.push(Answered { reply, message });
    }

    fn failed(&mut self, device: u16, why: &Failure) {
        self.failures.push((device, why.to_string()));
    }
}
