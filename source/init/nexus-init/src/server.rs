//! What init answers.

use alloc::format;
use alloc::vec::Vec;

use nexus_abi::{CapInfo, Handle, KindCode, Message, Sender};
use nexus_proto::init::{
    Board, BoardEntry, CapEntry, Caps, Dma, DmaEntry, EndKind, IDLE, IrqEntry, Irqs, MemInfo,
    OwnerInfo, OwnerState, Owners, Readiness, Report, ReportState, Request, ServiceInfo,
    ServiceStat, ServiceState, Services, Stat, TimeInfo, Times, Try, TryAnswer,
};
use nexus_proto::policy::NO_LINE;
use nexus_proto::{Name, Operation, ServiceError, Subject, Zero, ids};
use nexus_sysdesc::Permission;

use crate::distribute::pages_of;
use crate::grant::{Piece, Question, check};
use crate::init::{Init, Machine};
use crate::records::Then;
use crate::words;

type Answer<T> = Result<<T as Operation>::Reply, ServiceError>;

/// Times that one service may `Try`: each leaves a record in a ledger that is never emptied.
pub const TRIES: u32 = 64;

impl<M: Machine> Init<M> {
    /// The answer to a request.
    pub fn handle(&mut self, sender: Sender, request: &Request) -> Message {
        match request {
            Request::Services(ask) => ask.answer(self.service_info(ask)),
            Request::Owners(ask) => ask.answer(self.owner_info(sender, ask)),
            Request::Caps(ask) => ask.answer(self.cap_entry(sender, ask)),
            Request::Stat(ask) => ask.answer(self.stat(sender, ask)),
            Request::Mem(ask) => ask.answer(self.mem()),
            Request::Try(ask) => ask.answer(self.try_grant(sender, ask)),
            Request::Ready(ask) => ask.answer(Ok(self.registry.readiness())),
            Request::Board(ask) => ask.answer(self.board_entry(sender, ask)),
            Request::Report(ask) => ask.answer(self.report(sender, ask)),
            Request::Irqs(ask) => ask.answer(self.irq_entry(sender, ask)),
            Request::Dma(ask) => ask.answer(self.dma_entry(sender, ask)),
            Request::Lives(ask) => ask.answer(self.life_info(ask)),
            Request::Restart(ask) => ask.answer(self.order(sender, ask.service, Then::Again)),
            Request::Stop(ask) => ask.answer(self.order(sender, ask.service, Then::Stop)),
            Request::Times(ask) => ask.answer(self.time_info(sender, ask)),
            Request::Kill(ask) => ask.answer(self.order(sender, ask.service, Then::AsRuled)),
        }
    }

    fn service_info(&self, ask: &Services) -> Answer<Services> {
        let index = usize::try_from(ask.cursor).map_err(|_| ServiceError::NotFound)?;
        let described = &self.registry.description().services;
        let service = described.get(index).ok_or(ServiceError::NotFound)?;
        let record = self.registry.service(service.id).ok_or(ServiceError::NotFound)?;
        Ok(ServiceInfo {
            next: next(ask.cursor, described.len()),
            service: self.registry.subject(service.id),
            state: record.state,
            priority: service.priority,
            zero: Zero::ZERO,
            name: Name::new(&service.name),
        })
    }

    fn owner_info(&self, sender: Sender, ask: &Owners) -> Answer<Owners> {
        self.require(sender, Permission::View)?;
        let addresses = self.may(sender, Permission::Log);
        let devices = &self.registry.description().devices;
        let index = u16::try_from(ask.cursor).map_err(|_| ServiceError::NotFound)?;
        let device = devices.get(usize::from(index)).ok_or(ServiceError::NotFound)?;
        let record = self.registry.device(index).ok_or(ServiceError::NotFound)?;
        Ok(OwnerInfo {
            next: u32::try_from(next(ask.cursor, devices.len())).unwrap_or(0),
            device: index,
            rights: record.rights,
            owner: record.owner,
            base: record.window.filter(|_| addresses).map_or(0, |window| window.base),
            len: record.window.map_or(0, |window| window.len),
            rule: record.rule,
            state: record.state,
            dma: device.dma,
            line: record.given_line.unwrap_or(NO_LINE),
            registers: record.registers.into(),
            zero: Zero::ZERO,
            name: Name::new(&device.name),
        })
    }

