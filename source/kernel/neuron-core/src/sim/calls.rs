//! The system calls with plain arguments, by name.

use nexus_abi::{
    CapInfo, Error, Handle, IrqInfo, ProcessInfo, Prot, Rights, Sender, Syscall, regs,
};

use super::world::{User, World};

impl World<'_> {
    pub fn endpoint_create(&mut self, user: User) -> Result<Handle, Error> {
        self.call(user, Syscall::EndpointCreate, &[]).map(Handle)
    }

    pub fn notification_create(&mut self, user: User) -> Result<Handle, Error> {
        self.call(user, Syscall::NotificationCreate, &[]).map(Handle)
    }

    pub fn endpoint_bind(
        &mut self,
        user: User,
        endpoint: Handle,
        notification: Handle,
    ) -> Result<(), Error> {
        self.call(user, Syscall::EndpointBind, &[endpoint.0, notification.0]).map(|_| ())
    }

    pub fn signal(&mut self, user: User, notification: Handle, bits: u64) -> Result<(), Error> {
        self.call(user, Syscall::Signal, &[notification.0, bits]).map(|_| ())
    }

    pub fn vmo_create(&mut self, user: User, pages: u64) -> Result<Handle, Error> {
        self.call(user, Syscall::VmoCreate, &[pages]).map(Handle)
    }

    pub fn vmo_seal(&mut self, user: User, vmo: Handle) -> Result<(), Error> {
        self.call(user, Syscall::VmoSeal, &[vmo.0]).map(|_| ())
    }

    /// Into the caller, from the beginning of the object.
    pub fn vmo_map(
        &mut self,
        user: User,
        vmo: Handle,
        len: u64,
        va: u64,
        prot: Prot,
    ) -> Result<u64, Error> {
        self.vmo_map_into(user, Handle::NONE, vmo, 0, len, va, prot)
    }

    #[allow(clippy::too_many_arguments, reason = "as many as the call has")]
    pub fn vmo_map_into(
        &mut self,
        user: User,
        process: Handle,
        vmo: Handle,
        offset: u64,
        len: u64,
        va: u64,
        prot: Prot,
    ) -> Result<u64, Error> {
        let args = [process.0, vmo.0, offset, len, va, u64::from(prot.bits())];
        self.call(user, Syscall::VmoMap, &args)
    }

    pub fn mmio_map(
        &mut self,
        user: User,
        window: Handle,
        offset: u64,
        len: u64,
        va: u64,
        prot: Prot,
    ) -> Result<u64, Error> {
        let args = [window.0, offset, len, va, u64::from(prot.bits())];
        self.call(user, Syscall::MmioMap, &args)
    }

    pub fn unmap(&mut self, user: User, va: u64) -> Result<(), Error> {
        self.call(user, Syscall::Unmap, &[va]).map(|_| ())
    }

    pub fn protect(&mut self, user: User, va: u64, prot: Prot) -> Result<(), Error> {
        self.call(user, Syscall::Protect, &[va, u64::from(prot.bits())]).map(|_| ())
    }

    /// For a kind without parts.
    pub fn derive(&mut self, user: User, cap: Handle, rights: Rights) -> Result<Handle, Error> {
        self.derive_part(user, cap, rights, 0, 0)
    }

    pub fn derive_part(
        &mut self,
        user: User,
        cap: Handle,
        rights: Rights,
        offset: u64,
        len: u64,
    ) -> Result<Handle, Error> {
        let args = [cap.0, u64::from(rights.bits()), offset, len];
        self.call(user, Syscall::CapDerive, &args).map(Handle)
    }

    pub fn cap_limit(&mut self, user: User, cap: Handle, limit: u64) -> Result<(), Error> {
        self.call(user, Syscall::CapLimit, &[cap.0, limit]).map(|_| ())
    }

    pub fn mmio_write(
        &mut self,
        user: User,
        window: Handle,
        offset: u64,
        value: u64,
    ) -> Result<(), Error> {
        self.call(user, Syscall::MmioWrite, &[window.0, offset, value]).map(|_| ())
    }

    pub fn cap_drop(&mut self, user: User, cap: Handle) -> Result<(), Error> {
        self.call(user, Syscall::CapDrop, &[cap.0]).map(|_| ())
    }

    pub fn revoke(&mut self, user: User, cap: Handle) -> Result<(), Error> {
        self.call(user, Syscall::CapRevoke, &[cap.0]).map(|_| ())
    }

    pub fn install(
        &mut self,
        user: User,
        process: Handle,
        cap: Handle,
        rights: Rights,
    ) -> Result<Handle, Error> {
        let args = [process.0, cap.0, u64::from(rights.bits())];
        self.call(user, Syscall::CapInstall, &args).map(Handle)
    }

    pub fn query(&mut self, user: User, cap: Handle) -> Result<CapInfo, Error> {
        self.call(user, Syscall::CapQuery, &[cap.0])?;
        let words = self.frame(user).words();
        Ok(CapInfo::from_record(&words).expect("no capability record"))
    }

    /// The cursor of the next capability after `cursor`, and what it is.
    pub fn inspect(
        &mut self,
        user: User,
        process: Handle,
        cursor: u64,
    ) -> Result<(u64, Option<CapInfo>), Error> {
        let next = self.call(user, Syscall::CapInspect, &[process.0, cursor])?;
        Ok((next, CapInfo::from_record(&self.frame(user).words())))
    }

    pub fn stat(&mut self, user: User, process: Handle) -> Result<ProcessInfo, Error> {
        self.call(user, Syscall::ProcessStat, &[process.0])?;
        let frame = self.frame(user);
        let id = Sender::from_word(frame.get(regs::T3));
        Ok(ProcessInfo::from_record(id, &frame.words()).expect("no process record"))
    }

    /// Without a register.
    pub fn irq_bind(
        &mut self,
        user: User,
        irq: Handle,
        notification: Handle,
        bits: u64,
    ) -> Result<(), Error> {
        let args = [irq.0, notification.0, bits, Handle::NONE.0, 0];
        self.call(user, Syscall::IrqBind, &args).map(|_| ())
    }

    /// With the register at `offset` of a window.
    pub fn irq_bind_register(
        &mut self,
        user: User,
        [irq, notification, window]: [Handle; 3],
        bits: u64,
        offset: u64,
    ) -> Result<(), Error> {
        let args = [irq.0, notification.0, bits, window.0, offset];
        self.call(user, Syscall::IrqBind, &args).map(|_| ())
    }

    pub fn irq_ack_value(&mut self, user: User, irq: Handle, value: u64) -> Result<(), Error> {
        self.call(user, Syscall::IrqAck, &[irq.0, value]).map(|_| ())
    }

    /// Without a value.
    pub fn irq_ack(&mut self, user: User, irq: Handle) -> Result<(), Error> {
        self.call(user, Syscall::IrqAck, &[irq.0, u64::MAX]).map(|_| ())
    }

    pub fn irq_stat(&mut self, user: User, irq: Handle) -> Result<IrqInfo, Error> {
        self.call(user, Syscall::IrqStat, &[irq.0])?;
        Ok(IrqInfo::from_record(&self.frame(user).words()).expect("no record of a line"))
    }

    /// Ticks of a priority.
    pub fn time_stat(&mut self, user: User, spawn: Handle, priority: u64) -> Result<u64, Error> {
        self.call(user, Syscall::TimeStat, &[spawn.0, priority])
    }

    pub fn process_end(&mut self, user: User, process: Handle, code: u64) -> Result<(), Error> {
        self.call(user, Syscall::ProcessEnd, &[process.0, code]).map(|_| ())
    }
}
