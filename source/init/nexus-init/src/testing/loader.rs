//! Processes of the small kernel, and the programs in them.

use nexus_abi::{Error, Handle, KindCode, Sender, Startup};
use nexus_proto::ids;
use nexus_sysdesc::Service;

use super::Fake;
use super::wrong::KERNEL;
use crate::start::{LoadFailure, Loader};

impl Loader for Fake {
    type Loaded = ();

    fn create(&mut self, _: usize, service: &Service) -> Result<(Handle, u32), Error> {
        if self.goes("create", KERNEL).is_some() {
            return Err(Error::NoMemory);
        }
        if let Some(error) = self.create_fails {
            return Err(error);
        }
        let before = self.ends.iter().filter(|(_, id, _)| id.service_id == service.id);
        let life = before.map(|(_, id, _)| id.incarnation).max().unwrap_or(0) + 1;
        self.next += 1;
        let process = Handle(self.next);
        self.ends.push((process, Sender { service_id: service.id, incarnation: life }, None));
        self.live = true;
        Ok((process, life))
    }

    fn load(&mut self, _: Handle, _: &Service) -> Result<(), LoadFailure> {
        if self.goes("load", KERNEL).is_some() {
            return Err(Error::NoMemory.into());
        }
        self.load_fails.map_or(Ok(()), Err)
    }

    fn block(&mut self, _: Handle, service: u32, life: u32) -> Result<Startup, LoadFailure> {
        if self.goes("block", KERNEL).is_some() {
            return Err(Error::NoMemory.into());
        }
        Ok(Startup::new(service, life, 10_000_000, 1))
    }

    fn run(
        &mut self,
        process: Handle,
        service: &Service,
        (): (),
        block: &Startup,
        _: Handle,
    ) -> Result<Vec<Handle>, LoadFailure> {
        if self.goes("run", KERNEL).is_some() {
            return Err(Error::NoMemory.into());
        }
        if self.has_died(process) {
            return Err(Error::BadState.into());
        }
        if service.id == ids::POLICYD {
            self.answers_as.incarnation = block.incarnation;
        }
        self.started.push((service.id, process, *block));
        Ok(vec![self.object(KindCode::Vmo, 0x1000)])
    }
}
