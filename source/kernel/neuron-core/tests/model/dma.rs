//! The model of memory that devices reach (RFC-0004).

use nexus_abi::{Error, Handle, PAGE_SIZE, Rights};

use crate::calls::{Call, Named, refuse_if};
use crate::model::{Cap, Cid, INIT, Kind, Model, Oid, Pid, What};

/// Frames behind each object that nobody has.
pub const GUARD: u64 = 128;

/// Most objects of all devices.
const MOST: usize = 63;

/// Rights of the maker of a table, and of other memory.
const TABLE: Rights =
    Rights::PLACE.union(Rights::DERIVE).union(Rights::GRANT).union(Rights::REVOKE);
const MAPPED: Rights = TABLE.union(Rights::MAP).union(Rights::READ).union(Rights::WRITE);

/// The registers that hold addresses, as a mask has them.
const ADDRESSES: u64 = 1 << 16 | 0x33 << 32 | 3 << 40;

/// Memory of one role of one device; it stays when its object is gone.
#[derive(Clone, Debug)]
pub struct DeviceMemory {
    /// The window that it was made by.
    pub device: (u64, u64),
    pub role: u64,
    pub object: Oid,
    pub cleared: bool,
    /// The descriptors that are placed in it.
    pub placed: Vec<u64>,
}

/// What must be in a table: the two words of a descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    pub index: u64,
    pub words: [u64; 2],
}

impl Model {
    /// The window, and the device that it stands for.
    fn device(&self, named: Named) -> Call<(Cid, (u64, u64))> {
        let (id, cap) = self.cap(named)?;
        let What::Window { base, len } = cap.what else { return Err(Error::WrongKind) };
        let open = cap.mask.is_none_or(|mask| mask & ADDRESSES != 0);
        refuse_if(!cap.rights.contains(Rights::PLACE) || open, Error::Denied)?;
        Ok((id, (base, len)))
    }

    /// The place of an object among the memory of devices.
    pub fn memory_at(&self, object: Oid) -> Option<usize> {
        self.memories.iter().position(|one| one.object == object)
    }

    /// Whether memory is one of a device's that is not cleared.
    pub fn is_dirty(&self, object: Oid) -> bool {
        self.memory_at(object).is_some_and(|at| !self.memories[at].cleared)
    }

    /// Memory of a device: its place, its object, and bytes.
    fn device_memory(&self, named: Named, rights: Rights) -> Call<(usize, Oid, u64)> {
        let (_, cap) = self.cap(named)?;
        let (object, pages, _) = self.memory(&cap)?;
        let at = self.memory_at(object).ok_or(Error::WrongKind)?;
        refuse_if(!cap.rights.contains(rights), Error::Denied)?;
        Ok((at, object, pages * PAGE_SIZE))
    }

    pub fn dma_create(&mut self, actor: Pid, named: Named, pages: u64, role: u64) -> Call<Cid> {
        let (_, device) = self.device(named)?;
        refuse_if(role > 2, Error::BadArgument)?;
        refuse_if(pages == 0 || pages > u64::from(u32::MAX), Error::OutOfRange)?;
        let (base, len) = device;
        let taken = self.memories.iter().any(|one| {
            let (other, other_len) = one.device;
            let overlaps = base < other + other_len && other < base + len;
            overlaps && (one.device != device || one.role == role)
        });
        refuse_if(taken, Error::Exists)?;
        let own = if actor == INIT { 2 } else { 1 };
        let room = self.has_room(INIT, 0, own) && self.has_room(actor, 0, 1);
        let aside = self.memories.len() < MOST && pages + GUARD <= self.reserve;
        refuse_if(!room || !aside, Error::NoMemory)?;
        self.reserve -= pages + GUARD;
        let object = self.new_object(INIT, Kind::Memory { pages, sealed: false });
        let placed = Vec::new();
        self.memories.push(DeviceMemory { device, role, object, cleared: true, placed });
        let rights = if role == 0 { TABLE } else { MAPPED };
        Ok(self.new_cap(Cap::new(actor, What::Object(object), rights, None)))
    }

    /// Whether nobody but this process has any of these capabilities, nor anything below them.
    fn are_alone(&self, caps: &[Cid], process: Pid) -> bool {
        caps.iter().all(|id| self.caps[id].owner == process && self.children(*id).is_empty())
    }