    /// The first given line of a device at or after the cursor, as the kernel tells by what init keeps
    /// of it.
    fn irq_entry(&mut self, sender: Sender, ask: &Irqs) -> Answer<Irqs> {
        self.require(sender, Permission::View)?;
        let cursor = u16::try_from(ask.cursor).map_err(|_| ServiceError::NotFound)?;
        let devices = (0..).zip(self.registry.devices());
        let mut given = devices
            .filter(|(device, record)| *device >= cursor && record.state == OwnerState::Held)
            .filter_map(|(device, record)| {
                Some((device, record.owner, record.given_line?, record.pieces.kept(Piece::Line)?))
            });
        let (device, owner, line, kept) = given.next().ok_or(ServiceError::NotFound)?;
        let next = given.next().map_or(0, |(device, ..)| u32::from(device));
        let info = self.machine.irq_stat(kept).map_err(|_| ServiceError::Unavailable)?;
        Ok(IrqEntry {
            next,
            device,
            line,
            owner,
            delivered: info.delivered,
            held_back: info.held_back,
            last: info.last,
            interval: info.interval,
            strays: u32::try_from(info.strays).unwrap_or(u32::MAX),
            state: u8::try_from(info.state.code()).unwrap_or(0),
            zero: Zero::ZERO,
        })
    }

    /// The first priority at or after the cursor that ran.
    fn time_info(&mut self, sender: Sender, ask: &Times) -> Answer<Times> {
        self.require(sender, Permission::View)?;
        let cursor = u8::try_from(ask.cursor).map_err(|_| ServiceError::NotFound)?;
        let mut ran = None;
        for priority in cursor..=IDLE {
            let ticks = self.machine.time_stat(priority.into());
            match (ran, ticks.map_err(|_| ServiceError::Unavailable)?) {
                (_, 0) => {}
                (None, ticks) => {
                    ran = Some(TimeInfo { next: 0, priority, zero: Zero::ZERO, ticks })
                }
                (Some(info), _) => return Ok(TimeInfo { next: priority.into(), ..info }),
            }
        }
        ran.ok_or(ServiceError::NotFound)
    }

    /// The first device at or after the cursor that reaches memory by itself.
    fn dma_entry(&self, sender: Sender, ask: &Dma) -> Answer<Dma> {
        self.require(sender, Permission::View)?;
        let cursor = u16::try_from(ask.cursor).map_err(|_| ServiceError::NotFound)?;
        let devices = self.registry.description().devices.iter();
        let mut reaching = devices.filter(|one| one.dma && one.id >= cursor).map(|one| one.id);
        let device = reaching.next().ok_or(ServiceError::NotFound)?;
        let record = self.registry.device(device).ok_or(ServiceError::NotFound)?;
        let memory = record.memory.unwrap_or_default();
        Ok(DmaEntry {
            next: reaching.next().map_or(0, u32::from),
            device,
            pool: device,
            owner: record.owner,
            len: memory.pool,
            reach: memory.reach.into(),
            digest: memory.digest,
            state: record.dma,
            zero: Zero::ZERO,
        })
    }

    fn cap_entry(&mut self, sender: Sender, ask: &Caps) -> Answer<Caps> {
        self.require(sender, Permission::View)?;
        let addresses = self.may(sender, Permission::Log);
        let process = self.process(ask.service)?;
        let (cursor, cap) = self.inspect(process, ask.cursor)?;
        let cap = cap.ok_or(ServiceError::NotFound)?;
        let (_, another) = self.inspect(process, cursor)?;
        Ok(CapEntry {
            next: if another.is_some() { cursor } else { 0 },
            kind: u16::try_from(cap.kind.code()).unwrap_or(0),
            rights: cap.rights.bits(),
            children: u32::try_from(cap.children).unwrap_or(u32::MAX),
            // The number of a line is no address.
            base: if addresses || cap.kind == KindCode::Irq { cap.base } else { 0 },
            len: cap.len,
            object: cap.object,
            mapped_pages: cap.mapped_pages,
            registers: cap.registers.into(),
            zero: Zero::ZERO,
        })
    }

