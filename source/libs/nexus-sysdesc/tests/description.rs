//! Descriptions: what is valid survives a round trip, and everything else is refused by name.

mod common;
#[path = "common/wire.rs"]
mod wire;

use std::collections::HashSet;

use common::{device, permit, rule, service, system};
use nexus_sysdesc::layout::Sizes;
use nexus_sysdesc::{
    Address, Danger, DescError, Description, Device, Ip, MAX_LEN, Need, NetDirection, NetProtocol,
    NetworkSays, OpenTree, Permission, Permit, Place, Ports, Problem, Profile, Proof, Queue, Reach,
    Restart, Ring, Rule, Says, Serial, Service, Shape, Sockets, StateRight, Tree, bounds, mapped,
};
use wire::{net, network, reach};

/// One queue with `heads` heads of a page that the device writes.
fn queues(heads: u16) -> Vec<Queue> {
    let shape = Shape { heads, reads: Vec::new(), writes: vec![4096] };
    vec![Queue { shapes: vec![shape] }]
}

/// A ring with service `server`.
fn ring(server: u32) -> Ring {
    Ring { server, pages: 65, id: format!("ring-{server}"), reason: "it asks by it".into() }
}

/// rtcd owns a device; init and rngd have a ring with it.
fn owner_with_two_consumers(system: &mut Description) {
    let [init, _, rtcd, rngd] = &mut system.services[..] else { panic!("four services") };
    (rtcd.serves, rtcd.talks_to) = (true, vec![]);
    (init.talks_to, init.rings) = (vec![5], vec![ring(5)]);
    (rngd.talks_to, rngd.rings) = (vec![5], vec![Ring { id: "another".into(), ..ring(5) }]);
}

/// The tree with this id.
fn tree(id: u128) -> Tree {
    Tree { id, keys: 100, bytes: 1 << 20 }
}

/// All that is under `prefix` in the tree of `owner`, to be read.
fn open(owner: u32, prefix: &str) -> OpenTree {
    let id = format!("open-{owner}-{}", prefix.len());
    OpenTree { owner, prefix: prefix.into(), rights: 0b011, id, reason: "it shows it".into() }
}

/// logd keeps state, and the service at `index` opens this of others.
fn opened(system: &mut Description, index: usize, mut opens: Vec<OpenTree>) {
    system.services[1].tree = Some(tree(7));
    for (number, open) in
        opens.iter_mut().enumerate().filter(|(_, open)| open.prefix.starts_with('p'))
    {
        open.id = format!("open-{number}");
    }
    system.services[index].opens = opens;
}

fn says(serial: &str) -> Says {
    Says::Serial(Serial::new(serial).expect("a serial number"))
}

/// Two disks that are known by serial numbers, both rngd's.
fn two_disks(system: &mut Description, serials: [&str; 2]) {
    let shape = Shape { heads: 1, reads: vec![16], writes: vec![20, 1] };
    let queues = vec![Queue { shapes: vec![shape] }];
    for (instance, serial) in (0..).zip(serials) {
        let id = 2 + u16::from(instance);
        let says = Some(says(serial));
        let (name, virtio_id) = (format!("blk{instance}"), Some(2));
        let disk = Device { id, name, virtio_id, instance, says, ..system.devices[1].clone() };
        system.devices.push(disk);
        let need = system.services[3].needs[0].clone();
        system.services[3].needs.push(Need { device: id, queues: queues.clone(), ..need });
        let (number, rule) = (id + 1, system.rules[1].clone());
        let (rule_id, queues) = (format!("allow-rngd-blk{instance}"), queues.clone());
        system.rules.push(Rule { number, id: rule_id, device: id, queues, ..rule });
    }
}

#[test]
fn devices_that_say_different_things_are_different_ones() {
    let mut system = system();
    let net = |id: u16, last: u8| Device {
        id,
        name: format!("net{id}"),
        virtio_id: Some(1),
        instance: u8::try_from(id - 2).unwrap(),
        says: Some(Says::Mac([0x52, 0x54, 0, 0, 0, last])),
        ..system.devices[1].clone()
    };
    let both = [net(2, 1), net(3, 2)];
    system.devices.extend(both);
    assert_eq!(system.validate(), Ok(()));
    let mac = Says::Mac([0x52, 0x54, 0, 0, 0, 1]);
    assert!(mac.is_said([0x52, 0x54, 0, 0, 0, 1, 7, 7], None));
    assert!(!mac.is_said([0x52, 0x54, 0, 0, 0, 2, 7, 7], None));
    let [small, large] = [1u64, 1 << 55].map(u64::to_le_bytes);
    assert!(Says::Capacity(512).is_said(small, None));
    assert!(!Says::Capacity(1024).is_said(small, None));
    assert!(!Says::Capacity(0).is_said(large, None), "more bytes than can be counted");
}

/// One page after the other: the first bytes of the one are no bytes of the other.
#[test]
fn windows_that_touch_do_not_overlap() {
    for (first, second) in [(0x10_1000, 0x10_2000), (0x10_2000, 0x10_1000), (0x10_1000, 0x10_9000)]
    {
        let mut system = system();
        system.devices[0].base = Some(first);
        system.devices[1].base = Some(second);
        assert_eq!(system.validate(), Ok(()), "{first:x} {second:x}");
    }
}

/// More services that may have the network device, each with as many shapes of 19 bytes.
fn add_rules(system: &mut Description, count: usize, shapes: usize) {
    let shape = Shape { heads: 1, reads: Vec::new(), writes: vec![1000; 8] };
    let queue = |shapes| Queue { shapes: vec![shape.clone(); shapes] };
    for _ in 0..count {
        let number = u16::try_from(system.rules.len() + 1).expect("few rules");
        let id = 100 + u32::from(number);
        system.services.push(service(id, &format!("service-{id}")));
        let queues = vec![queue(shapes), queue(1)];
        system.rules.push(Rule { queues, ..rule(number, id, 1) });
    }
}

#[test]
fn a_description_is_as_long_as_it_may_be_and_no_longer() {
    let mut system = system();
    system.devices[1].virtio_id = Some(1);
    let len = |system: &Description| system.encode().unwrap().len();
    let with = |system: &Description, shapes| {
        let mut more = system.clone();
        add_rules(&mut more, 1, shapes);
        more
    };
    add_rules(&mut system, 45, 256);
    let long = len(&with(&system, 256)) - len(&system);
    let count = (MAX_LEN - len(&system)) / long;
    add_rules(&mut system, count, 256);
    // One rule with fewer shapes, and words for what is left then.
    let least = len(&with(&system, 1));
    system = with(&system, 1 + (MAX_LEN - least - 1) / 19);
    let left = MAX_LEN - len(&system);
    system.rules[0].reason.push_str(&"x".repeat(left));
    let bytes = system.encode().unwrap();
    assert_eq!(bytes.len(), MAX_LEN);
    assert_eq!(Description::decode(&bytes), Ok(system.clone()));
    system.rules[0].reason.push('x');
    assert_eq!(system.validate(), Ok(()));
    let refused = DescError { place: Place::Description, problem: Problem::Malformed };
    assert_eq!(system.encode(), Err(refused));
    assert_eq!(Description::decode(&vec![0; MAX_LEN + 1]), Err(refused));
}

