//! System calls: from the registers of the current thread to the call, and back.
//!
//! A handler says what came of the call; one place here writes it to the caller's registers. A
//! handler that returns an error has changed nothing.

use nexus_abi::{CapInfo, Error, Handle, Rights, Sender, Syscall, regs};

use crate::Result;
use crate::call::fast::Run;
use crate::call::memory::bytes;
use crate::kernel::{Kernel, Step, Work, goes_on, need};
use crate::object::capability::{Capability, CapabilityKind, Held};
use crate::object::process::Process;
use crate::object::thread::Thread;
use crate::platform::Platform;
use crate::store::list::List;
use crate::store::pool::Id;

/// What came of a call.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It returns this value.
    Value(u64),
    /// Everything is done, the caller's registers included; or the caller waits, or is gone.
    Applied,
    /// Its thread makes the call again, after interrupts were taken.
    Again,
}

/// Who makes a call.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) thread: Id<Thread>,
    pub(crate) process: Id<Process>,
}

/// The argument registers of a call, of which each call takes as many as it has.
pub(crate) type Args = [u64; 6];

/// Bytes of an `ecall`.
const ECALL: u64 = 4;

/// Writes what came of a call to the registers of its thread.
#[inline(always)]
fn apply(thread: &mut Thread, result: Result<Outcome>) {
    match result {
        Ok(Outcome::Value(value)) => thread.answer(0, value),
        Ok(Outcome::Applied) => {}
        Ok(Outcome::Again) => {
            let pc = thread.frame.get(0).wrapping_sub(ECALL);
            thread.frame.set(0, pc);
        }
        Err(error) => thread.frame.set(regs::A0, error.code()),
    }
}

