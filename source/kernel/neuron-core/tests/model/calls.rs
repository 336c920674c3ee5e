//! The model of each call: its checks in their order, and what it does. A call that fails does
//! nothing.

use nexus_abi::{EndReason, Error, Handle, PAGE_SIZE, ProcessState, Rights, USER_END};

use crate::model::{Access, Cap, Cid, Kind, Mapping, Model, Oid, Pid, Process, What};

/// A handle, as the model sees it: a capability that its user holds, or nothing.
pub type Named = Option<Cid>;

/// Where to map what, as told in registers.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub offset: u64,
    pub len: u64,
    pub va: u64,
    pub prot: u64,
}

const R: u64 = 1;
const W: u64 = 2;
const X: u64 = 4;

pub type Call<T> = Result<T, Error>;

pub fn refuse_if(refused: bool, error: Error) -> Call<()> {
    if refused { Err(error) } else { Ok(()) }
}

fn unaligned(value: u64) -> bool {
    !value.is_multiple_of(PAGE_SIZE)
}

fn access(prot: u64) -> Call<Access> {
    match prot {
        R => Ok(Access::Read),
        3 => Ok(Access::Write),
        5 => Ok(Access::Exec),
        _ => Err(Error::InvalidProt),
    }
}

fn rights_for(prot: u64) -> Rights {
    let mut rights = Rights::MAP | Rights::READ;
    rights.set(Rights::WRITE, prot & W != 0);
    rights
}

/// Pages of a part of something of `size` bytes.
fn part(offset: u64, len: u64, size: u64, most: u64) -> Call<(u64, u64)> {
    refuse_if(unaligned(offset) || unaligned(len), Error::Misaligned)?;
    let end = u128::from(offset) + u128::from(len);
    refuse_if(len == 0 || end > u128::from(size) || len > most, Error::OutOfRange)?;
    Ok((offset / PAGE_SIZE, len / PAGE_SIZE))
}

/// Whether two windows share a page, or two capabilities to lines a line.
fn overlap(one: What, other: What) -> bool {
    let place = |what| match what {
        What::Window { base, len } => (0, base, len),
        What::Lines { first, count, .. } => (1, first, count),
        _ => (2, 0, 0),
    };
    let ((kind, start, len), (other_kind, other_start, other_len)) = (place(one), place(other));
    kind == other_kind && start < other_start + other_len && other_start < start + len
}

fn user_range(va: u64, pages: u64) -> Call<()> {
    let end = u128::from(va) + u128::from(pages) * u128::from(PAGE_SIZE);
    refuse_if(va < PAGE_SIZE || end > u128::from(USER_END), Error::BadAddress)
}

const MOST: u64 = 512 * PAGE_SIZE;

impl Model {
    pub fn cap(&self, named: Named) -> Call<(Cid, Cap)> {
        let id = named.ok_or(Error::BadHandle)?;
        Ok((id, self.caps[&id]))
    }

    /// The process that a handle names; the caller for `None` inside.
    pub fn target(&self, actor: Pid, target: Option<Named>) -> Call<Pid> {
        let Some(named) = target else { return Ok(actor) };
        let (_, cap) = self.cap(named)?;
        let Some(Kind::Process(process)) = self.kind(cap.what) else {
            return Err(Error::WrongKind);
        };
        refuse_if(!cap.rights.contains(Rights::MANAGE), Error::Denied)?;
        Ok(process)
    }

    pub fn memory(&self, cap: &Cap) -> Call<(Oid, u64, bool)> {
        match (cap.what, self.kind(cap.what)) {
            (What::Object(id), Some(Kind::Memory { pages, sealed })) => Ok((id, pages, sealed)),
            _ => Err(Error::WrongKind),
        }
    }

