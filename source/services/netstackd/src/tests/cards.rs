//! Cards with less room, of another kind, or whose driver says other than what is.

use nexus_ring::PAGE;
use smoltcp::phy::{Device, TxToken};

use super::*;

/// Buffers of each direction.
const FEW: usize = 8;
const HALF: usize = PAGE + FEW * 2048;

struct Small {
    mac: [u8; 6],
    sides: Sides,
}

impl std::fmt::Debug for Small {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Small")
    }
}

impl Road for Small {
    fn tell(&mut self) {}

    fn is_over(&self) -> bool {
        false
    }

    fn info(&mut self) -> Option<Says> {
        Some(Says { mac: self.mac, mtu: 1500, consumer: 14, link: true, zero: Zero::ZERO })
    }

    fn join(&mut self) -> bool {
        self.sides.borrow_mut().iter_mut().all(|side| side.attach(1).is_ok())
    }
}

/// The sides of the driver: of what comes, and of what goes.
type Sides = Rc<RefCell<[Driver<FakePeer, 64>; 2]>>;

fn card(mac: [u8; 6]) -> (Card<Memory, Small>, Sides) {
    let memory = FakeMemory::new(2 * HALF);
    let side = |range, op| Driver::new(memory.peer(range), Ops::of(&[op])).unwrap();
    let sides = [side(0..HALF, RECEIVE), side(HALF..2 * HALF, TRANSMIT)];
    let sides = Rc::new(RefCell::new(sides));
    let road = Small { mac, sides: Rc::clone(&sides) };
    (Card::new(memory.part(0..2 * HALF), 1, road).unwrap(), sides)
}

#[test]
fn a_small_card_has_as_many_frames_as_there_is_room_for() {
    let now = Instant::from_secs(1);
    let (mut card, sides) = card(MAC);
    assert!(card.transmit(now).is_none(), "nobody is attached");
    card.begin(now);
    card.end();
    let [receive, _] = &mut *sides.borrow_mut();
    let mut given = 0;
    while let Ok(Some(request)) = receive.take() {
        assert!(request.submission().offset as usize + 2048 <= FEW * 2048);
        given += 1;
    }
    assert_eq!(given, FEW);
    let mut went = 0;
    while let Some(goes) = card.transmit(now) {
        went += 1;
        assert!(went <= FEW);
        goes.consume(60, |frame| frame.fill(1));
    }
    let frames = card.frames();
    assert_eq!((went, frames.went, frames.went_bytes, frames.no_room), (FEW, 8, 8 * 60, 0));
    assert!(!card.may_send());
}

#[test]
fn a_frame_that_is_too_long_is_lost_and_counted() {
    let now = Instant::from_secs(1);
    let (mut card, _) = card(MAC);
    card.begin(now);
    for lost in 1..=3 {
        let goes = card.transmit(now).unwrap();
        assert_eq!(goes.consume(1515, |frame| frame.len()), 1515);
        let frames = card.frames();
        assert_eq!((frames.went, frames.no_room), (0, lost));
    }
}

// attack 90 U: the card is of nobody, or of many, as its driver says; there is no stack, and it goes on
#[test]
fn a_card_of_many_or_of_nobody_makes_no_stack() {
    for (mac, makes) in [([0; 6], false), ([1, 0, 0, 0, 0, 1], false), ([0, 0, 0, 0, 0, 1], true)] {
        let (card, _) = card(mac);
        let description = description();
        let (says, rules) = (description.network.clone().unwrap(), Rules::new(description));
        let numbers = Numbers::new(FakeSource { has: true, next: 7 });
        let mut server = Server::new(card, says, rules, numbers, Vec::new(), Told::default());
        server.turn(Instant::from_secs(1));
        assert_eq!(server.stack().is_some(), makes, "{mac:?}");
    }
}

// attack 90 U: the driver gives a whole frame, and says that it failed; nothing is made of it
#[test]
fn what_failed_is_no_frame() {
    let mut world = World::up();
    let ping = hostile::echo_request(smoltcp::wire::Ipv4Address::from_octets(OWN), 1);
    let before = world.server.stats();
    {
        let mut netd = world.netd.borrow_mut();
        let request = netd.receive.take().unwrap().unwrap();
        netd.receive.write(&request, 0, &ping).unwrap();
        netd.receive.complete(request, 1, ping.len() as u32).unwrap();
        netd.bell.set(true);
    }
    world.run(5);
    let after = world.server.stats();
    assert_eq!((after.dropped - before.dropped, after.frames_out - before.frames_out), (1, 0));
}