#[test]
fn frames_for_devices_are_those_of_all_rules() {
    let mut system = system();
    assert_eq!(system.device_frames(), 0);
    system.rules[1].queues = queues(3);
    system.services[3].needs[0].queues = queues(3);
    assert_eq!(system.validate(), Ok(()));
    let frames = Sizes::of(&queues(3)).unwrap().frames();
    assert_eq!(system.device_frames(), frames);
    system.rules.push(system.rules[1].clone());
    assert_eq!(system.device_frames(), 2 * frames);
}

#[test]
fn disks_that_are_known_by_their_serial_numbers_are_asked_alike() {
    let mut system = system();
    assert_eq!(system.asked_queues(), None);
    let before = system.device_frames();
    two_disks(&mut system, ["nexus-1", "nexus-2"]);
    assert_eq!(system.validate(), Ok(()));
    let asked = system.asked_layout().expect("both can be asked");
    // 4 pages, and 128 frames behind each of 3 pieces; for these two, and for two strangers.
    assert_eq!((asked.sizes().frames(), system.device_frames()), (388, before + 4 * 388));
    let bytes = system.encode().expect("valid");
    assert_eq!(Description::decode(&bytes), Ok(system.clone()));
    system.rules.truncate(2);
    system.services[3].needs.truncate(1);
    assert_eq!((system.asked_queues(), system.device_frames()), (None, before), "nobody's");
}

// attack 80 U: the bytes of a description hold a serial number that is none; refused
#[test]
fn a_serial_number_that_is_none_is_not_decoded() {
    let mut system = system();
    two_disks(&mut system, ["nexus-1", "nexus-2"]);
    let bytes = system.encode().expect("valid");
    let at = bytes.windows(7).position(|text| text == b"nexus-2").expect("it is in there");
    for (offset, byte) in [(0, 0), (0, 0x1f), (3, 0), (19, b'x'), (6, 0x7f), (1, 0xff)] {
        let mut damaged = bytes.clone();
        damaged[at + offset] = byte;
        assert!(Description::decode(&damaged).is_err(), "{offset}: {byte}");
    }
}

#[test]
fn a_service_that_is_started_again_may_have_to_answer_in_time() {
    for (restart, ms) in [(Restart::OnFailure, 10), (Restart::Always, 60_000)] {
        let mut system = system();
        answers(&mut system, 1, ms);
        system.services[1].restart = restart;
        system.unlimited_restarts = true;
        assert_eq!(system.validate(), Ok(()));
        let bytes = system.encode().expect("valid");
        assert_eq!(Description::decode(&bytes), Ok(system));
    }
}

fn proof(name: &str) -> Proof {
    Proof { name: name.into(), checks: 1 }
}

#[test]
fn survives_a_round_trip() {
    let system = system();
    let bytes = system.encode().expect("valid");
    assert_eq!(Description::decode(&bytes), Ok(system));
}

#[test]
fn finds_things() {
    let system = system();
    assert_eq!(system.service(7).map(|service| service.name.as_str()), Some("rngd"));
    assert_eq!(system.service(2), None);
    assert_eq!(system.service_named("rtcd").map(|service| service.id), Some(5));
    assert_eq!(system.service_named("rtc"), None);
    assert_eq!(system.device(1).map(|device| device.name.as_str()), Some("rng0"));
    assert_eq!(system.device(2), None);
    assert_eq!(system.device_named("rng0").map(|device| device.id), Some(1));
    assert_eq!(system.rule_for(7, 1).map(|rule| rule.number), Some(2));
    assert_eq!(system.rule_for(7, 0), None, "absence is deny");
    assert_eq!(system.rule(2).map(|rule| rule.subject), Some(7));
    assert_eq!((system.rule(0), system.rule(3)), (None, None));
    assert_eq!(system.owner(1).map(|(service, _)| service.id), Some(7));
    assert_eq!(system.owner(2), None);
    assert!(system.permits(1, Permission::Distribute));
    assert!(!system.permits(1, Permission::Power));
    assert!(!system.permits(2, Permission::Distribute));
    assert!(system.may_call(7, 3));
    assert!(!system.may_call(3, 7));
}

#[test]
fn every_line_of_the_policy_has_a_number() {
    let mut system = system();
    system.services[2].permits = vec![permit(5, Permission::Record), permit(5, Permission::Clock)];
    assert_eq!(system.validate(), Ok(()));
    assert_eq!(system.line(2), Some(("rule-2", "it is the driver of this device")));
    for (subject, permission, number) in
        [(1, Permission::Distribute, 3), (5, Permission::Record, 4), (5, Permission::Clock, 5)]
    {
        assert_eq!(system.line_of(subject, permission), Some(number));
        let line = permit(subject, permission);
        assert_eq!(system.line(number), Some((line.id.as_str(), line.reason.as_str())));
    }
    assert_eq!((system.line(0), system.line(6)), (None, None));
    assert_eq!(system.line_of(1, Permission::Clock), None, "absence is deny");
    assert_eq!(system.line_of(2, Permission::Clock), None, "there is no service 2");
}

/// rtcd and rngd serve; logd has rings with both, and init one with logd.
fn ringed() -> Description {
    let mut system = system();
    let [init, logd, rtcd, rngd] = &mut system.services[..] else { panic!("four services") };
    (rtcd.serves, rngd.serves) = (true, true);
    (rtcd.talks_to, rngd.talks_to) = (vec![], vec![]);
    (init.talks_to, init.rings) = (vec![3], vec![ring(3)]);
    (logd.talks_to, logd.rings) = (vec![5, 7], vec![ring(5), ring(7)]);
    system
}

#[test]
fn rings_are_found_from_both_sides() {
    let system = ringed();
    assert_eq!(system.validate(), Ok(()));
    let rings: Vec<_> = system.rings().map(|(consumer, ring)| (consumer, ring.server)).collect();
    assert_eq!(rings, [(1, 3), (3, 5), (3, 7)]);
    let of = |id| system.rings_of(id).map(|(peer, _)| peer).collect::<Vec<u32>>();
    assert_eq!([of(1), of(3), of(5), of(9)], [vec![3], vec![1, 5, 7], vec![3], vec![]]);
    for (service, peer, bit) in [(1, 3, 1), (3, 1, 1), (3, 5, 2), (3, 7, 4), (5, 3, 1), (7, 3, 1)] {
        assert_eq!(system.ring_bit(service, peer), Some(bit));
    }
    assert_eq!((system.ring_bit(5, 7), system.ring_bit(9, 3)), (None, None));
    assert_eq!(system.services[1].ring(7).map(Ring::bytes), Some(65 * 4096));
    // Two rules, a permit, and then they.
    for (consumer, server, number) in [(1, 3, 4), (3, 5, 5), (3, 7, 6)] {
        assert_eq!(system.line_of_ring(consumer, server), Some(number));
        assert_eq!(system.line(number), Some((&*format!("ring-{server}"), "it asks by it")));
    }
    assert_eq!((system.line_of_ring(5, 3), system.line(7)), (None, None));
}

