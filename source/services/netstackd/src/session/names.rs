//! Names.

use nexus_mmio::SharedMut;
use nexus_proto::log::Access;
use nexus_proto::socket::ring as wire;
use nexus_ring::Request;
use nexus_sysdesc::Ip;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::DnsQueryType;

use super::ask::{HEAD, NAME};
use super::steps::{Job, Step};
use super::{Pending, Waiting};
use crate::address::to_wire;
use crate::numbers::Source;
use crate::stack::{Query, WAITED};

/// Names that a client asks for at one time.
const ASKS: usize = 4;
/// For so long smoltcp waits for one server: what fails before that has no address.
const SERVER: Duration = Duration::from_secs(10);

impl<M: SharedMut, S: Source> Job<'_, '_, M, S> {
    /// Asks for a name.
    ///
    /// # Errors
    /// The status with which it failed.
    pub(super) fn resolve(
        &mut self,
        request: &Request,
        len: usize,
        six: bool,
        room: usize,
    ) -> Result<Pending, u8> {
        let may = self.desk.rules.resolve(self.service);
        self.desk.noted(self.service, Access::Resolve, may)?;
        let asks = |one: &&Waiting| matches!(one.pending, Pending::Resolving { .. });
        if self.waiting.iter().filter(asks).count() >= ASKS {
            return Err(wire::TOO_MUCH);
        }
        let mut name = [0; NAME];
        let name = name.get_mut(..len).ok_or(wire::MALFORMED)?;
        self.side.read(request, HEAD, name).map_err(|_| wire::MALFORMED)?;
        let name = core::str::from_utf8(name).ok().filter(|name| is_name(name));
        let name = name.ok_or(wire::MALFORMED)?;
        self.desk.stack.reaches_names().then_some(()).ok_or(wire::UNREACHABLE)?;
        let number = self.desk.numbers.draw().ok_or(wire::UNREACHABLE)?;
        let kind = if six { DnsQueryType::Aaaa } else { DnsQueryType::A };
        let asked = self.desk.now;
        let query = self.desk.stack.ask(name, kind, number, asked).map_err(|_| wire::MALFORMED)?;
        self.desk.wake(asked + WAITED);
        Ok(Pending::Resolving { query, room, asked })
    }

    /// Looks whether somebody knows it.
    ///
    /// # Errors
    /// The status with which it failed.
    pub(super) fn resolving(
        &mut self,
        request: &Request,
        query: Query,
        room: usize,
        asked: Instant,
    ) -> Result<Step, u8> {
        let now = self.desk.now;
        let Some(answer) = self.desk.stack.answer(query) else {
            if now >= asked + WAITED {
                self.desk.stack.seek_servers(now);
            } else {
                self.desk.wake(asked + WAITED);
            }
            return Ok(Step::Wait(Pending::Resolving { query, room, asked }));
        };
        let late = now >= asked + SERVER;
        let lost = !self.desk.stack.reaches_names();
        let why = if late { wire::TIMED_OUT } else { wire::NO_NAME };
        let addresses = answer.map_err(|_| if lost { wire::UNREACHABLE } else { why })?;
        let mut len = 0;
        for address in addresses.into_iter().take(room / size_of::<Ip>()) {
            let ip = to_wire(address);
            self.put(request, len, &ip)?;
            len += ip.len();
        }
        Ok(Step::Done(len))
    }
}

/// True for what a name may be made of: smoltcp looks at how long its parts are.
fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_graphic())
}
