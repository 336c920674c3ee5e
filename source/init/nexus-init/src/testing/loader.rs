//! Processes of the small kernel, and the programs in them.

use nexus_abi::{Error, Handle, Sender, Startup};
use nexus_sysdesc::Service;

use super::Fake;
use crate::start::{LoadFailure, Loader};

impl Loader for Fake {
    type Loaded = ();

    fn create(&mut self, _: usize, service: &Service) -> Result<(Handle, u32), Error> {
        self.calls.push("create");
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
        self.calls.push("load");
        self.load_fails.map_or(Ok(()), Err)
    }

    fn block(&mut self, _: Handle, service: u32, life: u32) -> Result<Startup, LoadFailure> {
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
        self.calls.push("run");
        self.started.push((service.id, process, *block));
        Ok(Vec::new())
    }
}
