//! What busd does with devices and a kernel that are not there.

mod deaths;
mod lives;
mod refusals;
mod resets;
mod serials;
mod setups;

use alloc::vec::Vec;

use nexus_abi::{Handle, Message, Sender};
use nexus_proto::bus::{Prepare, Prepared, REGISTERS, Release, Take};
use nexus_proto::{
    Operation, ReplyError, Request as _, ServiceError, decode_with_caps, encode_error,
};
use nexus_sysdesc::Description;
use nexus_sysdesc::layout::Layout;

use crate::Bus;
use crate::fake::system::{INIT, OWNERS, machine, prepare, queues, release, system, take};
use crate::fake::{FakeKernel, Holder, INIT_WINDOW};

const RNG: u16 = 0;
const BLK: u16 = 1;
const NET: u16 = 2;

/// busd, its devices, and init.
struct Bench {
    kernel: FakeKernel,
    bus: Bus<u32>,
    asked: u32,
    windows: Vec<Handle>,
}

/// What init has of a device that is set up.
struct Got {
    prepared: Prepared,
    window: Handle,
    memory: Option<[Handle; 2]>,
}

impl Bench {
    /// busd has nothing yet.
    fn empty() -> Bench {
        Bench::with(system())
    }

    fn with(system: Description) -> Bench {
        Bench { kernel: machine(), bus: Bus::new(system), asked: 0, windows: Vec::new() }
    }

    /// busd has all devices.
    fn new() -> Bench {
        let mut bench = Bench::empty();
        for device in [RNG, BLK, NET] {
            assert_eq!(bench.take(device), Ok(()));
        }
        bench
    }

    /// Sends a message; its number.
    fn send(&mut self, sender: Sender, message: &Message) -> u32 {
        self.asked += 1;
        match nexus_proto::bus::Request::decode(message) {
            Ok(request) => self.bus.request(sender, &request, self.asked, &mut self.kernel),
            Err(_) => self.bus.carried(sender, message, self.asked, &mut self.kernel),
        }
        self.asked
    }

    /// The answer to a message, if there is one yet.
    fn answer(&self, number: u32) -> Option<Message> {
        let mut answers = self.kernel.answers.iter().filter(|one| one.reply == number);
        let answer = answers.next().map(|one| one.message);
        assert!(answers.next().is_none(), "one answer for each question");
        answer
    }

    fn ask(&mut self, sender: Sender, message: &Message) -> Message {
        let number = self.send(sender, message);
        self.answer(number).expect("an answer at once")
    }

    fn take(&mut self, device: u16) -> Result<(), ServiceError> {
        let window = self.kernel.window(device.into(), INIT_WINDOW, Some(REGISTERS));
        self.windows.push(window);
        self.take_window(device, window)
    }

    fn take_window(&mut self, device: u16, window: Handle) -> Result<(), ServiceError> {
        let serial = taken(&self.ask(INIT, &take(device, window)))?;
        assert_eq!(serial, [0; 20], "it was not asked");
        Ok(())
    }

    fn prepare(&mut self, service: u32, device: u16) -> Result<Got, ServiceError> {
        got(&self.ask(INIT, &prepare(service, device).encode()))
    }

    /// For its owner.
    fn set_up(&mut self, device: u16) -> Got {
        self.prepare(OWNERS[usize::from(device)], device).unwrap()
    }

    fn release(&mut self, device: u16) -> Result<(), ServiceError> {
        plain::<Release>(&self.ask(INIT, &release(device).encode()))
    }

    /// The owner has ended.
    fn end(&mut self, got: Got) {
        let memory = got.memory.into_iter().flatten();
        memory.chain([got.window]).for_each(|cap| self.kernel.end(cap));
    }

    fn device(&mut self, device: u16) -> &mut crate::fake::FakeDevice {
        &mut self.kernel.devices[usize::from(device)]
    }

    /// A device that was set up is as its layout says, to the last descriptor.
    fn is_sealed(&mut self, device: u16, got: &Got) {
        let layout = Layout::of(&queues(device)).unwrap();
        let placed = self.kernel.descriptors(device.into());
        let mut laid: Vec<_> = layout.descriptors().collect();
        laid.sort_by_key(|one| one.index);
        assert_eq!(placed, laid);
        assert_eq!(got.prepared.digest, layout.digest());
        let fake = self.device(device);
        assert_eq!(fake.status, 0xf);
        assert_eq!(fake.taken, got.prepared.features);
        for (number, queue) in fake.queues.iter().enumerate() {
            let Some(laid) = layout.queues.get(number) else {
                assert!(!queue.ready && queue.parts == [None; 3]);
                continue;
            };
            let at = queue.parts.map(|part| part.unwrap().1);
            assert_eq!(at, [laid.table, laid.avail, laid.used]);
            assert_eq!((queue.ready, queue.size), (true, laid.size.into()));
        }
    }

    /// A device that is in reset, with nothing in its tables.
    fn is_at_rest(&mut self, device: u16) {
        assert_eq!(self.device(device).status, 0);
        assert_eq!(self.kernel.descriptors(device.into()), []);
        assert!(self.device(device).queues.iter().all(|queue| !queue.ready));
    }
}

/// The answer about a device that was given: its serial number, if it was asked.
fn taken(message: &Message) -> Result<[u8; 20], ServiceError> {
    Take::decode_reply(message).map(|taken| taken.serial).map_err(|error| match error {
        ReplyError::Service(error) => error,
        ReplyError::Malformed(what) => panic!("{what:?}"),
    })
}

fn plain<O: Operation<Reply = ()>>(message: &Message) -> Result<(), ServiceError> {
    O::decode_reply(message).map_err(|error| match error {
        ReplyError::Service(error) => error,
        ReplyError::Malformed(what) => panic!("{what:?}"),
    })
}

fn got(message: &Message) -> Result<Got, ServiceError> {
    if let Ok((prepared, [window, pool, used])) = decode_with_caps::<Prepared, 3>(message) {
        return Ok(Got { prepared, window, memory: Some([pool, used]) });
    }
    if let Ok((prepared, [window])) = decode_with_caps::<Prepared, 1>(message) {
        return Ok(Got { prepared, window, memory: None });
    }
    match Prepare::decode_reply(message) {
        Err(ReplyError::Service(error)) => Err(error),
        other => panic!("{other:?}"),
    }
}