    /// The first capability to a new object of the actor's.
    pub fn create(&mut self, actor: Pid, kind: Kind, rights: Rights) -> Call<Cid> {
        let frames = match kind {
            Kind::Memory { pages, .. } => {
                refuse_if(!(1..=512).contains(&pages), Error::OutOfRange)?;
                pages
            }
            _ => 0,
        };
        refuse_if(!self.has_room(actor, frames, 2), Error::NoMemory)?;
        let what = What::Object(self.new_object(actor, kind));
        Ok(self.new_cap(Cap::new(actor, what, rights, None)))
    }

    /// A child of a capability, for `owner`; what is common to all ways of making one.
    fn add_child(&mut self, parent: Cid, owner: Pid, what: What, rights: Rights) -> Call<Cid> {
        if let What::Window { .. } | What::Lines { .. } = what {
            let overlaps = |other: &Cap| overlap(what, other.what);
            let siblings = self.children(parent);
            let mut siblings = siblings.iter().filter(|id| overlaps(&self.caps[id]));
            if let Some(sibling) = siblings.next() {
                if !self.caps[sibling].is_held() && siblings.next().is_none() {
                    self.between.push("derived beside what is being dropped");
                }
                return Err(Error::Busy);
            }
            let used = self.mapped_through(parent) != 0 || self.receives_by(parent);
            refuse_if(used, Error::Busy)?;
        }
        if self.is_revoked(parent) {
            self.between.push("derived below what is being revoked");
            return Err(Error::Busy);
        }
        refuse_if(self.depth(parent) + 1 > 64, Error::TooDeep)?;
        let mask = self.inherited(parent, what);
        if mask.is_some() {
            refuse_if(!self.has_page(), Error::NoMemory)?;
            self.allocate()?;
        }
        refuse_if(!self.has_room(owner, 0, 1), Error::NoMemory)?;
        self.allocate()?;
        Ok(self.new_cap(Cap { mask, ..Cap::new(owner, what, rights, Some(parent)) }))
    }

    /// Fails when it is this allocation that fails.
    fn allocate(&mut self) -> Call<()> {
        let Some(left) = self.fails else { return Ok(()) };
        self.fails = left.checked_sub(1);
        refuse_if(left == 0, Error::NoMemory)
    }

    /// The mask of a child: registers are told from the first byte of a window, so that a part which
    /// begins elsewhere has none of them.
    fn inherited(&self, parent: Cid, what: What) -> Option<u64> {
        let from = self.caps[&parent];
        let (What::Window { base, .. }, What::Window { base: first, .. }) = (what, from.what)
        else {
            return None;
        };
        from.mask.map(|mask| if base == first { mask } else { 0 })
    }

    pub fn limit(&mut self, named: Named, limit: u64) -> Call<()> {
        let (id, cap) = self.cap(named)?;
        if matches!(cap.what, What::Lines { .. }) {
            return self.limit_lines(named, limit);
        }
        refuse_if(!matches!(cap.what, What::Window { .. }), Error::WrongKind)?;
        refuse_if(!cap.rights.contains(Rights::MANAGE), Error::Denied)?;
        let had = cap.mask.unwrap_or(u64::MAX);
        refuse_if(had | limit != had, Error::OutOfRange)?;
        let used =
            !self.children(id).is_empty() || self.mapped_through(id) != 0 || self.receives_by(id);
        refuse_if(used, Error::Busy)?;
        refuse_if(cap.mask.is_none() && !self.has_page(), Error::NoMemory)?;
        self.caps.get_mut(&id).unwrap().mask = Some(limit);
        Ok(())
    }

    pub fn write_register(&mut self, named: Named, offset: u64, value: u64) -> Call<()> {
        let (_, address, value) = self.register(named, offset, value)?;
        self.stores.push((address, value));
        Ok(())
    }