// attack 92 U: a description with a ring that there cannot be: a second consumer, none who serves, a way back, no memory; refused; broken: sysdesc-second-consumer, sysdesc-ring-call
#[test]
fn rings_that_cannot_be_are_refused() {
    let refused = |damage: fn(&mut Vec<Service>)| {
        let mut system = ringed();
        damage(&mut system.services);
        system.validate().map_err(|error| (error.place, error.problem))
    };
    let at = |index, problem| Err((Place::Service(index), problem));
    assert_eq!(refused(|all| all[0].rings[0].pages = 2), Ok(()));
    assert_eq!(refused(|all| all[0].rings[0].pages = 512), Ok(()));
    for damage in [
        |all: &mut Vec<Service>| all[0].rings[0].pages = 1,
        |all: &mut Vec<Service>| all[0].rings[0].pages = 513,
        |all: &mut Vec<Service>| all[0].rings[0].pages = 0,
    ] {
        assert_eq!(refused(damage), at(0, Problem::BadRing));
    }
    assert_eq!(refused(|all| all[1].rings.reverse()), at(1, Problem::NotSorted));
    assert_eq!(refused(|all| all[1].rings[0].server = 7), at(1, Problem::NotSorted));
    assert_eq!(refused(|all| all[0].talks_to.clear()), at(0, Problem::NotServed));
    assert_eq!(refused(|all| all[0].rings[0].server = 1), at(0, Problem::NotServed));
    assert_eq!(refused(|all| all[0].rings[0].server = 4), at(0, Problem::NotServed));
    assert_eq!(
        refused(|all| {
            (all[0].serves, all[1].talks_to) = (true, vec![1, 5, 7]);
            all[1].rings.insert(0, ring(1));
        }),
        at(0, Problem::BadRing)
    );
    assert_eq!(
        refused(|all| {
            all[0].talks_to.push(5);
            all[0].rings.push(Ring { id: "another".into(), ..ring(5) });
        }),
        at(1, Problem::SecondConsumer)
    );
    // Who owns no device may have more.
    assert_eq!(
        refused(|all| {
            all[2].needs.clear();
            all[0].talks_to.push(5);
            all[0].rings.push(Ring { id: "another".into(), ..ring(5) });
        }),
        Ok(())
    );
    assert_eq!(refused(|all| all[0].rings[0].id = "Ring".into()), at(0, Problem::BadName));
    for taken in ["rule-2", "ring-7", "permit-1-distribute"] {
        let mut system = ringed();
        system.services[0].rings[0].id = taken.into();
        let problem = system.validate().map_err(|error| (error.place, error.problem));
        assert_eq!(problem, at(0, Problem::NameTaken), "{taken}");
    }
    assert_eq!(refused(|all| all[0].rings[0].reason.clear()), at(0, Problem::BadText));
}

/// A server without a device has as many consumers as it can be given handles for, each with a bit of its own.
#[test]
fn a_server_without_a_device_has_many_consumers() {
    let with = |count: u32| {
        let mut system = system();
        system.services.truncate(3);
        system.rules.truncate(1);
        let consumer = |id: u32| Service {
            talks_to: vec![3],
            rings: vec![Ring { id: format!("ring-of-{id}"), ..ring(3) }],
            ..service(id, &format!("client-{id}"))
        };
        system.services.extend((100..100 + count).map(consumer));
        system
    };
    let most = with(59);
    assert_eq!(most.validate(), Ok(()));
    let bits: HashSet<u64> = (100..159).filter_map(|id| most.ring_bit(3, id)).collect();
    assert_eq!(bits, (0..59).map(|bit| 1 << bit).collect());
    assert!((100..159).all(|id| most.ring_bit(id, 3) == Some(1)));
    assert_eq!(most.line_of_ring(158, 3), most.line_of_ring(100, 3).map(|first| first + 58));
    let refused = with(60).validate().map_err(|error| (error.place, error.problem));
    assert_eq!(refused, Err((Place::Service(1), Problem::TooMany)));
}

/// What lets services see state has numbers behind everything else.
#[test]
fn state_is_found_and_numbered() {
    let mut system = ringed();
    two_disks(&mut system, ["nexus-1", "nexus-2"]);
    system.devices[3].store = Some([9; 16]);
    (system.services[1].tree, system.services[2].tree) = (Some(tree(7)), Some(tree(u128::MAX)));
    system.services[0].opens = vec![open(3, ""), open(3, "a/b"), open(5, &"x".repeat(255))];
    system.services[3].opens = vec![OpenTree { rights: 7, id: "all".into(), ..open(5, "") }];
    assert_eq!(system.validate(), Ok(()));
    let bytes = system.encode().expect("valid");
    assert_eq!(Description::decode(&bytes), Ok(system.clone()));
    assert_eq!(system.store(), Some((3, [9; 16])));
    assert_eq!(
        (system.tree_of(5), system.tree_of(1), system.tree_of(9)),
        (Some(tree(u128::MAX)), None, None)
    );
    // Four rules, a permit, three rings, and then they.
    let long = "x".repeat(255);
    for (subject, owner, prefix, number) in
        [(1, 3, "", 9), (1, 3, "a/b", 10), (1, 5, long.as_str(), 11), (7, 5, "", 12)]
    {
        assert_eq!(system.line_of_open(subject, owner, prefix), Some(number), "{prefix}");
        assert!(system.line(number).is_some_and(|(_, reason)| reason == "it shows it"));
    }
    assert_eq!(system.line(12), Some(("all", "it shows it")));
    let opened = [8, 9, 10, 12, 13].map(|number| system.open(number).map(|one| one.rights));
    assert_eq!(opened, [None, Some(3), Some(3), Some(7), None]);
    assert_eq!((system.open(0), system.open(u16::MAX)), (None, None));
    assert_eq!((system.line_of_open(1, 3, "a"), system.line_of_open(5, 3, "")), (None, None));
    assert_eq!((system.line(13), system.line_of_ring(3, 7)), (None, Some(8)));
}

