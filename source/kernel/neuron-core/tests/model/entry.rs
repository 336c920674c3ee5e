//! The model of a system call: from the registers of a thread to what it must find in them.

use nexus_abi::{
    CapInfo, EndReason, Error, Handle, KindCode, ProcessInfo, Rights, Sender, Syscall, Tag, regs,
};

use crate::calls::{Call, Named, OBJECT, Place};
use crate::messages::{Doing, Message};
use crate::model::{Cap, Cid, Kind, Model, Oid, What};

/// What must come of a call.
#[derive(Clone, Debug)]
pub enum Expect {
    Fails(Error),
    /// A capability of the caller's, or of another.
    Makes(Cid),
    Value(u64),
    /// A number that is not the model's, of ticks that have passed.
    Ticks,
    /// A value, an identity, and a record. The root table of a process is not the model's.
    Record(u64, Sender, [u64; 8]),
    /// What is among the arrivals, if it returns.
    Arrives,
    Waits,
    Ends,
}

impl Expect {
    pub fn is(&self, wanted: Error) -> bool {
        matches!(self, Expect::Fails(error) if *error == wanted)
    }
}

impl Model {
    /// Thread `me` makes the call that is in its registers.
    pub fn syscall(&mut self, me: Oid, x: &[u64; 32]) -> Expect {
        let done = match Syscall::decode(x[regs::NUMBER]) {
            Some(call) => self.by_number(me, call, x),
            None => Err(Error::BadSyscall),
        };
        if let Some(thread) = self.threads.get_mut(&me) {
            thread.begun = None;
        }
        match (done, self.threads.get(&me)) {
            (_, None) => Expect::Ends,
            (Err(error), _) => Expect::Fails(error),
            (Ok(_), Some(thread)) if !matches!(thread.doing, Doing::Ready) => Expect::Waits,
            (Ok(expect), _) => expect,
        }
    }

    fn by_number(&mut self, me: Oid, call: Syscall, x: &[u64; 32]) -> Call<Expect> {
        let actor = self.threads[&me].process;
        let [a0, a1, a2, a3, a4, a5] = [0, 1, 2, 3, 4, 5].map(|n| x[regs::A0 + n]);
        let named = |model: &Model, word: u64| model.named(actor, Handle(word));
        let target = |model: &Model, word: u64| -> Option<Named> {
            (word != 0).then(|| model.named(actor, Handle(word)))
        };
        let message = Message { tag: Tag(a1), words: regs::WORDS.map(|n| x[n]) };
        let (done, arrives) = (|()| Expect::Value(0), |()| Expect::Arrives);
        let (both, until) = (Rights::SEND | Rights::RECV, x[regs::T3]);
        let talk = OBJECT | both;
        match call {
            Syscall::Null | Syscall::Yield => Ok(Expect::Value(0)),
            Syscall::Call => self.send(me, Handle(a0), message, until).map(arrives),
            Syscall::ReplyRecv => {
                let until = (until, x[regs::T5]);
                self.receive(me, Handle(a0), Handle(x[regs::T4]), message, until).map(arrives)
            }
            Syscall::Reply => self.reply(me, Handle(a0), message).map(done),
            Syscall::Signal => self.signal(actor, Handle(a0), a1).map(done),
            Syscall::Wait => self.wait(me, Handle(a0), a1, a2).map(arrives),
            Syscall::EndpointCreate => self.create(actor, Kind::Endpoint, talk).map(Expect::Makes),
            Syscall::NotificationCreate => {
                self.create(actor, Kind::Notification, talk).map(Expect::Makes)
            }
            Syscall::EndpointBind => self.bind(actor, Handle(a0), Handle(a1)).map(done),
            Syscall::VmoCreate => self.make_memory(me, a0).map(Expect::Makes),
            Syscall::VmoSeal => self.seal(named(self, a0)).map(done),
            Syscall::VmoMap => {
                let place = Place { offset: a2, len: a3, va: a4, prot: a5 };
                let (target, vmo) = (target(self, a0), named(self, a1));
                self.map_memory(actor, target, vmo, place).map(|()| Expect::Value(a4))
            }
            Syscall::MmioMap => {
                let place = Place { offset: a1, len: a2, va: a3, prot: a4 };
                self.map_device(actor, named(self, a0), place).map(|()| Expect::Value(a3))
            }
            Syscall::Unmap => self.unmap(actor, a0).map(done),
            Syscall::Protect => self.protect(actor, a0, a1).map(done),
            Syscall::CapDerive => {
                self.derive(actor, named(self, a0), a1, a2, a3).map(Expect::Makes)
            }
            Syscall::CapDrop if Handle(a0).is_reply() => {
                self.drop_reply(actor, Handle(a0)).map(done)
            }
            Syscall::CapDrop => self.drop_named(me, named(self, a0)).map(done),
            Syscall::CapRevoke => self.revoke_named(me, named(self, a0)).map(done),
            Syscall::CapQuery => self.query(named(self, a0)),
            Syscall::CapInstall => {
                let (target, cap) = (target(self, a0), named(self, a1));
                self.install(actor, target, cap, a2).map(Expect::Makes)
            }
            Syscall::ProcessCreate => {
                self.spawn(actor, named(self, a0), [a1, a2, a3, a4]).map(Expect::Makes)
            }
            Syscall::ProcessEnd => self.end(actor, target(self, a0), a1).map(done),
            Syscall::ProcessStat => self.stat(actor, target(self, a0)),
            Syscall::CapInspect => self.inspect(actor, target(self, a0), a1),
            Syscall::IrqBind => self.irq_bind(actor, named(self, a0), [a1, a2, a3, a4]).map(done),
            Syscall::IrqAck => self.irq_ack(named(self, a0), a1).map(done),
            Syscall::IrqStat => {
                let record = self.irq_stat(named(self, a0))?.to_record();
                Ok(Expect::Record(0, Sender::default(), record))
            }
            Syscall::TimeStat => {
                let (_, cap) = self.cap(named(self, a0))?;
                crate::calls::refuse_if(cap.what != What::Spawn, Error::WrongKind)?;
                crate::calls::refuse_if(a1 > 32, Error::OutOfRange)?;
                Ok(Expect::Ticks)
            }
            Syscall::CapLimit => self.limit(named(self, a0), a1).map(done),
            Syscall::DmaCreate => {
                self.dma_create(actor, named(self, a0), a1, a2).map(Expect::Makes)
            }
            Syscall::DmaQuiet => self.dma_quiet(actor, named(self, a0)).map(done),
            Syscall::DmaPlace => {
                let both = [named(self, a0), named(self, a2)];
                self.dma_place(both, [a1, a3, a4, a5]).map(done)
            }
            Syscall::MmioWriteDma => {
                let both = [named(self, a0), named(self, a2)];
                self.mmio_write_dma(actor, both, [a1, a3]).map(done)
            }
            Syscall::MmioWrite => self.write_register(named(self, a0), a1, a2).map(done),
            Syscall::ThreadCreate => {
                let (target, maker) = (target(self, a0), (actor, self.threads[&me].priority));
                self.thread(maker, target, a1, a4).map(Expect::Makes)
            }
            Syscall::ThreadExit => Ok(self.exit_thread(me, actor)),
            Syscall::ConsoleWrite => self.write(actor, a0, a1, [a2, a3, a4, a5]).map(done),
        }
    }

