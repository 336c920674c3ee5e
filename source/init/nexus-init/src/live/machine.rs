//! The outside, as it is.

use nexus_abi::{
    CapInfo, Error, Handle, IrqInfo, Message, ProcessInfo, ProcessState, Received, Rights,
};
use nexus_proto::bus::{Prepare, Release, Take};
use nexus_proto::log::{Append, Entry, Head, HeadInfo};
use nexus_proto::policy::{Decide, Epoch};
use nexus_proto::{Operation, encode_with_caps, ids};
use nexus_rt::{Deadline, peek, sys, ticks};

use super::gone::Gone;
use super::programs::Programs;
use super::starter::Starter;
use super::watch::Watch;
use crate::board::{Identity, Probe, Range};
use crate::grant::World;
use crate::init::{Machine, Root};

/// Milliseconds that policyd has for an answer. It waits for logd in between.
const POLICY_MS: u64 = 2000;
/// Milliseconds for which a server that was late is not asked again, so that a silent one costs
/// one wait and not one for each device. Meanwhile nothing is allowed, or recorded. A stall of the
/// whole machine is over by then, as a rule: it is what a second question waits for.
const LATE_MS: u64 = 3000;
/// Milliseconds that logd has for a record.
const RECORD_MS: u64 = 1000;
/// Milliseconds that busd has for a device. A reset waits for what the device has in flight.
const BUS_MS: u64 = 3000;

/// Registers of a virtio slot (virtio 1.2, 4.2.2): MagicValue, Version, DeviceID, and the beginning of
/// its configuration.
const IDENTITY: [usize; 5] = [0x000, 0x004, 0x008, 0x100, 0x104];

/// A server that init calls: its endpoint, and its process.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// The endpoint, with SEND.
    pub endpoint: Handle,
    /// The process.
    pub process: Handle,
}

/// A server, and when it may be asked again.
#[derive(Clone, Copy, Debug)]
struct Peer {
    server: Server,
    late_until: Deadline,
}

impl Peer {
    fn new(server: Server) -> Peer {
        Peer { server, late_until: Deadline::at(0) }
    }

    /// Asks, as [`Peer::ask_for_caps`] does. What an answer carries that can carry nothing is dropped.
    fn ask(&mut self, message: &Message, ms: u64) -> Result<Received, Error> {
        let answer = self.ask_for_caps(message, ms)?;
        for cap in answer.message.caps() {
            let _ = sys::cap_drop(cap);
        }
        Ok(answer)
    }

    /// Asks, if it is alive and was not late just now.
    fn ask_for_caps(&mut self, message: &Message, ms: u64) -> Result<Received, Error> {
        self.check_alive()?;
        if !self.late_until.has_passed() {
            return Err(Error::TimedOut);
        }
        let answer = sys::call(self.server.endpoint, message, Deadline::after_ms(ms).ticks());
        if answer == Err(Error::TimedOut) {
            // Who has ended meanwhile is not late.
            self.check_alive()?;
            self.late_until = Deadline::after_ms(LATE_MS);
        }
        answer
    }

    fn check_alive(&self) -> Result<(), Error> {
        match sys::process_stat(self.server.process)?.state {
            ProcessState::Live => Ok(()),
            ProcessState::Ending | ProcessState::Ended => Err(Error::PeerGone),
        }
    }
}

/// The kernel, policyd, logd and busd, and all programs.
pub struct Live {
    console: Handle,
    /// What services are started from.
    pub programs: Programs,
    /// What slots are probed through.
    probed: alloc::vec::Vec<Root>,
    policyd: Option<Peer>,
    logd: Option<Peer>,
    busd: Option<Peer>,
    gone: Gone,
    pub(super) watch: Watch,
    pub(super) starter: Starter,
}