    /// The objects of a device that anybody holds.
    fn live_of(&self, device: (u64, u64)) -> Vec<usize> {
        let live = |at: &usize| {
            let one = &self.memories[*at];
            one.device == device && self.objects.contains_key(&one.object)
        };
        (0..self.memories.len()).filter(live).collect()
    }

    pub fn dma_quiet(&mut self, actor: Pid, named: Named) -> Call<()> {
        let (id, device) = self.device(named)?;
        refuse_if(self.caps[&id].parent.is_some(), Error::Busy)?;
        refuse_if(!self.are_alone(&self.children(id), actor), Error::Busy)?;
        for at in self.live_of(device) {
            let what = What::Object(self.memories[at].object);
            let first = self.caps.iter().filter(|(_, cap)| cap.what == what);
            let first = first.filter(|(_, cap)| cap.parent.is_none());
            let first: Vec<Cid> = first.map(|(id, _)| *id).collect();
            refuse_if(first.len() != 1 || !self.are_alone(&first, actor), Error::Busy)?;
        }
        refuse_if(self.status != 0, Error::Busy)?;
        self.clear(device, |_| true);
        Ok(())
    }

    /// The memory of a device is being cleared; `done` tells of which object all is.
    pub fn clear(&mut self, device: (u64, u64), done: impl Fn(Oid) -> bool) {
        for at in self.live_of(device) {
            let one = &mut self.memories[at];
            one.cleared = done(one.object);
            one.placed.clear();
        }
    }

    /// The physical address of a byte of memory of a device.
    fn address_of(&self, object: Oid, offset: u64) -> Call<u64> {
        let page = self.frames[&object].get((offset / PAGE_SIZE) as usize);
        let page = *page.ok_or(Error::OutOfRange)?;
        refuse_if(self.is_dirty(object), Error::BadState)?;
        Ok(page + offset % PAGE_SIZE)
    }

    pub fn dma_place(
        &mut self,
        [table, object]: [Named; 2],
        [index, offset, len, flags]: [u64; 4],
    ) -> Call<()> {
        let (table, table_object, size) = self.device_memory(table, Rights::PLACE)?;
        refuse_if(self.memories[table].role != 0, Error::WrongKind)?;
        let (to, object, bytes) = self.device_memory(object, Rights::empty())?;
        refuse_if(self.memories[to].device != self.memories[table].device, Error::Denied)?;
        let (low, next) = (flags & 0xffff, flags >> 16);
        let right = match self.memories[to].role {
            0 => flags == 4,
            1 => low & !3 == 0 && if low & 1 != 0 { next < 256 } else { next == 0 },
            _ => false,
        };
        refuse_if(!right, Error::BadArgument)?;
        let aligned = offset.is_multiple_of(16) && len.is_multiple_of(16);
        refuse_if(self.memories[to].role == 0 && !aligned, Error::Misaligned)?;
        let outside = u128::from(offset) + u128::from(len) > u128::from(bytes);
        let past = (u128::from(index) + 1) * 16 > u128::from(size);
        refuse_if(len == 0 || len >> 32 != 0 || outside || past, Error::OutOfRange)?;
        let address = self.address_of(object, offset)?;
        self.address_of(table_object, index * 16)?;
        refuse_if(self.memories[table].placed.contains(&index), Error::Exists)?;
        self.memories[table].placed.push(index);
        self.descriptor = Some(Descriptor { index, words: [address, len | flags << 32] });
        Ok(())
    }

    pub fn mmio_write_dma(
        &mut self,
        actor: Pid,
        [window, object]: [Named; 2],
        [register, offset]: [u64; 2],
    ) -> Call<()> {
        let (id, device) = self.device(window)?;
        let (at, object, _) = self.device_memory(object, Rights::empty())?;
        refuse_if(self.memories[at].device != device, Error::Denied)?;
        let right = [0x80, 0x90, 0xa0][self.memories[at].role as usize];
        refuse_if(register != right, Error::RegisterDenied)?;
        refuse_if(!offset.is_multiple_of(16), Error::Misaligned)?;
        let address = self.address_of(object, offset)?;
        refuse_if(!self.are_alone(&self.children(id), actor), Error::Busy)?;
        self.stores.push((device.0 + register, address as u32));
        self.stores.push((device.0 + register + 4, (address >> 32) as u32));
        Ok(())
    }

    /// The device of a window that a handle of `actor` names.
    pub fn device_named(&self, actor: Pid, handle: Handle) -> Option<(u64, u64)> {
        self.device(self.named(actor, handle)).ok().map(|(_, device)| device)
    }
}
