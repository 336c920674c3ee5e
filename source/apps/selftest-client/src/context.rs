//! What the proofs work with.

use nexus_abi::{Handle, ProcessInfo, Role, StartupCap};
use nexus_proto::init::Init;
use nexus_proto::log::Log;
use nexus_proto::policy::Policy;
use nexus_proto::{Operation, ids};
use nexus_rt::{CallError, Client, Deadline, StartError, startup, sys};
use nexus_sysdesc::{Description, Device, Service};
use nexus_test::{Host, SAFETY_MS, Waiter};

use crate::check::Failure;

/// The other services, the description of the system, and this process itself.
#[derive(Debug)]
pub struct Context {
    /// The system.
    pub(crate) description: Description,
    /// Who this process is.
    pub(crate) own_id: u32,
    pub(crate) init: Client<Init>,
    pub(crate) policyd: Client<Policy>,
    pub(crate) logd: Client<Log>,
    pub(crate) host: Host,
    /// The one device window of this process.
    pub(crate) window: &'static StartupCap,
    /// To let others run.
    pub(crate) waiter: Waiter,
}

impl Context {
    /// From the startup block.
    ///
    /// # Errors
    /// What is missing in it.
    pub fn new() -> Result<Context, StartError> {
        let start = startup();
        let memory = start.map_memory(Role::Description)?;
        let description = Description::decode(memory.bytes()).map_err(|error| {
            nexus_rt::error!("{error}");
            StartError::BadMemory
        })?;
        Ok(Context {
            description,
            own_id: start.block().service_id,
            init: start.client(ids::INIT)?,
            policyd: start.client(ids::POLICYD)?,
            logd: start.client(ids::LOGD)?,
            host: Host::new()?,
            window: start.window()?,
            waiter: Waiter::new()?,
        })
    }

    /// The handle of the window.
    pub(crate) fn window(&self) -> Handle {
        Handle(self.window.handle)
    }

    /// Asks and waits for the answer.
    pub(crate) fn ask<O: Operation>(
        &self,
        server: Client<O::Protocol>,
        request: &O,
    ) -> Result<O::Reply, CallError> {
        server.call(request, Deadline::after_ms(SAFETY_MS))
    }

    /// What this process uses, as the kernel tells.
    pub(crate) fn usage(&self) -> Result<ProcessInfo, Failure> {
        Ok(sys::process_stat(Handle::NONE)?)
    }

    /// This service in the description.
    pub(crate) fn own_service(&self) -> Result<&Service, Failure> {
        let service = self.description.service(self.own_id);
        service.ok_or_else(|| Failure::new("this service is not in the description"))
    }

    /// True when the system has this service.
    pub(crate) fn has(&self, id: u32) -> bool {
        self.description.service(id).is_some()
    }

    /// A service that owns a device, and is not this one; with the device.
    pub(crate) fn other_owner(&self) -> Result<(&Service, &Device), Failure> {
        let others = self.description.services.iter().filter(|service| service.id != self.own_id);
        let mut owners = others.filter_map(|service| {
            let need = service.needs.first()?;
            Some((service, self.description.device(need.device)?))
        });
        owners.next().ok_or_else(|| Failure::new("no other service owns a device"))
    }

    /// The device that service `id` owns.
    pub(crate) fn device_of(&self, id: u32) -> Result<&Device, Failure> {
        let need = self.description.service(id).and_then(|service| service.needs.first());
        let device = need.and_then(|need| self.description.device(need.device));
        device.ok_or_else(|| Failure::new(format_args!("service {id} owns no device")))
    }
}
