//! What happens at the calls of one act of init, and the processes that it makes.

use nexus_abi::{Error, Handle, Startup};
use nexus_init::start::{LoadFailure, Loader};
use nexus_sysdesc::Service;

use crate::outside::{FAILURES, Fate, Outside};
use crate::system::{BUSD, LOGD, POLICYD};

/// What a call of init is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A question to policyd, which asks logd for a record.
    Policyd,
    /// A record.
    Logd,
    /// busd sets a device up.
    Prepare,
    /// busd takes a device back.
    Release,
    /// The kernel is asked for something.
    Kernel,
    /// The kernel is told to take something back, or tells something.
    Back,
}

impl Kind {
    /// How such a call can go, but for the right way.
    pub fn fates(self) -> impl Iterator<Item = Fate> {
        FAILURES.into_iter().filter(move |fate| match self {
            Kind::Policyd => matches!(
                fate,
                Fate::PolicyGone
                    | Fate::PolicyLost
                    | Fate::PolicyLate
                    | Fate::Garbled
                    | Fate::Stranger
                    | Fate::Replayed(_)
                    | Fate::LogGone
                    | Fate::LogLost
            ),
            Kind::Logd => matches!(fate, Fate::LogGone | Fate::LogLost),
            Kind::Prepare | Kind::Release => match fate {
                Fate::BusLies(_) => self == Kind::Prepare,
                Fate::BusGone
                | Fate::BusLost
                | Fate::BusLate
                | Fate::BusRefuses
                | Fate::Garbled
                | Fate::Stranger => true,
                _ => false,
            },
            Kind::Kernel => matches!(fate, Fate::KernelRefuses),
            Kind::Back => false,
        })
    }
}

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happens {
    /// It goes like this.
    Goes(Fate),
    /// The last life of this service ends just before it.
    Dies(u32),
}

/// The calls of an act, and what happens at one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Turns {
    /// Every call that was made.
    pub calls: Vec<Kind>,
    /// The number of a call, and what happens there.
    pub at: Option<(usize, Happens)>,
}

impl Outside {
    /// The next call of an act.
    pub(crate) fn turn(&mut self, kind: Kind) {
        let Some(turns) = &mut self.turns else { return };
        let call = turns.calls.len();
        turns.calls.push(kind);
        match turns.at.filter(|(at, _)| *at == call) {
            Some((_, Happens::Goes(fate))) => self.fate = fate,
            Some((_, Happens::Dies(service))) => self.dies(service),
            None => {}
        }
    }

    /// The process of the last life of a service.
    #[must_use]
    pub fn last_life(&self, service: u32) -> Option<Handle> {
        let last = self.processes.iter().rfind(|(made, _)| *made == service);
        last.map(|(_, process)| *process)
    }

    /// True when a service has ended, and was not started again.
    #[must_use]
    pub fn is_dead(&self, service: u32) -> bool {
        self.last_life(service).is_some_and(|process| self.ended.contains(&process))
    }

    /// The last life of a service ends.
    pub(crate) fn dies(&mut self, service: u32) {
        if service == BUSD.service_id && !self.busd_ended {
            self.end_busd();
        }
        if let Some(process) = self.last_life(service) {
            self.end(process);
        }
    }

    fn refuses(&mut self) -> Result<(), Error> {
        self.turn(Kind::Kernel);
        if self.takes(Fate::KernelRefuses) { Err(Error::NoMemory) } else { Ok(()) }
    }
}

impl Loader for Outside {
    type Loaded = ();

    fn create(&mut self, _: usize, service: &Service) -> Result<(Handle, u32), Error> {
        self.refuses()?;
        let before = self.processes.iter().filter(|(made, _)| *made == service.id).count();
        let life = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
        let process = Handle(0x2_0000 + u64::from(service.id) * 0x1000 + u64::from(life));
        self.see(self.last_life(service.id).is_none() || self.is_dead(service.id), "two lives");
        self.processes.push((service.id, process));
        Ok((process, life))
    }

    fn load(&mut self, _: Handle, _: &Service) -> Result<(), LoadFailure> {
        Ok(self.refuses()?)
    }

    fn block(&mut self, _: Handle, service: u32, life: u32) -> Result<Startup, LoadFailure> {
        self.refuses()?;
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
        self.refuses()?;
        if self.ended.contains(&process) {
            return Err(Error::BadState.into());
        }
        self.see(!self.gone.contains(&service.id), "a service runs, and init answers for it");
        match service.id {
            LOGD => self.restart_logd(),
            id if id == POLICYD.service_id => {
                self.restart_policyd();
                self.policyd_id.incarnation = block.incarnation;
            }
            _ => {}
        }
        Ok(Vec::new())
    }
}