// attack 92 U: a prefix that is no key, or keys that only begin like one; refused, and not covered; broken: sysdesc-prefix, sysdesc-covers
#[test]
fn a_prefix_is_whole_parts() {
    for good in ["", "a", "a/b", "...", "a b", "\u{e4}", &"x".repeat(255)] {
        assert!(bounds::is_prefix(good), "{good:?}");
    }
    for bad in ["/", "/a", "a/", "a//b", ".", "..", "a/..", "./a", "a\0", "a\n", "\u{85}"] {
        assert!(!bounds::is_prefix(bad), "{bad:?}");
    }
    assert!(!bounds::is_prefix(&"x".repeat(256)));
    let covers = |prefix, key| open(3, prefix).covers(key);
    assert!(covers("", "a") && covers("a", "a") && covers("a", "a/b") && covers("a/b", "a/b/c"));
    assert!(!covers("a", "ab") && !covers("a/b", "a") && !covers("a", "b/a") && !covers("a", ""));
}

// attack 92 U: a line with one right to state, and another is wanted; not given; broken: sysdesc-gives
#[test]
fn rights_to_state_are_bits() {
    let bits = StateRight::ALL.map(StateRight::bit);
    assert_eq!((bits, bits.iter().sum::<u8>()), ([1, 2, 4], StateRight::BITS));
    assert!(StateRight::of(0b101).eq([StateRight::Get, StateRight::Put]));
    let reads = open(3, "");
    assert!(reads.gives(StateRight::Get) && reads.gives(StateRight::List));
    assert!(!reads.gives(StateRight::Put));
}

#[test]
fn permissions_have_numbers_of_their_own() {
    for permission in Permission::ALL {
        assert_eq!(Permission::from_code(permission.code()), Some(permission));
    }
    let next = u8::try_from(Permission::ALL.len()).unwrap();
    assert_eq!(Permission::from_code(next), None);
    assert_eq!(Permission::from_code(u8::MAX), None);
}

/// A damage to the small system, and the refusal it must lead to.
type Case = (Place, Problem, fn(&mut Description));

/// The service at `index` is started again, and must answer within `ms`.
fn answers(system: &mut Description, index: usize, ms: u32) {
    let service = &mut system.services[index];
    (service.restart, service.answers_within) = (Restart::OnFailure, Some(ms));
}

/// The network that DHCP gives, and the service at `index` reaches this.
fn reaching(system: &mut Description, index: usize, reaches: Vec<Reach>) {
    system.network = Some(network());
    system.services[index].sockets = Some(SOCKETS);
    system.services[index].reaches = reaches;
}

/// The same, of lines that differ in their first port.
fn reaches(count: u16) -> Vec<Reach> {
    let ports = |port| vec![Ports { first: port, last: port }];
    let one = |port| Reach { ports: ports(port), id: format!("net-{port}"), ..reach() };
    (1..=count).map(one).collect()
}

/// The board gives an address.
fn given(
    system: &mut Description,
    address: [u8; 4],
    bits: u8,
    gateway: Option<[u8; 4]>,
    dns: Vec<Ip>,
) {
    let address = Address::Static { address, bits, gateway, dns };
    system.network = Some(NetworkSays { address, ..network() });
}

const WHOLE: Place = Place::Description;
const SOCKETS: Sockets = Sockets { count: 8, bytes: 1 << 20 };