impl<P: Platform> Kernel<'_, P> {
    /// The current thread has made a system call; its program counter is past the `ecall`. Tells
    /// how it goes on, if it is still the one to run.
    #[inline(always)]
    pub fn syscall(&mut self) -> Option<Run> {
        let me = self.hart.current?;
        let number = self.threads.get(me).ok()?.frame.get(regs::NUMBER);
        let result = match Syscall::decode(number) {
            Some(Syscall::Call) => self.call(me),
            Some(Syscall::ReplyRecv) => self.reply_recv(me),
            Some(Syscall::Null) => Ok(Outcome::Value(0)),
            Some(call) => self.other_call(me, call),
            None => Err(Error::BadSyscall),
        };
        let goes_on = self.hart.current == Some(me);
        let thread = self.threads.get_mut(me).ok()?;
        apply(thread, result);
        goes_on.then(|| Run::of(thread))
    }

    #[inline(always)]
    fn other_call(&mut self, me: Id<Thread>, call: Syscall) -> Result<Outcome> {
        let thread = self.threads.get(me)?;
        let process = thread.process;
        let by = Caller { thread: me, process };
        let args = thread.frame.arguments();
        let [a0, a1, ..] = args;
        let value = match call {
            Syscall::Null | Syscall::Call | Syscall::ReplyRecv => 0,
            Syscall::Yield => self.rotate().map(|()| 0)?,
            Syscall::Reply => return self.reply(me),
            Syscall::Wait => return self.wait(me, args),
            Syscall::ThreadExit => return self.thread_exit(me),
            Syscall::ProcessEnd => return self.process_end(process, Handle(a0), a1),
            Syscall::CapDrop => return self.cap_drop(by, Handle(a0)),
            Syscall::CapRevoke => return self.cap_revoke(by, Handle(a0)),
            Syscall::CapQuery => return self.cap_query(by, Handle(a0)),
            Syscall::CapInspect => return self.cap_inspect(by, [a0, a1]),
            Syscall::ProcessStat => {
                let info = self.process_stat(process, Handle(a0))?;
                return self.record(by, 0, info.id, &info.to_record());
            }
            Syscall::Signal => self.signal(process, Handle(a0), a1).map(|()| 0)?,
            Syscall::EndpointCreate => self.endpoint_create(process)?.0,
            Syscall::NotificationCreate => self.notification_create(process)?.0,
            Syscall::EndpointBind => self.endpoint_bind(process, args).map(|()| 0)?,
            Syscall::VmoCreate => return self.vmo_create(me, a0),
            Syscall::VmoSeal => self.vmo_seal(process, Handle(a0)).map(|()| 0)?,
            Syscall::VmoMap => self.vmo_map(process, args)?,
            Syscall::MmioMap => self.mmio_map(process, args)?,
            Syscall::Unmap => self.unmap(process, a0).map(|()| 0)?,
            Syscall::Protect => self.protect(process, a0, a1).map(|()| 0)?,
            Syscall::CapDerive => self.cap_derive(process, args)?.0,
            Syscall::CapInstall => self.cap_install(process, args)?.0,
            Syscall::ProcessCreate => self.process_create(process, args)?.0,
            Syscall::ThreadCreate => self.thread_create(me, args)?.0,
            Syscall::IrqBind => self.irq_bind(process, args).map(|()| 0)?,
            Syscall::IrqAck => self.irq_ack(process, Handle(a0), a1).map(|()| 0)?,
            Syscall::IrqStat => {
                let info = self.irq_stat(process, Handle(a0))?;
                return self.record(by, 0, Sender::default(), &info.to_record());
            }
            Syscall::CapLimit => self.cap_limit(process, Handle(a0), a1).map(|()| 0)?,
            Syscall::DmaCreate => self.dma_create(process, args)?.0,
            Syscall::DmaQuiet => return self.dma_quiet(by, Handle(a0)),
            Syscall::DmaPlace => self.dma_place(process, args).map(|()| 0)?,
            Syscall::MmioWriteDma => self.mmio_write_dma(process, args).map(|()| 0)?,
            Syscall::MmioWrite => self.mmio_write(process, args).map(|()| 0)?,
            Syscall::TimeStat => self.time_stat(process, args)?,
            Syscall::ConsoleWrite => self.console_write(process, args).map(|()| 0)?,
        };
        Ok(Outcome::Value(value))
    }

    /// `cap_derive`.
    fn cap_derive(&mut self, caller: Id<Process>, args: Args) -> Result<Handle> {
        let [cap, rights, offset, len, ..] = args;
        let (id, cap) = self.lookup(caller, Handle(cap))?;
        need(cap, Rights::DERIVE)?;
        let rights = fewer(cap, rights)?;
        let kind = match cap.kind {
            CapabilityKind::Irq(lines) => CapabilityKind::Irq(lines.narrow(offset, len)?),
            CapabilityKind::DeviceMmio(window) => {
                CapabilityKind::DeviceMmio(window.narrow(offset, len)?)
            }
            kind if offset == 0 && len == 0 => kind,
            _ => return Err(Error::OutOfRange),
        };
        let child = self.add_child(id, caller, kind, rights)?;
        Ok(self.caps.handle(child))
    }

    /// `cap_install`.
    fn cap_install(&mut self, caller: Id<Process>, args: Args) -> Result<Handle> {
        let [process, cap, rights, ..] = args;
        let target = self.target(caller, Handle(process))?;
        let (id, cap) = self.lookup(caller, Handle(cap))?;
        need(cap, Rights::GRANT)?;
        let (kind, rights) = (cap.kind, fewer(cap, rights)?);
        self.check_live(target)?;
        let child = self.add_child(id, target, kind, rights)?;
        Ok(self.caps.handle(child))
    }

    /// `cap_limit`.
    fn cap_limit(&mut self, caller: Id<Process>, handle: Handle, limit: u64) -> Result {
        let (id, cap) = self.lookup(caller, handle)?;
        match cap.kind {
            CapabilityKind::DeviceMmio(window) => self.limit_window(id, window, limit),
            CapabilityKind::Irq(lines) => self.limit_lines(id, lines, limit),
            _ => Err(Error::WrongKind),
        }
    }

    /// `cap_drop`.
    fn cap_drop(&mut self, by: Caller, handle: Handle) -> Result<Outcome> {
        if handle.is_reply() {
            self.drop_reply(by.process, handle)?;
            self.preempt()?;
            return Ok(Outcome::Value(0));
        }
        let id = match self.lookup(by.process, handle) {
            Ok((id, _)) => Some(id),
            Err(error) => self.unfinished(by.thread, handle, error)?,
        };
        self.in_steps(by.thread, handle, id, Self::drop_cap)
    }

    /// `cap_revoke`.
    fn cap_revoke(&mut self, by: Caller, handle: Handle) -> Result<Outcome> {
        let id = match self.lookup(by.process, handle) {
            Ok((id, cap)) => {
                need(cap, Rights::REVOKE)?;
                self.threads.get_mut(by.thread)?.unfinished = Handle::NONE;
                Some(id)
            }
            Err(error) => self.unfinished(by.thread, handle, error)?,
        };
        self.in_steps(by.thread, handle, id, Self::revoke)
    }

    /// The capability of a call that this thread has begun, when nobody can name it any more: it
    /// may be a zombie, or gone (`None`), which is what the call was to bring about. A handle of
    /// any other call is bad.
    #[cold]
    fn unfinished(
        &mut self,
        me: Id<Thread>,
        handle: Handle,
        error: Error,
    ) -> Result<Option<Id<Capability>>> {
        let thread = self.threads.get_mut(me)?;
        if thread.unfinished != handle || handle == Handle::NONE {
            return Err(error);
        }
        thread.unfinished = Handle::NONE;
        Ok(self.caps.by_handle(handle).ok().map(|(id, _)| id))
    }

    /// Runs one step of long work on the capability of a handle, unless it is gone, and lets what it
    /// woke run.
    pub(crate) fn in_steps(
        &mut self,
        me: Id<Thread>,
        handle: Handle,
        id: Option<Id<Capability>>,
        step: impl FnOnce(&mut Self, Id<Capability>, &mut Work) -> Step,
    ) -> Result<Outcome> {
        let Some(id) = id else { return Ok(Outcome::Value(0)) };
        let more = goes_on(step(self, id, &mut Work::step()))?;
        if more {
            self.threads.get_mut(me)?.unfinished = handle;
        }
        self.preempt()?;
        Ok(if more { Outcome::Again } else { Outcome::Value(0) })
    }

    /// `cap_query`.
    fn cap_query(&mut self, by: Caller, handle: Handle) -> Result<Outcome> {
        let (_, cap) = self.lookup(by.process, handle)?;
        let manage = cap.rights.contains(Rights::MANAGE);
        let record = self.info(cap, manage).to_record();
        self.record(by, 0, Sender::default(), &record)
    }

    /// `cap_inspect`: the next capability of a process after `cursor`.
    fn cap_inspect(&mut self, by: Caller, [process, cursor]: [u64; 2]) -> Result<Outcome> {
        let target = self.target(by.process, Handle(process))?;
        let next = match Handle(cursor) {
            Handle::NONE => self.processes.get(target)?.held.first(),
            last => {
                let (last, _) = self.lookup(target, last)?;
                List::<Capability, Held>::next(&self.caps, last)
            }
        };
        let Some(id) = next else { return self.record(by, 0, Sender::default(), &[0; 8]) };
        let cap = self.caps.get(id)?;
        let manage = Handle(process) != Handle::NONE || cap.rights.contains(Rights::MANAGE);
        let record = self.info(cap, manage).to_record();
        self.record(by, self.caps.handle(id).0, Sender::default(), &record)
    }

    /// Returns a value, an identity, and a record in the message words.
    fn record(&mut self, by: Caller, value: u64, id: Sender, words: &[u64; 8]) -> Result<Outcome> {
        let thread = self.threads.get_mut(by.thread)?;
        thread.answer(0, value);
        thread.answer_from(id.to_word(), Handle::NONE);
        thread.frame.set_words(words);
        Ok(Outcome::Applied)
    }

    /// What is told of a capability.
    fn info(&self, cap: &Capability, manage: bool) -> CapInfo {
        let vmo_bytes = match cap.kind {
            CapabilityKind::Vmo(id) => self.vmos.get(id).map_or(0, bytes),
            _ => 0,
        };
        let registers = cap.registers().and_then(|id| self.registers.get(id).ok());
        cap.info(manage, vmo_bytes, registers.map(|registers| registers.mask))
    }

    /// `console_write`.
    fn console_write(&mut self, caller: Id<Process>, args: Args) -> Result {
        let [console, len, words @ ..] = args;
        let (_, cap) = self.lookup(caller, Handle(console))?;
        if cap.kind != CapabilityKind::Console {
            return Err(Error::WrongKind);
        }
        let len = usize::try_from(len).map_err(|_| Error::OutOfRange)?;
        let mut text = [0u8; 32];
        for (to, word) in text.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        self.platform.console_write(text.get(..len).ok_or(Error::OutOfRange)?);
        Ok(())
    }
}

/// The rights asked for, if the capability has them all.
fn fewer(cap: &Capability, rights: u64) -> Result<Rights> {
    let rights = u16::try_from(rights).ok().and_then(Rights::from_bits).ok_or(Error::Denied)?;
    need(cap, rights)?;
    Ok(rights)
}