    /// A window, the physical address of a register that may be written through it, and a value for it.
    pub fn register(&self, named: Named, offset: u64, value: u64) -> Call<(Cid, u64, u32)> {
        let (id, cap) = self.cap(named)?;
        let What::Window { base, .. } = cap.what else { return Err(Error::WrongKind) };
        let may = cap.rights.contains(Rights::WRITE) && !cap.rights.contains(Rights::DERIVE);
        let mask = cap.mask.filter(|_| may).ok_or(Error::Denied)?;
        refuse_if(!offset.is_multiple_of(4), Error::Misaligned)?;
        refuse_if(offset >= 256, Error::OutOfRange)?;
        let value = u32::try_from(value).map_err(|_| Error::BadArgument)?;
        refuse_if(mask & (1 << (offset / 4)) == 0, Error::RegisterDenied)?;
        refuse_if(!self.children(id).is_empty(), Error::Busy)?;
        Ok((id, base + offset, value))
    }

    /// Whether it goes when what is being revoked has gone.
    fn is_revoked(&self, id: Cid) -> bool {
        let cap = &self.caps[&id];
        self.ends(cap.what)
            || cap.revoking
            || cap.parent.is_some_and(|parent| self.is_revoked(parent))
    }

    fn fewer(cap: &Cap, rights: u64) -> Call<Rights> {
        let bits = u16::try_from(rights).map_err(|_| Error::Denied)?;
        let rights = Rights::from_bits(bits).ok_or(Error::Denied)?;
        refuse_if(!cap.rights.contains(rights), Error::Denied)?;
        Ok(rights)
    }

    pub fn derive(
        &mut self,
        actor: Pid,
        named: Named,
        rights: u64,
        offset: u64,
        len: u64,
    ) -> Call<Cid> {
        let (id, cap) = self.cap(named)?;
        refuse_if(!cap.rights.contains(Rights::DERIVE), Error::Denied)?;
        let rights = Model::fewer(&cap, rights)?;
        let what = match cap.what {
            What::Window { base, len: size } => {
                part(offset, len, size, u64::MAX)?;
                What::Window { base: base + offset, len }
            }
            What::Lines { first, count, interval } => {
                let end = u128::from(offset) + u128::from(len);
                refuse_if(len == 0 || end > u128::from(count), Error::OutOfRange)?;
                What::Lines { first: first + offset, count: len, interval }
            }
            what => {
                refuse_if(offset != 0 || len != 0, Error::OutOfRange)?;
                what
            }
        };
        self.add_child(id, actor, what, rights)
    }

    pub fn install(
        &mut self,
        actor: Pid,
        target: Option<Named>,
        named: Named,
        rights: u64,
    ) -> Call<Cid> {
        let target = self.target(actor, target)?;
        let (id, cap) = self.cap(named)?;
        refuse_if(!cap.rights.contains(Rights::GRANT), Error::Denied)?;
        let rights = Model::fewer(&cap, rights)?;
        refuse_if(!self.processes[&target].is_alive(), Error::BadState)?;
        self.add_child(id, target, cap.what, rights)
    }

    /// Copies of these for `taker`, all or none.
    pub fn pass(&mut self, taker: Pid, carried: &[Named]) -> Call<Vec<Cid>> {
        let mut made: Vec<Cid> = Vec::new();
        for named in carried {
            let one = self.cap(*named).and_then(|(id, cap)| {
                refuse_if(!cap.rights.contains(Rights::GRANT), Error::Denied)?;
                self.add_child(id, taker, cap.what, cap.rights)
            });
            match one {
                Ok(id) => made.push(id),
                Err(error) => {
                    for id in made {
                        self.caps.remove(&id);
                    }
                    return Err(error);
                }
            }
        }
        Ok(made)
    }

    pub fn drop_named(&mut self, me: Oid, named: Named) -> Call<()> {
        if let Some(id) = self.goes_on(me, named)? {
            self.drop_cap(id);
        }
        Ok(())
    }

