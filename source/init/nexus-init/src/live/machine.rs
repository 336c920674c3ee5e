//! The outside, as it is.

use nexus_abi::{CapInfo, Error, Handle, Message, ProcessInfo, ProcessState, Received, Rights};
use nexus_proto::Operation;
use nexus_proto::log::{Append, Entry, Log};
use nexus_proto::policy::{Decide, Epoch};
use nexus_rt::{Client, Deadline, peek, sys, ticks};

use crate::board::{Identity, Probe, Range};
use crate::grant::World;
use crate::init::{Machine, Root};

/// Milliseconds that policyd has for an answer. It waits for logd in between.
const POLICY_MS: u64 = 2000;
/// Milliseconds for which a policyd that was late is not asked again: it denies meanwhile.
const LATE_MS: u64 = 10_000;
/// Milliseconds that logd has for a record.
const RECORD_MS: u64 = 1000;

/// First registers of a virtio slot (virtio 1.2, 4.2.2): MagicValue, Version, DeviceID.
const IDENTITY: [usize; 3] = [0x000, 0x004, 0x008];

/// A server that init calls: its endpoint, and its process.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// The endpoint, with SEND.
    pub endpoint: Handle,
    /// The process.
    pub process: Handle,
}

/// The kernel, policyd and logd.
pub struct Live {
    console: Handle,
    /// What slots are probed through.
    probed: alloc::vec::Vec<Root>,
    policyd: Option<Server>,
    logd: Option<Server>,
    late_until: Deadline,
}

impl Live {
    /// The kernel alone. `roots` is what slots are probed through.
    #[must_use]
    pub fn new(console: Handle, roots: &[Root]) -> Live {
        let late_until = Deadline::at(0);
        Live { console, probed: roots.to_vec(), policyd: None, logd: None, late_until }
    }

    /// From here on this is policyd.
    pub fn set_policyd(&mut self, server: Server) {
        self.policyd = Some(server);
    }

    /// From here on this is logd.
    pub fn set_logd(&mut self, server: Server) {
        self.logd = Some(server);
        nexus_rt::log::to_logd(server.endpoint);
    }

    /// Asks policyd, if it is alive and was not late just now.
    fn ask_policyd(&mut self, message: &Message) -> Result<Received, Error> {
        let server = alive(self.policyd)?;
        if !self.late_until.has_passed() {
            return Err(Error::TimedOut);
        }
        let answer = sys::call(server.endpoint, message, Deadline::after_ms(POLICY_MS).ticks());
        if answer == Err(Error::TimedOut) {
            self.late_until = Deadline::after_ms(LATE_MS);
        }
        answer
    }
}

/// The server, while its process lives: who has ended is not waited for.
fn alive(server: Option<Server>) -> Result<Server, Error> {
    let server = server.ok_or(Error::PeerGone)?;
    match sys::process_stat(server.process)?.state {
        ProcessState::Live => Ok(server),
        ProcessState::Ending | ProcessState::Ended => Err(Error::PeerGone),
    }
}

impl World for Live {
    fn decide(&mut self, ask: &Decide) -> Result<Received, Error> {
        self.ask_policyd(&ask.encode())
    }

    fn epoch(&mut self) -> Result<Received, Error> {
        self.ask_policyd(&Epoch {}.encode())
    }

    fn record(&mut self, entry: &Entry) -> Option<u64> {
        let server = alive(self.logd).ok()?;
        let logd: Client<Log> = Client::new(server.endpoint);
        let append = Append { entry: *entry };
        logd.call(&append, Deadline::after_ms(RECORD_MS)).ok().map(|appended| appended.seq)
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
        let [magic, version, device_id] = identity?;
        Ok(Identity { magic, version, device_id })
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
