//! Requests to powerd.

use std::cell::RefCell;
use std::rc::Rc;

use nexus_abi::{Handle, Received};
use nexus_mmio::fake::{Closures, FakeBus};
use nexus_proto::power::{Exit, Off, Power, Reboot, Request};
use nexus_proto::{Operation, Protocol, Request as _, Zero};
use nexus_rt::{host, run};
use nexus_sysdesc::{Description, Permission, Profile};
use powerd::finisher::Finisher;
use powerd::server::Server;

use crate::{answers, frames, input::Input, system};

// attack 27 Z: anything to powerd; the stamp decides who may end the machine; broken: powerd-permission
// attack 31 Z: wrong counts and fields to powerd; refused, and no register is touched
// attack 70 Z: the exit of the test profile in a production system; refused
/// Whatever is asked: exactly the permitted requests reach the register.
pub fn powerd(data: &[u8]) {
    let mut input = Input::new(data);
    let description = system::either(input.byte());
    let stores = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&stores);
    let read = |_: usize, _: usize| -> u32 { panic!("nothing reads the finisher") };
    let write = move |offset: usize, width: usize, value: u32| {
        assert_eq!((offset, width), (0, 4));
        kept.borrow_mut().push(value);
    };
    let bus = FakeBus::new(0x1000, Closures(read, write));
    let finisher = Finisher::start(bus).expect("a window of a page");
    let frames = frames::read(Power::NUMBER, input);
    let delivery = host::deliver(frames.iter().copied().map(Ok));
    let _ = run(Handle(1), &mut Server::new(finisher, description.clone()));
    answers::check::<Request>(&frames, &delivery, false);
    let expected: Vec<u32> = frames.iter().filter_map(|frame| store(description, frame)).collect();
    assert_eq!(*stores.borrow(), expected);
}

/// What must be stored for a message.
fn store(description: &Description, frame: &Received) -> Option<u32> {
    let may = description.permits(frame.sender.service_id, Permission::Power);
    match Request::decode(&frame.message).ok().filter(|_| may)? {
        Request::Off(_) => Some(0x5555),
        Request::Reboot(_) => Some(0x7777),
        Request::Exit(exit) if description.profile == Profile::Test => match exit.code {
            0 => Some(0x5555),
            code @ 1..=255 => Some(u32::from(code) << 16 | 0x3333),
            _ => None,
        },
        Request::Exit(_) => None,
    }
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let exit = |code| Exit { code, zero: Zero::ZERO }.encode();
    let all = [exit(33), exit(256), Off {}.encode(), Reboot {}.encode()];
    let by = |profile: u8, id| [vec![profile], frames::write_all(id, &all)].concat();
    let seeds = [
        ("tests", by(0, 11)),
        ("shell", by(0, 10)),
        ("shell-in-prod", by(1, 10)),
        ("stranger", by(0, 7)),
    ];
    seeds.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
