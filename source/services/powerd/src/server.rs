//! Ends the machine for those who may ask.

use alloc::vec::Vec;

use nexus_abi::Sender;
use nexus_mmio::Bus;
use nexus_proto::power::{Power, Request};
use nexus_proto::{ServiceError, encode_error};
use nexus_rt::{Answer, Deadline, ReplyTo, Service, error, info, warn};
use nexus_sysdesc::{Description, Permission, Profile};

use crate::finisher::{Command, Finisher};

/// Milliseconds after which a machine that still runs did not do what was asked.
const GIVE_UP_MS: u64 = 2000;

/// The service.
#[derive(Debug)]
pub struct Server<B> {
    finisher: Finisher<B>,
    description: Description,
    /// Who was refused once. Services are few, because init alone makes them.
    refused: Vec<u32>,
    /// Who waits for the end, and until when.
    ending: Option<(ReplyTo, Deadline)>,
}

impl<B: Bus> Server<B> {
    /// Serves `finisher` to those whom `description` permits it.
    #[must_use]
    pub fn new(finisher: Finisher<B>, description: Description) -> Server<B> {
        Server { finisher, description, refused: Vec::new(), ending: None }
    }

    fn command(&self, sender: Sender, request: &Request) -> Result<Command, ServiceError> {
        let may = self.description.permits(sender.service_id, Permission::Power);
        Command::of(request, may, self.description.profile == Profile::Test)
    }

    /// Notes that a service is refused; true the first time. Only then it is told: lines about what
    /// others send without end would cost powerd its share of the log.
    fn is_first_refusal(&mut self, sender: Sender) -> bool {
        let first = !self.refused.contains(&sender.service_id);
        if first {
            self.refused.push(sender.service_id);
        }
        first
    }

    fn name(&self, sender: Sender) -> &str {
        self.description.service(sender.service_id).map_or("?", |service| &service.name)
    }
}

impl<B: Bus> Service for Server<B> {
    type Protocol = Power;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        let command = match self.command(sender, &request) {
            Ok(command) => command,
            Err(error) => {
                if self.is_first_refusal(sender) {
                    warn!("{} refused to {}: {error:?}", verb(&request), self.name(sender));
                }
                return reply.message(encode_error(error));
            }
        };
        info!("{} for {}", verb(&request), self.name(sender));
        self.ending = Some((reply, Deadline::after_ms(GIVE_UP_MS)));
        self.finisher.finish(command);
        Answer::later()
    }

    fn deadline(&self) -> Deadline {
        self.ending.as_ref().map_or(Deadline::NEVER, |(_, deadline)| *deadline)
    }

    fn tick(&mut self) {
        let Some((reply, _)) = self.ending.take() else { return };
        error!("the machine still runs");
        // Nobody to tell when the caller is gone.
        let _ = reply.send(&encode_error(ServiceError::DeviceFailed));
    }
}

const fn verb(request: &Request) -> &'static str {
    match request {
        Request::Off(_) => "power off",
        Request::Reboot(_) => "reboot",
        Request::Exit(_) => "exit with a code",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_mmio::fake::{Access, FakeBus, Script};
    use nexus_proto::power::Off;
    use nexus_proto::{Operation, ReplyError};
    use nexus_sysdesc::testing::{service, system};

    const INIT: u32 = 1;
    const SHELL: u32 = 10;
    const OTHER: u32 = 11;

    fn description() -> Description {
        let services = vec![
            service(INIT, "init", &[]),
            service(SHELL, "nsh", &[Permission::Power]),
            service(OTHER, "other", &[Permission::View]),
        ];
        system(Profile::Prod, services)
    }

    fn server(script: Vec<Access>) -> Server<FakeBus<Script>> {
        let finisher = Finisher::start(FakeBus::new(0x1000, Script::new(script))).unwrap();
        Server::new(finisher, description())
    }

    fn ask(server: &mut Server<FakeBus<Script>>, id: u32) -> nexus_abi::Message {
        let sender = Sender { service_id: id, incarnation: 1 };
        server.handle(sender, Off {}.into(), ReplyTo::nobody()).into_message()
    }

    // attack 27 U: who may not end the machine asks to; denied, no register is touched; broken: powerd-permission
    #[test]
    fn who_has_no_permission_reaches_no_register() {
        let mut server = server(vec![]);
        for id in [0, INIT, OTHER, 99, u32::MAX] {
            let answer = Off::decode_reply(&ask(&mut server, id));
            assert_eq!(answer, Err(ReplyError::Service(ServiceError::Denied)), "{id}");
        }
        assert_eq!(server.deadline(), Deadline::NEVER);
    }

    // attack 44 U: refused requests without end; the first of each sender is told
    #[test]
    fn refusals_are_told_once_for_each_sender() {
        let mut server = server(vec![]);
        let of = |id| Sender { service_id: id, incarnation: 1 };
        let told = [OTHER, OTHER, INIT, OTHER].map(|id| server.is_first_refusal(of(id)));
        assert_eq!(told, [true, false, true, false]);
    }

    #[test]
    fn who_has_it_ends_the_machine_and_waits_not_without_end() {
        let mut server = server(vec![Access::Write { offset: 0, width: 4, value: 0x5555 }]);
        ask(&mut server, SHELL);
        assert_ne!(server.deadline(), Deadline::NEVER);
        server.tick();
        assert_eq!(server.deadline(), Deadline::NEVER);
    }
}