    fn query(&self, cap: Named) -> Call<Expect> {
        let (id, cap) = self.cap(cap)?;
        let record = self.info(id, cap.rights.contains(Rights::MANAGE)).to_record();
        Ok(Expect::Record(0, Sender::default(), record))
    }

    /// The last thread ends its process.
    fn exit_thread(&mut self, me: Oid, actor: usize) -> Expect {
        match self.threads.values().filter(|one| one.process == actor).count() {
            1 => self.end_process(actor, EndReason::Exit(0)),
            _ => self.end_object(me),
        }
        Expect::Ends
    }

    fn write(&mut self, actor: usize, console: u64, len: u64, words: [u64; 4]) -> Call<()> {
        let (_, cap) = self.cap(self.named(actor, Handle(console)))?;
        crate::calls::refuse_if(cap.what != What::Console, Error::WrongKind)?;
        crate::calls::refuse_if(len > 32, Error::OutOfRange)?;
        let bytes = words.into_iter().flat_map(u64::to_le_bytes);
        self.console.extend(bytes.take(len as usize));
        Ok(())
    }

    pub fn kind_code(&self, cap: &Cap) -> KindCode {
        match (cap.what, self.kind(cap.what)) {
            (What::Spawn, _) => KindCode::Spawn,
            (What::Console, _) => KindCode::Console,
            (What::Window { .. }, _) => KindCode::DeviceMmio,
            (What::Lines { .. }, _) => KindCode::Irq,
            (_, Some(Kind::Endpoint)) => KindCode::Endpoint,
            (_, Some(Kind::Notification)) => KindCode::Notification,
            (_, Some(Kind::Process(_))) => KindCode::Process,
            (_, Some(Kind::Thread)) => KindCode::Thread,
            (_, Some(Kind::Memory { .. }) | None) => KindCode::Vmo,
        }
    }

    fn info(&self, id: Cid, manage: bool) -> CapInfo {
        let cap = &self.caps[&id];
        let mut info = CapInfo {
            kind: self.kind_code(cap),
            rights: cap.rights,
            base: 0,
            len: 0,
            object: 0,
            mapped_pages: self.mapped_through(id),
            children: self.children(id).len() as u64,
            registers: cap.mask,
        };
        match cap.what {
            What::Window { base, len } if manage => (info.base, info.len) = (base, len),
            What::Lines { first, count, .. } if manage => (info.base, info.len) = (first, count),
            What::Window { .. } | What::Lines { .. } => {}
            What::Object(object) => {
                let object = &self.objects[&object];
                info.object = if manage { u64::from(object.slot) } else { 0 };
                if let Kind::Memory { pages, .. } = object.kind {
                    info.len = pages * 4096;
                }
            }
            What::Spawn | What::Console => {}
        }
        info
    }

    fn inspect(&self, actor: usize, process: Option<Named>, cursor: u64) -> Call<Expect> {
        let target = self.target(actor, process)?;
        let after = match cursor {
            0 => 0,
            _ => self.cap(self.named(target, Handle(cursor)))?.0 + 1,
        };
        let next = self.caps.range(after..).find(|(_, cap)| cap.owner == target && cap.is_held());
        Ok(match next {
            Some((id, cap)) => {
                let manage = process.is_some() || cap.rights.contains(Rights::MANAGE);
                let record = self.info(*id, manage).to_record();
                Expect::Record(cap.handle.0, Sender::default(), record)
            }
            None => Expect::Record(0, Sender::default(), [0; 8]),
        })
    }

    fn stat(&self, actor: usize, process: Option<Named>) -> Call<Expect> {
        let target = self.target(actor, process)?;
        let process = &self.processes[&target];
        let used = |used: u64, limit: u64| (used as u32, limit as u32);
        let info = ProcessInfo {
            id: process.id(),
            state: process.state,
            end: process.end,
            frames: used(self.frames_used(target), process.frames),
            objects: used(self.objects_used(target), process.objects),
            root: 0,
        };
        Ok(Expect::Record(0, info.id, info.to_record()))
    }
}