    pub fn revoke_named(&mut self, me: Oid, named: Named) -> Call<()> {
        if let Some(id) = self.goes_on(me, named)? {
            if self.threads[&me].begun.is_none() {
                let may = self.caps[&id].rights.contains(Rights::REVOKE);
                refuse_if(!may, Error::Denied)?;
            }
            self.revoke(id);
        }
        Ok(())
    }

    pub fn seal(&mut self, named: Named) -> Call<()> {
        let (_, cap) = self.cap(named)?;
        let (object, pages, _) = self.memory(&cap)?;
        refuse_if(!cap.rights.contains(Rights::MANAGE), Error::Denied)?;
        refuse_if(self.is_written(object), Error::Busy)?;
        self.objects.get_mut(&object).unwrap().kind = Kind::Memory { pages, sealed: true };
        Ok(())
    }

    pub fn map_memory(
        &mut self,
        actor: Pid,
        target: Option<Named>,
        named: Named,
        place: Place,
    ) -> Call<()> {
        let process = self.target(actor, target)?;
        let (id, cap) = self.cap(named)?;
        let (object, pages, sealed) = self.memory(&cap)?;
        let mut needed = rights_for(place.prot);
        needed.set(Rights::EXEC, place.prot & X != 0);
        refuse_if(!cap.rights.contains(needed), Error::Denied)?;
        refuse_if(!self.processes[&process].is_alive(), Error::BadState)?;
        let access = access(place.prot)?;
        refuse_if(self.is_dirty(object), Error::BadState)?;
        refuse_if(!fits(sealed, access), Error::SealState)?;
        refuse_if(unaligned(place.va), Error::Misaligned)?;
        let (first, count) = part(place.offset, place.len, pages * PAGE_SIZE, MOST)?;
        user_range(place.va, count)?;
        refuse_if(!self.is_vacant(process, place.va, count), Error::Exists)?;
        self.add_mapping(Mapping { process, va: place.va, pages: count, first, cap: id, access })
    }

    pub fn map_device(&mut self, actor: Pid, named: Named, place: Place) -> Call<()> {
        let (id, cap) = self.cap(named)?;
        let What::Window { len, .. } = cap.what else { return Err(Error::WrongKind) };
        let may = cap.rights.contains(rights_for(place.prot)) && !stores(&cap, place.prot);
        refuse_if(!may || cap.rights.contains(Rights::DERIVE), Error::Denied)?;
        refuse_if(place.prot & X != 0, Error::ExecDenied)?;
        let access = access(place.prot)?;
        refuse_if(unaligned(place.va), Error::Misaligned)?;
        let (first, count) = part(place.offset, place.len, len, MOST)?;
        user_range(place.va, count)?;
        refuse_if(!self.is_vacant(actor, place.va, count), Error::Exists)?;
        refuse_if(!self.children(id).is_empty(), Error::Busy)?;
        let process = actor;
        self.add_mapping(Mapping { process, va: place.va, pages: count, first, cap: id, access })
    }

    fn add_mapping(&mut self, mapping: Mapping) -> Call<()> {
        self.mappings.push(mapping);
        if self.has_room(mapping.process, 0, 0) {
            return Ok(());
        }
        self.mappings.pop();
        Err(Error::NoMemory)
    }

    fn mapping_from(&self, actor: Pid, va: u64) -> Call<usize> {
        refuse_if(unaligned(va), Error::Misaligned)?;
        let begins = |one: &Mapping| one.process == actor && one.va == va;
        self.mappings.iter().position(begins).ok_or(Error::BadAddress)
    }

    pub fn unmap(&mut self, actor: Pid, va: u64) -> Call<()> {
        let place = self.mapping_from(actor, va)?;
        self.mappings.remove(place);
        Ok(())
    }

