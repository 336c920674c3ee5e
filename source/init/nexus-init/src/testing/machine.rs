//! What the small kernel tells.

use nexus_abi::{
    CapInfo, EndReason, Error, Handle, IrqInfo, KindCode, LineState, ProcessInfo, ProcessState,
    Received, Rights,
};
use nexus_proto::bus::Take;

use super::Fake;
use super::wrong::{BACK, KERNEL};
use crate::board::{Identity, Probe, Range};
use crate::init::Machine;

impl Machine for Fake {
    fn process_stat(&mut self, process: Handle) -> Result<ProcessInfo, Error> {
        if self.goes("stat", BACK).is_some() {
            return Err(Error::BadHandle);
        }
        let known = self.ends.iter().find(|(handle, ..)| *handle == process);
        let (_, id, end) = *known.ok_or(Error::BadHandle)?;
        let state = if end.is_some() { ProcessState::Ended } else { ProcessState::Live };
        let own = process == Handle::NONE;
        Ok(ProcessInfo {
            id,
            state,
            end,
            frames: if own { (700, 1000) } else { (10, 100) },
            objects: if own { (500, 800) } else { (5, 50) },
            root: if own { 0 } else { 0x8020_0000 },
        })
    }

    /// Three capabilities, whose cursors are 11, 12 and 13.
    fn cap_inspect(
        &mut self,
        process: Handle,
        cursor: u64,
    ) -> Result<(u64, Option<CapInfo>), Error> {
        self.process_stat(process)?;
        let next = match cursor {
            0 => 11,
            11 | 12 => cursor + 1,
            13 => return Ok((0, None)),
            _ => return Err(Error::BadHandle),
        };
        let info = CapInfo {
            kind: KindCode::DeviceMmio,
            rights: Rights::MAP | Rights::READ,
            base: next << 12,
            len: 0x1000,
            object: 0,
            mapped_pages: 1,
            children: 0,
            registers: None,
        };
        Ok((next, Some(info)))
    }

    fn irq_stat(&mut self, irq: Handle) -> Result<IrqInfo, Error> {
        let cap = self.cap(irq).ok_or(Error::BadHandle)?;
        if !cap.rights.contains(Rights::MANAGE) {
            return Err(Error::Denied);
        }
        let (line, interval) = (cap.base, cap.limit.unwrap_or(0));
        let state = LineState::Armed;
        Ok(IrqInfo { line, state, interval, delivered: 5, held_back: 2, last: 99, strays: 3 })
    }

    /// Init, a service and nothing ran.
    fn time_stat(&mut self, priority: u64) -> Result<u64, Error> {
        match priority {
            _ if self.goes("times", BACK).is_some() => Err(Error::BadHandle),
            8 | 31 => Ok(100 + priority),
            32 => Ok(7000),
            0..32 => Ok(0),
            _ => Err(Error::OutOfRange),
        }
    }

    fn take(&mut self, ask: &Take, window: Handle) -> Result<Received, Error> {
        let _ = self.goes("take", &[]);
        self.busd_takes(ask, window)
    }

    fn signal(&mut self, notification: Handle, bits: u64) -> Result<(), Error> {
        if self.goes("signal", KERNEL).is_some() {
            return Err(Error::NoMemory);
        }
        let known = self.cap(notification).ok_or(Error::BadHandle)?;
        assert!(known.rights.contains(Rights::SEND));
        self.signalled.push((notification, bits));
        Ok(())
    }

    fn process_end(&mut self, process: Handle, code: u64) -> Result<(), Error> {
        if self.goes("end", KERNEL).is_some() {
            return Err(Error::NoMemory);
        }
        let known = self.ends.iter_mut().find(|(handle, ..)| *handle == process);
        let (.., end) = known.ok_or(Error::BadHandle)?;
        if end.is_some() {
            return Err(Error::BadState);
        }
        *end = Some(EndReason::Killed(code));
        self.buries(process);
        Ok(())
    }

    fn notification_create(&mut self) -> Result<Handle, Error> {
        if self.goes("notification", KERNEL).is_some() {
            return Err(Error::NoMemory);
        }
        Ok(self.object(KindCode::Notification, 0))
    }

    fn vmo_create(&mut self, pages: u64) -> Result<Handle, Error> {
        if self.goes("vmo", KERNEL).is_some() {
            return Err(Error::NoMemory);
        }
        Ok(self.object(KindCode::Vmo, pages * 4096))
    }

    fn answer(&self, service: u32) -> Option<(Handle, u64)> {
        self.answers.filter(|(watched, ..)| *watched == service).map(|(_, to, bit)| (to, bit))
    }

    fn watch(&mut self, service: u32, process: Handle, asked_by: Handle) {
        self.watched.push((service, process, asked_by));
    }

    fn forget(&mut self, service: u32) {
        self.forgotten.push(service);
    }

    fn answer_gone(&mut self, service: u32, endpoint: Handle) {
        self.gone.push((service, endpoint));
    }

    fn answer_no_more(&mut self, service: u32) {
        self.gone.retain(|(gone, _)| *gone != service);
    }

    fn ticks(&mut self) -> u64 {
        self.now
    }

    fn say(&mut self, line: &str) {
        self.said.push(line.into());
    }
}

impl Probe for Fake {
    /// An entropy device in the seventh slot, if nothing else is said, nothing in the others.
    fn identify(&mut self, window: Range) -> Result<Identity, Error> {
        let plugged = self.plugged.iter().find(|(base, _)| *base == window.base);
        let device_id = plugged.map_or(0, |(_, id)| *id);
        Ok(Identity { magic: 0x7472_6976, version: 2, device_id, config: [0; 8] })
    }
}