const CASES: &[Case] = &[
    (WHOLE, Problem::TooMany, |d| d.services = (1..65).map(|id| service(id, "x")).collect()),
    (WHOLE, Problem::TooMany, |d| d.devices = (0..65).map(|id| device(id, "x")).collect()),
    (WHOLE, Problem::TooMany, |d| d.rules = (1..258).map(|n| rule(n, 5, 0)).collect()),
    (WHOLE, Problem::BadName, |d| d.name = "Small".into()),
    (WHOLE, Problem::BadName, |d| d.name = String::new()),
    (WHOLE, Problem::BadEpoch, |d| d.epoch = 0),
    (WHOLE, Problem::UnlimitedInProd, |d| {
        (d.profile, d.unlimited_restarts) = (Profile::Prod, true);
    }),
    (WHOLE, Problem::NoInit, |d| d.init = 2),
    (WHOLE, Problem::BadNetwork, |d| {
        d.network = Some(NetworkSays { leads_back: vec![[1; 16]; 2], ..network() });
    }),
    (WHOLE, Problem::BadNetwork, |d| {
        let leads_back = (1..10).map(|n| [n; 16]).collect();
        d.network = Some(NetworkSays { leads_back, ..network() });
    }),
    (WHOLE, Problem::BadNetwork, |d| given(d, [10, 0, 2, 15], 0, None, vec![])),
    (WHOLE, Problem::BadNetwork, |d| given(d, [10, 0, 2, 15], 33, None, vec![])),
    (WHOLE, Problem::BadNetwork, |d| given(d, [0; 4], 8, None, vec![])),
    (WHOLE, Problem::BadNetwork, |d| given(d, [224, 0, 0, 1], 8, None, vec![])),
    (WHOLE, Problem::BadNetwork, |d| given(d, [255; 4], 8, None, vec![])),
    (WHOLE, Problem::BadNetwork, |d| given(d, [10, 0, 2, 15], 24, Some([10, 0, 3, 2]), vec![])),
    (WHOLE, Problem::BadNetwork, |d| given(d, [10, 0, 2, 15], 24, Some([10, 0, 2, 15]), vec![])),
    (WHOLE, Problem::BadNetwork, |d| given(d, [10, 0, 2, 15], 24, None, vec![[0; 16]])),
    (WHOLE, Problem::BadNetwork, |d| {
        given(d, [10, 0, 2, 15], 24, None, vec![mapped([10, 0, 2, 3]); 4])
    }),
    (Place::Device(0), Problem::BadId, |d| d.devices.swap(0, 1)),
    (Place::Device(1), Problem::BadName, |d| d.devices[1].name = "rng_0".into()),
    (Place::Device(1), Problem::NameTaken, |d| d.devices[1].name = "rtc0".into()),
    (Place::Device(1), Problem::BadText, |d| d.devices[1].compatible = "a\nb".into()),
    (Place::Device(1), Problem::BadText, |d| d.devices[1].compatible = "x".repeat(65)),
    (Place::Device(1), Problem::BadWindow, |d| d.devices[1].window_len = 0),
    (Place::Device(1), Problem::BadWindow, |d| d.devices[1].window_len = 4095),
    (Place::Device(1), Problem::BadWindow, |d| d.devices[1].window_len = (1 << 27) + 4096),
    (Place::Device(0), Problem::BadWindow, |d| d.devices[0].base = Some(0x10_1800)),
    (Place::Device(0), Problem::BadWindow, |d| d.devices[0].base = Some(!4095)),
    (Place::Device(1), Problem::WindowTaken, |d| {
        d.devices[1] = Device { id: 1, name: "rtc1".into(), ..d.devices[0].clone() };
    }),
    (Place::Device(2), Problem::WindowTaken, |d| {
        d.devices.push(Device { id: 2, name: "rng1".into(), ..d.devices[1].clone() });
    }),
    (Place::Device(1), Problem::WindowTaken, |d| {
        d.devices[0].base = Some(0x10_2000);
        (d.devices[1].base, d.devices[1].window_len) = (Some(0x10_1000), 8192);
    }),
    (Place::Device(1), Problem::WindowTaken, |d| {
        d.devices[0].window_len = 8192;
        d.devices[1].base = Some(0x10_2000);
    }),
    (Place::Device(1), Problem::BadSays, |d| d.devices[1].says = Some(Says::Mac([2; 6]))),
    (Place::Device(0), Problem::BadSays, |d| d.devices[0].says = Some(Says::Capacity(512))),
    (Place::Device(2), Problem::BadSays, |d| {
        let mut net = Device { virtio_id: Some(1), ..d.devices[1].clone() };
        net.says = Some(Says::Mac([2; 6]));
        d.devices[1] = net.clone();
        d.devices.push(Device { id: 2, name: "net1".into(), instance: 1, ..net });
    }),
    (Place::Device(0), Problem::BadSays, |d| d.devices[0].says = Some(says("nexus-1"))),
    (Place::Device(3), Problem::BadSays, |d| two_disks(d, ["nexus-1", "nexus-1"])),
    (Place::Device(3), Problem::Unasked, |d| {
        two_disks(d, ["nexus-1", "nexus-2"]);
        d.devices[3].says = None;
    }),
    (Place::Device(3), Problem::Unasked, |d| {
        two_disks(d, ["nexus-1", "nexus-2"]);
        d.devices[2].says = Some(Says::Capacity(512));
    }),
    (Place::Rule(2), Problem::Unasked, |d| {
        two_disks(d, ["nexus-1", "nexus-2"]);
        d.rules[2].queues = queues(3);
        d.services[3].needs[1].queues = queues(3);
    }),
    (Place::Rule(3), Problem::Unasked, |d| {
        two_disks(d, ["nexus-1", "nexus-2"]);
        d.rules[3].queues[0].shapes[0].heads = 2;
        d.services[3].needs[2].queues[0].shapes[0].heads = 2;
    }),
    (Place::Device(1), Problem::EmptySlotInProd, |d| {
        d.profile = Profile::Prod;
        d.devices[1].virtio_id = Some(0);
    }),
    (Place::Device(1), Problem::BadInstance, |d| d.devices[1].instance = 1),
    (Place::Device(1), Problem::BadDanger, |d| d.devices[1].danger = Danger::Medium),
    (Place::Device(1), Problem::NotSealable, |d| d.devices[1].virtio_id = Some(16)),
    (Place::Device(1), Problem::NotSealable, |d| d.devices[1].virtio_id = Some(5)),
    (Place::Device(1), Problem::NotSealable, |d| d.devices[1].virtio_id = Some(0)),
    (Place::Device(1), Problem::NotSealable, |d| d.devices[1].virtio_id = None),
    (Place::Device(1), Problem::NotSealable, |d| d.devices[1].compatible = "acme,gpu".into()),
    (Place::Device(1), Problem::NotSealable, |d| d.devices[1].dma = false),
    (Place::Device(0), Problem::NotSealable, |d| {
        (d.devices[0].dma, d.devices[0].danger) = (true, Danger::High);
    }),
    (Place::Service(2), Problem::BadId, |d| d.services.swap(1, 2)),
    (Place::Service(0), Problem::BadId, |d| (d.services[0].id, d.init) = (0, 0)),
    (Place::Service(1), Problem::BadName, |d| d.services[1].name = "x".repeat(33)),
    (Place::Service(1), Problem::NameTaken, |d| d.services[1].name = "init".into()),
    (Place::Service(1), Problem::BadBudget, |d| d.services[1].priority = 32),
    (Place::Service(1), Problem::BadBudget, |d| d.services[1].frames = 0),
    (Place::Service(1), Problem::BadBudget, |d| d.services[1].frames = u32::MAX),
    (Place::Service(1), Problem::BadBudget, |d| d.services[1].frames = (1 << 20) + 1),
    (Place::Service(1), Problem::BadBudget, |d| d.services[1].objects = 0),
    (Place::Service(1), Problem::BadBudget, |d| d.services[1].objects = (1 << 16) + 1),
    (Place::Service(1), Problem::BadBudget, |d| d.services[1].stack_pages = 0),
    (Place::Service(1), Problem::BadBudget, |d| d.services[1].stack_pages = 257),
    (Place::Service(0), Problem::NotAgain, |d| d.services[0].restart = Restart::OnFailure),
    (Place::Service(0), Problem::NotAgain, |d| d.services[0].restart = Restart::Always),
    (Place::Service(3), Problem::NotAgain, |d| {
        (d.services[3].id, d.services[3].restart) = (11, Restart::OnFailure);
    }),
    (Place::Service(1), Problem::BadAnswersWithin, |d| answers(d, 1, 9)),
    (Place::Service(1), Problem::BadAnswersWithin, |d| answers(d, 1, 60_001)),
    (Place::Service(1), Problem::BadAnswersWithin, |d| {
        answers(d, 1, 500);
        d.services[1].restart = Restart::Never;
    }),
    (Place::Service(2), Problem::BadAnswersWithin, |d| answers(d, 2, 500)),
    (Place::Service(2), Problem::UnknownDevice, |d| d.services[2].needs[0].device = 2),
    (Place::Service(2), Problem::BadRights, |d| d.services[2].needs[0].rights = 0b1111),
    (Place::Service(2), Problem::BadRights, |d| d.services[2].needs[0].rights = 0b110),
    (Place::Service(2), Problem::BadRights, |d| d.services[2].needs[0].rights = 1 << 15),
    (Place::Service(2), Problem::BadRegisters, |d| d.services[2].needs[0].registers = Some(0)),
    (Place::Service(2), Problem::BadRegisters, |d| {
        (d.services[2].needs[0].rights, d.services[2].needs[0].registers) = (0b011, Some(1));
    }),
    (Place::Service(2), Problem::NoLine, |d| d.services[2].needs[0].irq = true),
    (Place::Service(3), Problem::SecondOwner, |d| d.services[3].needs[0].device = 0),
    (Place::Service(2), Problem::NotSorted, |d| {
        let need = d.services[2].needs[0].clone();
        d.services[2].needs.push(need);
    }),
    (Place::Service(2), Problem::TooMany, |d| {
        d.services[2].needs = vec![d.services[2].needs[0].clone(); 121];
    }),
    (Place::Service(2), Problem::NotSorted, |d| d.services[2].talks_to = vec![3, 3]),
    (Place::Service(2), Problem::UnknownService, |d| d.services[2].talks_to = vec![4]),
    (Place::Service(2), Problem::NotServed, |d| d.services[2].talks_to = vec![1]),
    (Place::Service(1), Problem::NotServed, |d| d.services[1].talks_to = vec![3]),
    (Place::Service(0), Problem::NotSorted, |d| {
        d.services[0].permits =
            vec![permit(1, Permission::Power), permit(1, Permission::Distribute)];
    }),
    (Place::Service(0), Problem::NotSorted, |d| {
        let again = Permit { id: "again".into(), ..d.services[0].permits[0].clone() };
        d.services[0].permits.push(again);
    }),
    (Place::Service(0), Problem::BadName, |d| d.services[0].permits[0].id = "Permit".into()),
    (Place::Service(0), Problem::BadText, |d| d.services[0].permits[0].reason = String::new()),
    (Place::Service(0), Problem::BadText, |d| d.services[0].permits[0].reason = "x".repeat(401)),
    (Place::Service(0), Problem::NameTaken, |d| d.services[0].permits[0].id = "rule-2".into()),
    (Place::Service(2), Problem::NameTaken, |d| {
        d.services[2].permits = d.services[0].permits.clone();
    }),
    (Place::Service(2), Problem::NameTaken, |d| {
        let id = || String::from("twice");
        let one = Permit { id: id(), ..permit(5, Permission::Record) };
        d.services[2].permits = vec![one, Permit { id: id(), ..permit(5, Permission::View) }];
    }),
    (Place::Service(2), Problem::BadRing, |d| {
        d.services[2].rings = vec![Ring { pages: 1, ..ring(3) }];
    }),
    (Place::Service(3), Problem::SecondConsumer, |d| {
        owner_with_two_consumers(d);
    }),
    (Place::Device(1), Problem::BadStore, |d| d.devices[1].store = Some([1; 16])),
    (Place::Device(0), Problem::BadStore, |d| d.devices[0].store = Some([1; 16])),
    (Place::Device(2), Problem::BadStore, |d| {
        two_disks(d, ["nexus-1", "nexus-2"]);
        d.devices[2].store = Some([0; 16]);
    }),
    (Place::Device(3), Problem::SecondStore, |d| {
        two_disks(d, ["nexus-1", "nexus-2"]);
        (d.devices[2].store, d.devices[3].store) = (Some([1; 16]), Some([2; 16]));
    }),
    (Place::Service(1), Problem::BadTree, |d| d.services[1].tree = Some(tree(0))),
    (Place::Service(1), Problem::BadTree, |d| {
        d.services[1].tree = Some(Tree { keys: 0, ..tree(7) });
    }),
    (Place::Service(1), Problem::BadTree, |d| {
        d.services[1].tree = Some(Tree { keys: (1 << 32) + 1, ..tree(7) });
    }),
    (Place::Service(1), Problem::BadTree, |d| {
        d.services[1].tree = Some(Tree { bytes: 0, ..tree(7) });
    }),
    (Place::Service(1), Problem::BadTree, |d| {
        d.services[1].tree = Some(Tree { bytes: (1 << 40) + 1, ..tree(7) });
    }),
    (Place::Service(3), Problem::TreeTaken, |d| {
        (d.services[0].tree, d.services[3].tree) = (Some(tree(7)), Some(tree(7)));
    }),
    (Place::Service(2), Problem::NoTree, |d| d.services[2].opens = vec![open(3, "")]),
    (Place::Service(2), Problem::NoTree, |d| d.services[2].opens = vec![open(4, "")]),
    (Place::Service(1), Problem::NoTree, |d| opened(d, 1, vec![open(3, "")])),
    (Place::Service(2), Problem::BadPrefix, |d| opened(d, 2, vec![open(3, "a/../b")])),
    (Place::Service(2), Problem::BadPrefix, |d| opened(d, 2, vec![open(3, &"x".repeat(256))])),
    (Place::Service(2), Problem::BadOpen, |d| {
        opened(d, 2, vec![OpenTree { rights: 0, ..open(3, "a") }]);
    }),
    (Place::Service(2), Problem::BadOpen, |d| {
        opened(d, 2, vec![OpenTree { rights: 8 | 1, ..open(3, "a") }]);
    }),
    (Place::Service(2), Problem::NotSorted, |d| {
        opened(d, 2, vec![open(3, "b"), open(3, "a")]);
    }),
    (Place::Service(2), Problem::NotSorted, |d| {
        opened(d, 2, vec![open(3, "a"), OpenTree { id: "twice".into(), ..open(3, "a") }]);
    }),
    (Place::Service(2), Problem::TooMany, |d| {
        opened(d, 2, (0..65).map(|n| open(3, &format!("p{n:02}"))).collect());
    }),
    (Place::Service(2), Problem::BadName, |d| {
        opened(d, 2, vec![OpenTree { id: "Open".into(), ..open(3, "a") }]);
    }),
    (Place::Service(2), Problem::NameTaken, |d| {
        opened(d, 2, vec![OpenTree { id: "rule-1".into(), ..open(3, "a") }]);
    }),
    (Place::Service(2), Problem::BadText, |d| {
        opened(d, 2, vec![OpenTree { reason: String::new(), ..open(3, "a") }]);
    }),
    (Place::Service(2), Problem::BadSockets, |d| {
        reaching(d, 2, vec![]);
        d.services[2].sockets = Some(Sockets { count: 0, ..SOCKETS });
    }),
    (Place::Service(2), Problem::BadSockets, |d| {
        reaching(d, 2, vec![]);
        d.services[2].sockets = Some(Sockets { count: 257, ..SOCKETS });
    }),
    (Place::Service(2), Problem::BadSockets, |d| {
        reaching(d, 2, vec![]);
        d.services[2].sockets = Some(Sockets { bytes: 4095, ..SOCKETS });
    }),
    (Place::Service(2), Problem::BadSockets, |d| {
        reaching(d, 2, vec![]);
        d.services[2].sockets = Some(Sockets { bytes: (1 << 26) + 1, ..SOCKETS });
    }),
    (Place::Service(2), Problem::NoNetwork, |d| {
        reaching(d, 2, vec![]);
        d.network = None;
    }),
    (Place::Service(2), Problem::NoNetwork, |d| {
        reaching(d, 2, vec![reach()]);
        d.services[2].sockets = None;
    }),
    (Place::Service(2), Problem::BadReach, |d| {
        reaching(d, 2, vec![Reach { ports: vec![], ..reach() }]);
    }),
    (Place::Service(2), Problem::BadReach, |d| {
        reaching(d, 2, vec![Reach { protocol: NetProtocol::Echo, ..reach() }]);
    }),
    (Place::Service(2), Problem::BadReach, |d| {
        let (protocol, direction) = (NetProtocol::Echo, NetDirection::In);
        reaching(d, 2, vec![Reach { protocol, direction, ports: vec![], ..reach() }]);
    }),
    (Place::Service(2), Problem::BadReach, |d| {
        reaching(d, 2, vec![Reach { ports: vec![Ports { first: 0, last: 80 }], ..reach() }]);
    }),
    (Place::Service(2), Problem::BadReach, |d| {
        reaching(d, 2, vec![Reach { ports: vec![Ports { first: 81, last: 80 }], ..reach() }]);
    }),
    (Place::Service(2), Problem::BadReach, |d| {
        let ports = vec![Ports { first: 80, last: 90 }, Ports { first: 90, last: 91 }];
        reaching(d, 2, vec![Reach { ports, ..reach() }]);
    }),
    (Place::Service(2), Problem::BadReach, |d| {
        let ports = (1..18).map(|port| Ports { first: 2 * port, last: 2 * port }).collect();
        reaching(d, 2, vec![Reach { ports, ..reach() }]);
    }),
    (Place::Service(2), Problem::BadReach, |d| {
        reaching(d, 2, vec![Reach { addresses: vec![], ..reach() }]);
    }),
    (Place::Service(2), Problem::BadReach, |d| {
        let addresses = [net([0; 16], 0), net(mapped([0; 4]), 96)];
        reaching(
            d,
            2,
            vec![Reach { addresses: [&addresses[..], &addresses[..1]].concat(), ..reach() }],
        );
    }),
    (Place::Service(2), Problem::BadReach, |d| {
        reaching(d, 2, vec![Reach { addresses: vec![net(mapped([10, 0, 0, 1]), 104)], ..reach() }]);
    }),
    (Place::Service(2), Problem::BadReach, |d| {
        reaching(d, 2, vec![Reach { addresses: vec![net([0; 16], 129)], ..reach() }]);
    }),
    (Place::Service(2), Problem::NotSorted, |d| {
        let again = Reach { id: "again".into(), ..reach() };
        reaching(d, 2, vec![reach(), again]);
    }),
    (Place::Service(2), Problem::NotSorted, |d| {
        let out = Reach { id: "out".into(), direction: NetDirection::Out, ..reach() };
        reaching(d, 2, vec![Reach { direction: NetDirection::In, ..reach() }, out]);
    }),
    (Place::Service(2), Problem::TooMany, |d| reaching(d, 2, reaches(33))),
    (Place::Service(2), Problem::BadName, |d| {
        reaching(d, 2, vec![Reach { id: "Net".into(), ..reach() }]);
    }),
    (Place::Service(2), Problem::NameTaken, |d| {
        reaching(d, 2, vec![Reach { id: "rule-1".into(), ..reach() }]);
    }),
    (Place::Service(2), Problem::BadText, |d| {
        reaching(d, 2, vec![Reach { reason: String::new(), ..reach() }]);
    }),
    (Place::Service(3), Problem::BadName, |d| d.services[3].must_prove = vec![proof("a b")]),
    (Place::Service(3), Problem::NotSorted, |d| {
        d.services[3].must_prove = vec![proof("b"), proof("a")];
    }),
    (Place::Service(3), Problem::NotSorted, |d| {
        d.services[3].must_prove = vec![proof("a"), Proof { checks: 2, ..proof("a") }];
    }),
    (Place::Service(3), Problem::NoChecks, |d| d.services[3].must_prove[0].checks = 0),
    (Place::Service(3), Problem::TooMany, |d| {
        d.services[3].must_prove = (0..257).map(|n| proof(&format!("p{n:03}"))).collect();
    }),
    (Place::Service(3), Problem::ProofsInProd, |d| d.profile = Profile::Prod),
    (Place::Service(0), Problem::ReportInProd, |d| {
        d.profile = Profile::Prod;
        d.services[0].permits = vec![permit(1, Permission::Report)];
    }),
    (Place::Rule(1), Problem::BadId, |d| d.rules[1].number = 3),
    (Place::Rule(0), Problem::BadId, |d| d.rules[0].number = 0),
    (Place::Rule(1), Problem::NotSorted, |d| d.rules[1] = rule(2, 5, 0)),
    (Place::Rule(1), Problem::BadName, |d| d.rules[1].id = "allow rngd".into()),
    (Place::Rule(1), Problem::NameTaken, |d| d.rules[1].id = "rule-1".into()),
    (Place::Rule(1), Problem::BadText, |d| d.rules[1].reason = String::new()),
    (Place::Rule(1), Problem::BadText, |d| d.rules[1].reason = "\u{1b}[2J".into()),
    (Place::Rule(1), Problem::BadRights, |d| d.rules[1].rights = 0),
    (Place::Rule(1), Problem::BadRegisters, |d| d.rules[1].registers = Some(0)),
    (Place::Rule(1), Problem::BadRegisters, |d| {
        (d.rules[1].rights, d.rules[1].registers) = (0b011, Some(1 << 63));
    }),
    (Place::Rule(1), Problem::BadInterval, |d| {
        (d.devices[1].irq, d.rules[1].irq, d.rules[1].interval) = (true, true, 1_000_001);
    }),
    (Place::Rule(1), Problem::BadInterval, |d| {
        (d.devices[1].irq, d.rules[1].interval) = (true, 1);
    }),
    (Place::Rule(1), Problem::NoLine, |d| d.rules[1].irq = true),
    (Place::Rule(1), Problem::UnknownService, |d| d.rules[1].subject = 8),
    (Place::Rule(1), Problem::UnknownDevice, |d| d.rules[1].device = 2),
    (Place::Service(3), Problem::NotOwners, |d| d.services[3].needs[0].registers = None),
    (Place::Service(3), Problem::NotOwners, |d| d.services[3].needs[0].registers = Some(1 << 32)),
    (Place::Rule(1), Problem::NotOwners, |d| d.rules[1].registers = None),
    (Place::Rule(1), Problem::NotOwners, |d| d.rules[1].registers = Some(1 << 20 | 1 << 28)),
    (Place::Service(3), Problem::BadQueues, |d| d.services[3].needs[0].queues = queues(0)),
    (Place::Service(3), Problem::BadQueues, |d| d.services[3].needs[0].queues = queues(9)),
    (Place::Rule(1), Problem::BadQueues, |d| d.rules[1].queues = vec![queues(1); 2].concat()),
    (Place::Rule(1), Problem::BadQueues, |d| {
        let pieces = vec![1 << 20; 8];
        let shape = Shape { heads: 2, reads: Vec::new(), writes: pieces };
        d.rules[1].queues = vec![Queue { shapes: vec![shape] }];
    }),
    (Place::Rule(1), Problem::OtherQueues, |d| d.rules[1].queues = queues(4)),
    (Place::Rule(1), Problem::OtherQueues, |d| d.services[3].needs[0].queues = queues(4)),
    (Place::Rule(1), Problem::OtherQueues, |d| {
        (d.services[3].needs[0].queues, d.rules[1].queues) = (queues(4), queues(3));
    }),
    (Place::Rule(0), Problem::NoDma, |d| d.rules[0].queues = queues(64)),
    (Place::Service(2), Problem::NoDma, |d| d.services[2].needs[0].queues = queues(64)),
];