    fn inspect(
        &mut self,
        process: Handle,
        cursor: u64,
    ) -> Result<(u64, Option<CapInfo>), ServiceError> {
        // A cursor whose capability is gone leads nowhere.
        self.machine.cap_inspect(process, cursor).map_err(|_| ServiceError::NotFound)
    }

    fn stat(&mut self, sender: Sender, ask: &Stat) -> Answer<Stat> {
        let (addresses, reports) =
            (self.may(sender, Permission::Log), self.may(sender, Permission::Report));
        let process = self.process(ask.service)?;
        let info = self.machine.process_stat(process).map_err(|_| ServiceError::Unavailable)?;
        let state = self.registry.service(ask.service).map(|record| record.state);
        let (end, code, address, pc) = info.end.map_or((EndKind::None, 0, 0, 0), words::end_parts);
        Ok(ServiceStat {
            service: info.id.into(),
            frames: info.frames.0,
            frames_limit: info.frames.1,
            objects: info.objects.0,
            objects_limit: info.objects.1,
            state: state.unwrap_or(ServiceState::Waiting),
            end,
            zero: Zero::ZERO,
            code,
            address: if addresses { address } else { 0 },
            pc: if addresses { pc } else { 0 },
            root: if reports { info.root } else { 0 },
        })
    }

    /// Init's own use is what it is charged, less what it has cut off for services that live.
    fn mem(&mut self) -> Result<MemInfo, ServiceError> {
        let unavailable = |_| ServiceError::Unavailable;
        let own = self.machine.process_stat(Handle::NONE).map_err(unavailable)?;
        let (mut frames, mut objects) = (0, 0);
        let services = self.registry.services().iter();
        let live = services.filter(|record| record.lives());
        let processes: Vec<Handle> = live.filter_map(|record| record.process).collect();
        for process in processes.into_iter().filter(|process| *process != Handle::NONE) {
            let info = self.machine.process_stat(process).map_err(unavailable)?;
            frames += u64::from(info.frames.1);
            objects += u64::from(info.objects.1);
        }
        let (used, limit) = own.frames;
        let (objects_used, objects_limit) = own.objects;
        Ok(MemInfo {
            frames: u64::from(used).saturating_sub(frames),
            frames_free: u64::from(limit.saturating_sub(used)),
            frames_given: frames,
            objects: u64::from(objects_used).saturating_sub(objects),
            objects_free: u64::from(objects_limit.saturating_sub(objects_used)),
            objects_given: objects,
        })
    }

    /// Asks policyd the same way as for a grant, and gives nothing.
    fn try_grant(&mut self, sender: Sender, ask: &Try) -> Answer<Try> {
        self.require(sender, Permission::Ask)?;
        self.count_try(sender.service_id)?;
        let question = self.question(sender, ask);
        let decide = question.to_decide();
        let policyd = self.registry.sender(ids::POLICYD);
        let answer = self.machine.decide(&decide);
        let decision = check(&decide, policyd, answer).map_err(|_| ServiceError::Unavailable)?;
        let record = self.registry.device(ask.device);
        let held = record.filter(|device| device.state == OwnerState::Held);
        Ok(TryAnswer {
            epoch: decision.epoch,
            rule: decision.rule,
            verdict: decision.verdict,
            reason: decision.reason,
            owner: held.map_or(Subject::default(), |device| device.owner),
            record: u64::from(decision.record),
        })
    }