impl Live {
    /// The kernel and the programs alone. `roots` is what slots are probed through.
    pub(super) fn new(
        console: Handle,
        programs: Programs,
        watch: Watch,
        starter: Starter,
        roots: &[Root],
    ) -> Live {
        Live {
            console,
            programs,
            probed: roots.to_vec(),
            policyd: None,
            logd: None,
            busd: None,
            gone: Gone::default(),
            watch,
            starter,
        }
    }

    /// From here on this is policyd.
    pub fn set_policyd(&mut self, server: Server) {
        self.policyd = Some(Peer::new(server));
    }

    /// From here on this is logd.
    pub fn set_logd(&mut self, server: Server) {
        self.logd = Some(Peer::new(server));
        nexus_rt::log::to_logd(server.endpoint);
    }

    /// From here on this is busd.
    pub fn set_busd(&mut self, server: Server) {
        self.busd = Some(Peer::new(server));
    }

    /// How long the ledger is, and the hash of its last record. `None` when logd does not tell.
    pub fn head(&mut self) -> Option<HeadInfo> {
        let ask = Head {};
        let answer = self.logd.as_mut()?.ask(&ask.encode(), RECORD_MS).ok()?;
        Head::decode_reply(&answer.message).ok()
    }

    fn ask_policyd(&mut self, message: &Message) -> Result<Received, Error> {
        self.policyd.as_mut().ok_or(Error::PeerGone)?.ask(message, POLICY_MS)
    }

    fn busd(&mut self) -> Result<&mut Peer, Error> {
        self.busd.as_mut().ok_or(Error::PeerGone)
    }
}

impl World for Live {
    fn decide(&mut self, ask: &Decide) -> Result<Received, Error> {
        self.ask_policyd(&ask.encode())
    }

    fn epoch(&mut self, ask: &Epoch) -> Result<Received, Error> {
        self.ask_policyd(&ask.encode())
    }

    fn prepare(&mut self, ask: &Prepare) -> Result<Received, Error> {
        self.busd()?.ask_for_caps(&ask.encode(), BUS_MS)
    }

    fn release(&mut self, ask: &Release) -> Result<Received, Error> {
        self.busd()?.ask(&ask.encode(), BUS_MS)
    }

    fn record(&mut self, entry: &Entry) -> Option<u64> {
        let append = Append { entry: *entry };
        let answer = self.logd.as_mut()?.ask(&append.encode(), RECORD_MS).ok()?;
        Append::decode_reply(&answer.message).ok().map(|appended| appended.seq)
    }

    /// Who has ended will not answer, however long one waits. policyd waits for logd less long than
    /// init does: who is late for it alone gets a pause, too.
    fn wait_out(&mut self) {
        let peers = || self.policyd.iter().chain(&self.logd);
        if peers().any(|peer| peer.check_alive().is_err()) {
            return;
        }
        let late = peers().map(|peer| peer.late_until).filter(|until| !until.has_passed());
        let until = late.max().unwrap_or_else(|| Deadline::after_ms(LATE_MS));
        // Nobody signals it, so that it ends by its deadline; where there is none to be had, it ends
        // at once, and the second question is refused like the first.
        if let Ok(never) = sys::notification_create() {
            let _ = sys::wait(never, until.ticks(), Handle::NONE);
            let _ = sys::cap_drop(never);
        }
    }

    fn cap_derive(
        &mut self,
        cap: Handle,
        rights: Rights,
        offset: u64,
        len: u64,
    ) -> Result<Handle, Error> {
        sys::cap_derive(cap, rights, offset, len)
    }

    fn cap_limit(&mut self, cap: Handle, limit: u64) -> Result<(), Error> {
        sys::cap_limit(cap, limit)
    }

    fn cap_query(&mut self, cap: Handle) -> Result<CapInfo, Error> {
        sys::cap_query(cap)
    }

    fn cap_install(
        &mut self,
        process: Handle,
        cap: Handle,
        rights: Rights,
    ) -> Result<Handle, Error> {
        sys::cap_install(process, cap, rights)
    }

    fn cap_revoke(&mut self, cap: Handle) -> Result<(), Error> {
        sys::cap_revoke(cap)
    }