// attack 99 U: a description in which a service has to do with a network without sockets or without one of the board, or more than it may; ports or addresses that there are not; refused; broken: sysdesc-no-network, sysdesc-sockets, sysdesc-reach, sysdesc-network
// attack 58 U: a description in which init or busd would be started again, or a service in use without end; refused; broken: sysdesc-restart-init, sysdesc-unlimited-in-prod
// attack 39 U: a description with two owners, equal names or any other damage; refused
// attack 80 U: an empty slot in a description for use; refused; broken: empty-slot-in-prod
// attack 48 U: a description that gives a register with an address, or whose rule has other queues; refused; broken: sysdesc-owners-registers, sysdesc-other-queues
// attack 92 U: a description in which two services have one tree, state is opened that nobody keeps, or for more than there is, or two disks hold the store; refused; broken: sysdesc-tree-taken, sysdesc-quota, sysdesc-no-tree, sysdesc-open-rights, sysdesc-second-store
// attack 86 U: a description with a class that cannot be sealed, or other queues than the class has; refused; broken: sysdesc-class, sysdesc-queues
#[test]
fn refuses_every_damage_by_name_and_place() {
    for (number, (place, problem, damage)) in CASES.iter().enumerate() {
        let mut damaged = system();
        damage(&mut damaged);
        let expected = Err(DescError { place: *place, problem: *problem });
        assert_eq!(damaged.validate(), expected, "case {number}");
        assert_eq!(damaged.encode().map(|_| ()), expected, "case {number}");
    }
}