    pub fn protect(&mut self, actor: Pid, va: u64, prot: u64) -> Call<()> {
        let place = self.mapping_from(actor, va)?;
        let cap = self.caps[&self.mappings[place].cap];
        refuse_if(cap.owner != actor, Error::Denied)?;
        let mut needed = rights_for(prot);
        let memory = self.memory(&cap);
        needed.set(Rights::EXEC, prot & X != 0 && memory.is_ok());
        refuse_if(!cap.rights.contains(needed), Error::Denied)?;
        refuse_if(stores(&cap, prot), Error::Denied)?;
        refuse_if(memory.is_err() && prot & X != 0, Error::ExecDenied)?;
        let access = access(prot)?;
        if let Ok((_, _, sealed)) = memory {
            refuse_if(!fits(sealed, access), Error::SealState)?;
        }
        self.mappings[place].access = access;
        Ok(())
    }

    /// A process, and the capability to it.
    pub fn spawn(
        &mut self,
        actor: Pid,
        named: Named,
        [service, budget, notification, bits]: [u64; 4],
    ) -> Call<Cid> {
        let (_, cap) = self.cap(named)?;
        refuse_if(cap.what != What::Spawn, Error::WrongKind)?;
        let notify = match Handle(notification) {
            Handle::NONE => None,
            handle => Some((self.notification(actor, handle, Rights::SEND)?.0, bits)),
        };
        let (frames, objects) = (budget & 0xffff_ffff, budget >> 32);
        refuse_if(!(1..1024).contains(&service) || frames == 0, Error::BadArgument)?;
        refuse_if(!self.has_room(actor, frames, objects + 9), Error::NoMemory)?;
        let service = service as u32;
        let life = self.lives.entry(service).or_insert(0);
        *life += 1;
        let process = Process {
            service,
            life: *life,
            state: ProcessState::Live,
            end: None,
            frames,
            objects,
            parent: Some(actor),
            notify,
            slot: 0,
        };
        let process = self.new_process(process);
        let what = What::Object(self.new_object(actor, Kind::Process(process)));
        Ok(self.new_cap(Cap::new(actor, what, OBJECT, None)))
    }

    /// A thread in a process, and the capability to it.
    pub fn thread(
        &mut self,
        (actor, ceiling): (Pid, u8),
        target: Option<Named>,
        entry: u64,
        priority: u64,
    ) -> Call<Cid> {
        let target = self.target(actor, target)?;
        let outside = !(PAGE_SIZE..USER_END).contains(&entry);
        refuse_if(outside || !entry.is_multiple_of(2), Error::BadAddress)?;
        refuse_if(priority > u64::from(ceiling), Error::BadArgument)?;
        refuse_if(!self.processes[&target].is_alive(), Error::BadState)?;
        let team = self.threads.values().filter(|one| one.process == target).count();
        let room = self.has_room(target, 0, if target == actor { 9 } else { 8 });
        refuse_if(team >= 64 || !room || !self.has_room(actor, 0, 1), Error::NoMemory)?;
        let what = What::Object(self.new_thread(target, priority as u8));
        Ok(self.new_cap(Cap::new(actor, what, OBJECT, None)))
    }

    pub fn end(&mut self, actor: Pid, target: Option<Named>, code: u64) -> Call<()> {
        let target = self.target(actor, target)?;
        refuse_if(!self.processes[&target].is_alive(), Error::BadState)?;
        let reason = if target == actor { EndReason::Exit(code) } else { EndReason::Killed(code) };
        self.end_process(target, reason);
        Ok(())
    }
}

/// Whether it would let its holder store to a window that `mmio_write` alone may write.
fn stores(cap: &Cap, prot: u64) -> bool {
    cap.mask.is_some() && prot & W != 0
}

fn fits(sealed: bool, access: Access) -> bool {
    match access {
        Access::Read => true,
        Access::Write => !sealed,
        Access::Exec => sealed,
    }
}

/// Rights of a maker on an object that has no more.
pub const OBJECT: Rights =
    Rights::DERIVE.union(Rights::GRANT).union(Rights::REVOKE).union(Rights::MANAGE);