    fn cap_drop(&mut self, cap: Handle) -> Result<(), Error> {
        sys::cap_drop(cap)
    }
}

impl Machine for Live {
    fn process_stat(&mut self, process: Handle) -> Result<ProcessInfo, Error> {
        sys::process_stat(process)
    }

    fn cap_inspect(
        &mut self,
        process: Handle,
        cursor: u64,
    ) -> Result<(u64, Option<CapInfo>), Error> {
        sys::cap_inspect(process, cursor)
    }

    fn irq_stat(&mut self, irq: Handle) -> Result<IrqInfo, Error> {
        sys::irq_stat(irq)
    }

    fn time_stat(&mut self, priority: u64) -> Result<u64, Error> {
        sys::time_stat(self.programs.spawn, priority)
    }

    fn take(&mut self, ask: &Take, window: Handle) -> Result<Received, Error> {
        self.busd()?.ask(&encode_with_caps(Take::LABEL, ask, [window]), BUS_MS)
    }

    fn process_end(&mut self, process: Handle, code: u64) -> Result<(), Error> {
        sys::process_end(process, code)
    }

    fn notification_create(&mut self) -> Result<Handle, Error> {
        sys::notification_create()
    }

    fn vmo_create(&mut self, pages: u64) -> Result<Handle, Error> {
        sys::vmo_create(pages)
    }

    fn answer(&self, service: u32) -> Option<(Handle, u64)> {
        self.watch.answer(service)
    }

    fn watch(&mut self, service: u32, process: Handle, asked_by: Handle) {
        self.watch.begin(service, process, asked_by);
    }

    fn forget(&mut self, service: u32) {
        self.watch.end(service);
        match service {
            ids::LOGD => {
                self.logd = None;
                nexus_rt::log::to_logd(Handle::NONE);
            }
            ids::POLICYD => self.policyd = None,
            ids::BUSD => self.busd = None,
            _ => {}
        }
    }

    fn answer_gone(&mut self, service: u32, endpoint: Handle) {
        let answered = self.gone.begin(service, endpoint, self.programs.priority);
        if let Err(error) = answered {
            nexus_rt::warn!("whoever calls service {service} waits for his deadline: {error:?}");
        }
    }

    fn answer_no_more(&mut self, service: u32) {
        self.gone.end(service);
    }

    fn signal(&mut self, notification: Handle, bits: u64) -> Result<(), Error> {
        sys::signal(notification, bits)
    }

    fn ticks(&mut self) -> u64 {
        ticks()
    }

    fn say(&mut self, line: &str) {
        say(self.console, line);
    }
}

impl Probe for Live {
    /// Through a window that can be mapped for reading and nothing else, and that is gone again
    /// before anybody is given this slot.
    fn identify(&mut self, window: Range) -> Result<Identity, Error> {
        let mut roots = self.probed.iter();
        let root = roots.find(|root| root.range.contains(window)).ok_or(Error::OutOfRange)?;
        let offset = window.base - root.range.base;
        let slot = sys::cap_derive(root.handle, Rights::MAP | Rights::READ, offset, window.len)?;
        let identity = peek(slot, IDENTITY);
        sys::cap_drop(slot)?;
        let [magic, version, device_id, low, high] = identity?;
        let config = (u64::from(high) << 32 | u64::from(low)).to_le_bytes();
        Ok(Identity { magic, version, device_id, config })
    }
}

/// Writes a line to the kernel's console.
pub(super) fn say(console: Handle, line: &str) {
    for piece in line.as_bytes().chunks(32).chain(core::iter::once(b"\n".as_slice())) {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(piece) {
            *to = *from;
        }
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let [w0, w1, w2, w3] = words;
        let len = u64::try_from(piece.len()).unwrap_or(0);
        // Nobody to tell when it fails.
        let _ = sys::console_write(console, len, w0, w1, w2, w3);
    }
}