#[test]
fn every_problem_has_a_case() {
    let mut seen: HashSet<Problem> = CASES.iter().map(|(_, problem, _)| *problem).collect();
    // These two are about bytes: see `refuses_bytes_that_are_not_the_encoding`.
    seen.extend([Problem::Malformed, Problem::NotCanonical]);
    for problem in Problem::ALL {
        assert!(seen.contains(problem), "{problem:?} has no case");
    }
}

// attack 31 U: bytes that only decode to a description; refused
#[test]
fn refuses_bytes_that_are_not_the_encoding() {
    let refused = |bytes: &[u8]| Description::decode(bytes).expect_err("refused").problem;
    let bytes = system().encode().expect("valid");
    for len in 0..bytes.len() {
        assert_eq!(refused(&bytes[..len]), Problem::Malformed, "cut to {len}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(refused(&longer), Problem::NotCanonical);
    assert_eq!(refused(&vec![0; MAX_LEN + 1]), Problem::Malformed);

    // The first byte is the length of the name, 5; 0x85 0x00 is 5 again, in two bytes.
    assert_eq!(bytes[0], 5);
    let mut padded = vec![0x85, 0x00];
    padded.extend(&bytes[1..]);
    assert_eq!(refused(&padded), Problem::NotCanonical);
}

/// What is at a bound, in the small system.
const MOST: &[fn(&mut Description)] = &[
    |d| d.services.extend((100..159).map(|id| service(id, &format!("service-{id}")))),
    |d| d.devices.extend((2..64).map(|id| device(id, &format!("device-{id}")))),
    |d| {
        // Two there are; four more services may have every device.
        d.devices.extend((2..64).map(|id| device(id, &format!("device-{id}"))));
        d.services.extend((8..12).map(|id| service(id, &format!("service-{id}"))));
        let all = (8..12).flat_map(|subject| (0..64).map(move |device| (subject, device)));
        let all = (3..=256).zip(all);
        d.rules.extend(all.map(|(number, (subject, device))| rule(number, subject, device)));
    },
    |d| d.name = "x".repeat(32),
    |d| d.devices[0].compatible = "x".repeat(64),
    |d| d.devices[0].window_len = 1 << 27,
    |d| d.devices[0].base = Some(u64::MAX - 8191),
    |d| d.services[1].priority = 31,
    |d| (d.services[1].frames, d.services[1].objects) = (1 << 20, 1 << 16),
    |d| d.services[1].stack_pages = 256,
    |d| (d.services[1].frames, d.services[1].objects, d.services[1].stack_pages) = (1, 1, 1),
    |d| d.services[0].permits[0].reason = "x".repeat(400),
    |d| d.rules[1].reason = "x".repeat(400),
    |d| d.services[1].tree = Some(Tree { id: 1, keys: 1 << 32, bytes: 1 << 40 }),
    |d| d.services[1].tree = Some(Tree { id: u128::MAX, keys: 1, bytes: 1 }),
    |d| opened(d, 2, (0..64).map(|n| open(3, &format!("p{n:02}"))).collect()),
    |d| reaching(d, 2, reaches(32)),
    |d| {
        reaching(d, 2, vec![]);
        d.services[2].sockets = Some(Sockets { count: 256, bytes: 1 << 26 });
        d.services[3].sockets = Some(Sockets { count: 1, bytes: 4096 });
    },
    |d| {
        let ports =
            (1..17).map(|port| Ports { first: 4095 * port, last: 4095 * port + 15 }).collect();
        let addresses = (0..16).map(|n| net(mapped([10, 0, n, 255]), 128)).collect();
        reaching(d, 2, vec![Reach { ports, addresses, ..reach() }]);
        d.network =
            Some(NetworkSays { leads_back: (1..9).map(|n| [n; 16]).collect(), ..network() });
    },
    |d| given(d, [10, 0, 2, 15], 32, None, vec![mapped([10, 0, 2, 3]); 3]),
    |d| given(d, [10, 0, 2, 15], 1, Some([10, 0, 2, 2]), vec![]),
    |d| d.services[3].must_prove = (0..256).map(|n| proof(&format!("p{n:03}"))).collect(),
];

#[test]
fn what_is_at_a_bound_is_valid() {
    for (number, change) in MOST.iter().enumerate() {
        let mut most = system();
        change(&mut most);
        assert_eq!(most.validate(), Ok(()), "case {number}");
    }
    let most = |number: usize| {
        let mut most = system();
        MOST[number](&mut most);
        (most.services.len(), most.devices.len(), most.rules.len())
    };
    assert_eq!((most(0).0, most(1).1, most(2).2), (63, 64, 256));
}

#[test]
fn bounds_are_exact() {
    assert!(bounds::is_name("a") && bounds::is_name(&"a".repeat(32)));
    for bad in ["", "1a", "-a", "a_b", "A", "a b", "\u{430}"] {
        assert!(!bounds::is_name(bad), "{bad:?}");
    }
    assert!(!bounds::is_name(&"a".repeat(33)));
    assert!(bounds::is_proof(&"a".repeat(48)) && !bounds::is_proof(&"a".repeat(49)));
    assert!(bounds::is_window_rights(0b011) && bounds::is_window_rights(0b111));
    let allowed = (0..=u16::MAX).filter(|rights| bounds::is_window_rights(*rights)).count();
    assert_eq!(allowed, 2);
}

#[test]
fn says_where_and_what() {
    let error = DescError { place: Place::Service(2), problem: Problem::SecondOwner };
    assert_eq!(error.to_string(), "service at index 2 needs a device that another service needs");
}