    /// The question that a grant of this would ask, with the registers and the line that the service
    /// needs. A device that is not there is asked for where the description has it.
    fn question(&mut self, sender: Sender, ask: &Try) -> Question {
        let description = self.registry.description();
        let described = description.device(ask.device);
        let service = description.service(ask.service);
        let need = service.and_then(|one| one.needs.iter().find(|need| need.device == ask.device));
        let record = self.registry.device(ask.device);
        let window = record.and_then(|device| device.window);
        let line = record.filter(|_| need.is_some_and(|need| need.irq));
        let base = described.and_then(|device| device.base).unwrap_or(0);
        let len = described.map_or(0, |device| device.window_len);
        Question {
            asker: sender.into(),
            service: ask.service,
            incarnation: self.registry.subject(ask.service).incarnation,
            device: ask.device,
            rights: ask.rights,
            base: window.map_or(base, |window| window.base),
            len: window.map_or(len, |window| window.len),
            registers: need.and_then(|need| need.registers),
            line: line.map_or(NO_LINE, |device| device.line.number()),
            pool: need.map_or(0, pages_of),
            nonce: self.nonces.take(),
        }
    }

    fn count_try(&mut self, id: u32) -> Result<(), ServiceError> {
        let index = self.tries.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
            self.tries.push((id, 0));
            self.tries.len() - 1
        });
        let used = self.tries.get_mut(index).map(|(_, used)| used).ok_or(ServiceError::Full)?;
        if *used >= TRIES {
            return Err(ServiceError::Full);
        }
        *used += 1;
        Ok(())
    }

    fn board_entry(&self, sender: Sender, ask: &Board) -> Result<BoardEntry, ServiceError> {
        let index = usize::try_from(ask.cursor).map_err(|_| ServiceError::NotFound)?;
        let piece = self.board.get(index).ok_or(ServiceError::NotFound)?;
        let next = u32::try_from(next(ask.cursor, self.board.len())).unwrap_or(0);
        Ok(piece.entry(next, self.may(sender, Permission::Log)))
    }

    fn report(&mut self, sender: Sender, ask: &Report) -> Result<(), ServiceError> {
        let ticks = self.machine.ticks();
        if !self.registry.reported(sender, ask.state, ticks) {
            return Err(ServiceError::Denied);
        }
        let name = self.registry.name(sender.service_id);
        if ask.state == ReportState::Ready {
            nexus_rt::debug!("{name} is ready");
        } else {
            nexus_rt::warn!("{name} cannot work: {} (saw {:#x})", ask.state.name(), ask.detail);
        }
        self.tell_ready();
        Ok(())
    }

    /// Tells, once, that no further owner is to become ready for the first time.
    fn tell_ready(&mut self) {
        if self.ready_told {
            return;
        }
        let Readiness { owners, owners_ready, owners_lost, .. } = self.registry.readiness();
        match owners_lost {
            _ if owners_ready + owners_lost != owners => return,
            0 => nexus_rt::info!("all {owners} owners ready"),
            _ => nexus_rt::warn!("{owners_ready} of {owners} owners ready"),
        }
        self.ready_told = true;
        if let Some(nonce) = self.read_as {
            self.machine.say(&format!("@nx {nonce:016x} ready {owners_ready}"));
        }
    }

    fn process(&self, id: u32) -> Result<Handle, ServiceError> {
        let record = self.registry.service(id).ok_or(ServiceError::NoSuchService)?;
        record.process.ok_or(ServiceError::BadState)
    }

    fn require(&self, sender: Sender, permission: Permission) -> Result<(), ServiceError> {
        if self.may(sender, permission) { Ok(()) } else { Err(ServiceError::Denied) }
    }

    fn may(&self, sender: Sender, permission: Permission) -> bool {
        self.registry.description().permits(sender.service_id, permission)
    }
}

/// The cursor after `cursor` in a list of `len`; 0 when there is none.
pub(crate) fn next(cursor: u64, len: usize) -> u64 {
    let next = cursor.saturating_add(1);
    if usize::try_from(next).is_ok_and(|next| next < len) { next } else { 0 }
}
