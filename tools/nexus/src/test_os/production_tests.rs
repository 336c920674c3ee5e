//! What is judged and what ships, made up: each difference between them, and each way in which the
//! image that ships does not come up.

use super::drive::{Ended, Run};
use super::production::{hold, verdict};
use super::transcript::Transcript;
use crate::audit::{
    Audit, AuditDevice, AuditMemory, AuditNetwork, AuditOpen, AuditPermit, AuditProgram,
    AuditQueue, AuditReach, AuditRefusal, AuditRing, AuditSegment, AuditService, AuditSockets,
    AuditTree, AuditWindow, MemoryTrust, SCHEMA, Trusted,
};
use crate::exit::Exit;
use nexus_sysdesc::{Address, Network, NetworkSays, Ports};
use std::time::Duration;

fn service(id: u32, name: &str) -> AuditService {
    AuditService {
        id,
        name: name.into(),
        init: false,
        priority: 16,
        frames: 256,
        objects: 64,
        serves: false,
        restart: "never",
        answers_within: None,
        calls: vec!["init".into()],
        permissions: vec!["view"],
        permits: vec![AuditPermit {
            permission: "view",
            rule: "permit-rngd-view".into(),
            reason: "a test".into(),
        }],
        rings: vec![AuditRing {
            driver: 8,
            driver_name: "virtioblkd".into(),
            bytes: 8192,
            rule: "ring-rngd-virtioblkd".into(),
            reason: "a test".into(),
        }],
        tree: Some(AuditTree { id: "07".into(), keys: 10, bytes: 4096 }),
        opens: vec![AuditOpen {
            owner: 3,
            owner_name: "logd".into(),
            prefix: "a".into(),
            rights: 1,
            rule: "open-rngd-logd".into(),
            reason: "a test".into(),
        }],
        sockets: Some(AuditSockets { count: 8, bytes: 4096 }),
        reaches: vec![AuditReach {
            protocol: "tcp",
            direction: "out",
            ports: vec![Ports { first: 80, last: 80 }],
            addresses: vec![Network { address: [0; 16], bits: 0 }],
            rule: "net-rngd-tcp".into(),
            reason: "a test".into(),
        }],
        owns: vec!["rng0".into()],
        receives: vec!["rng0".into()],
        danger: "high",
        must_prove: Vec::new(),
        program: AuditProgram {
            sha256: "00".into(),
            bytes: 4096,
            entry: 0x1000,
            segments: vec![AuditSegment { va: 0x1000, len: 4096, access: "rx" }],
        },
    }
}

fn device(name: &str) -> AuditDevice {
    AuditDevice {
        id: 3,
        name: name.into(),
        class: "virtio,mmio DeviceID 4".into(),
        instance: 0,
        base: None,
        chosen_by: None,
        store: None,
        len: 0x1000,
        irq: true,
        dma: true,
        danger: "high",
        owners: vec!["rngd".into()],
    }
}

fn window(service: u32, service_name: &str, device_name: &str) -> AuditWindow {
    AuditWindow {
        service,
        service_name: service_name.into(),
        device: 3,
        device_name: device_name.into(),
        class: "virtio,mmio DeviceID 4".into(),
        base: None,
        len: 0x1000,
        rights: 7,
        registers: Some(1),
        irq: true,
        interval: 50,
        memory: Some(memory()),
        all_memory: false,
        danger: "high",
        rule: "allow-rngd-rng0".into(),
        reason: "rngd is its driver".into(),
    }
}

fn refusal(service: &str) -> AuditRefusal {
    AuditRefusal { service: service.into(), device: "uart0".into(), why: "no rule" }
}

fn trusted(service: &str) -> Trusted {
    Trusted { service: service.into(), with: vec!["all memory, through rng0".into()] }
}

fn memory() -> AuditMemory {
    AuditMemory {
        reach: 256,
        beyond: 0,
        pool: 8192,
        used: 4096,
        tables: 4096,
        digest: "0123456789abcdef".into(),
        queues: vec![AuditQueue { entries: 4, heads: vec!["4 x (writes 64)".into()] }],
    }
}

fn with_memory(who: &str) -> MemoryTrust {
    MemoryTrust { who: who.into(), until: None, why: "it writes page tables".into() }
}

fn ships() -> Audit {
    Audit {
        schema: SCHEMA,
        system: "small".into(),
        profile: "prod".into(),
        epoch: 1,
        unlimited_restarts: false,
        image_sha256: "11".into(),
        image_bytes: 8192,
        network: None,
        devices: vec![device("rng0")],
        services: vec![service(7, "rngd")],
        windows: vec![window(7, "rngd", "rng0")],
        refused: vec![refusal("rngd")],
        trusted: vec![trusted("rngd")],
        memory: vec![with_memory("kernel")],
    }
}

/// What ships with tests laid over it: what belongs to them, and what depends on the profile.
fn judged() -> Audit {
    let mut audit = ships();
    audit.profile = "test".into();
    audit.image_sha256 = "22".into();
    audit.image_bytes = 65536;
    audit.services[0].must_prove = vec!["mmio-window-mapped".into()];
    audit.devices.push(AuditDevice { owners: vec!["hostile-spam".into()], ..device("selftest0") });
    audit.services.extend([service(900, "selftest-client"), service(901, "hostile-spam")]);
    audit.windows.push(window(901, "hostile-spam", "selftest0"));
    audit.refused.push(refusal("hostile-spam"));
    audit.trusted.push(trusted("selftest-client"));
    audit.memory.push(with_memory("hostile-spam"));
    audit
}

type Change = fn(&mut Audit);

fn tree_of(audit: &mut Audit) -> &mut AuditTree {
    audit.services[0].tree.as_mut().expect("a tree")
}

fn sockets_of(audit: &mut Audit) -> &mut AuditSockets {
    audit.services[0].sockets.as_mut().expect("sockets")
}

fn reach_of(audit: &mut Audit) -> &mut AuditReach {
    &mut audit.services[0].reaches[0]
}

fn network() -> AuditNetwork {
    AuditNetwork {
        address: "dhcp".into(),
        gateway: None,
        dns: Vec::new(),
        leads_back: Vec::new(),
        says: NetworkSays { address: Address::Dhcp, leads_back: Vec::new() },
    }
}

fn memory_of(audit: &mut Audit) -> &mut AuditMemory {
    audit.windows[0].memory.as_mut().unwrap()
}

fn found(judged: Audit) -> Vec<String> {
    hold(judged, ships()).unwrap()
}

#[test]
fn test_what_is_judged_less_the_tests_is_what_ships() {
    assert_eq!(found(judged()), Vec::<String>::new());
    assert_eq!(found(Audit { profile: "test".into(), ..ships() }), Vec::<String>::new());
}

// attack 70 H: what is judged differs from what ships in one thing; the run fails; broken: judge-production-audit
#[test]
fn test_every_difference_between_what_is_judged_and_what_ships_is_found() {
    let changes: &[(&str, Change)] = &[
        ("audit.system is", |audit| audit.system += "x"),
        ("audit.epoch is", |audit| audit.epoch += 1),
        ("audit.devices[rng0].id is", |audit| audit.devices[0].id += 1),
        ("audit.devices[rng0].class is", |audit| audit.devices[0].class.clear()),
        ("audit.devices[rng0].instance is", |audit| audit.devices[0].instance += 1),
        ("audit.devices[rng0].base is", |audit| audit.devices[0].base = Some(0)),
        ("audit.devices[rng0].store is", |audit| audit.devices[0].store = Some("1".into())),
        ("audit.devices[rng0].len is", |audit| audit.devices[0].len *= 2),
        ("audit.devices[rng0].irq is", |audit| audit.devices[0].irq = false),
        ("audit.devices[rng0].dma is", |audit| audit.devices[0].dma = false),
        ("audit.devices[rng0].danger is", |audit| audit.devices[0].danger = "low"),
        ("audit.devices[rng0].owners[0] is", |audit| audit.devices[0].owners.clear()),
        ("audit.services[rngd].id is", |audit| audit.services[0].id += 1),
        ("audit.services[rngd].init is", |audit| audit.services[0].init = true),
        ("audit.services[rngd].priority is", |audit| audit.services[0].priority += 1),
        ("audit.services[rngd].frames is", |audit| audit.services[0].frames += 1),
        ("audit.services[rngd].objects is", |audit| audit.services[0].objects += 1),
        ("audit.services[rngd].serves is", |audit| audit.services[0].serves = true),
        ("audit.services[rngd].restart is", |audit| audit.services[0].restart = "always"),
        ("audit.services[rngd].answers_within is", |audit| {
            audit.services[0].answers_within = Some(500);
        }),
        ("audit.services[rngd].calls[0] is", |audit| audit.services[0].calls.clear()),
        ("audit.services[rngd].permissions[1]", |audit| audit.services[0].permissions.push("ask")),
        ("audit.services[rngd].permits[0].permission is", |audit| {
            audit.services[0].permits[0].permission = "log";
        }),
        ("audit.services[rngd].permits[0].rule is", |audit| {
            audit.services[0].permits[0].rule.clear();
        }),
        ("audit.services[rngd].permits[0].reason is", |audit| {
            audit.services[0].permits[0].reason.clear();
        }),
        ("audit.services[rngd].rings[0].driver is", |audit| {
            audit.services[0].rings[0].driver += 1;
        }),
        ("audit.services[rngd].rings[0].driver_name is", |audit| {
            audit.services[0].rings[0].driver_name.clear();
        }),
        ("audit.services[rngd].rings[0].bytes is", |audit| {
            audit.services[0].rings[0].bytes += 1;
        }),
        ("audit.services[rngd].rings[0].rule is", |audit| {
            audit.services[0].rings[0].rule.clear();
        }),
        ("audit.services[rngd].rings[0].reason is", |audit| {
            audit.services[0].rings[0].reason.clear();
        }),
        ("audit.services[rngd].tree is", |audit| audit.services[0].tree = None),
        ("audit.services[rngd].tree.id is", |audit| tree_of(audit).id.clear()),
        ("audit.services[rngd].tree.keys is", |audit| tree_of(audit).keys += 1),
        ("audit.services[rngd].tree.bytes is", |audit| tree_of(audit).bytes += 1),
        ("audit.services[rngd].opens[0].owner is", |audit| audit.services[0].opens[0].owner += 1),
        ("audit.services[rngd].opens[0].owner_name is", |audit| {
            audit.services[0].opens[0].owner_name.clear();
        }),
        ("audit.services[rngd].opens[0].prefix is", |audit| {
            audit.services[0].opens[0].prefix.clear();
        }),
        ("audit.services[rngd].opens[0].rights[1] is", |audit| {
            audit.services[0].opens[0].rights = 3;
        }),
        ("audit.services[rngd].opens[0].rule is", |audit| {
            audit.services[0].opens[0].rule.clear();
        }),
        ("audit.services[rngd].opens[0].reason is", |audit| {
            audit.services[0].opens[0].reason.clear();
        }),
        ("audit.network is", |audit| audit.network = Some(network())),
        ("audit.services[rngd].sockets is", |audit| audit.services[0].sockets = None),
        ("audit.services[rngd].sockets.count is", |audit| sockets_of(audit).count += 1),
        ("audit.services[rngd].sockets.bytes is", |audit| sockets_of(audit).bytes += 1),
        ("audit.services[rngd].reaches[0].protocol is", |audit| reach_of(audit).protocol = "udp"),
        ("audit.services[rngd].reaches[0].direction is", |audit| reach_of(audit).direction = "in"),
        ("audit.services[rngd].reaches[0].ports[0] is", |audit| {
            reach_of(audit).ports[0].last += 1;
        }),
        ("audit.services[rngd].reaches[0].addresses[0] is", |audit| {
            reach_of(audit).addresses[0].bits += 1;
        }),
        ("audit.services[rngd].reaches[0].rule is", |audit| reach_of(audit).rule.clear()),
        ("audit.services[rngd].reaches[0].reason is", |audit| reach_of(audit).reason.clear()),
        ("audit.services[rngd].owns[0] is", |audit| audit.services[0].owns.clear()),
        ("audit.services[rngd].receives[0] is", |audit| audit.services[0].receives.clear()),
        ("audit.services[rngd].danger is", |audit| audit.services[0].danger = "low"),
        ("program.sha256 is", |audit| audit.services[0].program.sha256 = "33".into()),
        ("program.bytes is", |audit| audit.services[0].program.bytes += 1),
        ("program.entry is", |audit| audit.services[0].program.entry += 4),
        ("segments[0].access is", |audit| audit.services[0].program.segments[0].access = "rw"),
        ("audit.windows[rng0].service is", |audit| audit.windows[0].service = 8),
        ("audit.windows[rng0].len is", |audit| audit.windows[0].len *= 2),
        ("audit.windows[rng0].rights[2] is", |audit| audit.windows[0].rights = 3),
        ("audit.windows[rng0].registers[0] is", |audit| audit.windows[0].registers = Some(2)),
        ("audit.windows[rng0].registers is", |audit| audit.windows[0].registers = None),
        ("audit.windows[rng0].irq is", |audit| audit.windows[0].irq = false),
        ("audit.windows[rng0].interval is", |audit| audit.windows[0].interval = 0),
        ("audit.windows[rng0].all_memory is", |audit| audit.windows[0].all_memory = true),
        ("audit.windows[rng0].memory is", |audit| audit.windows[0].memory = None),
        ("audit.windows[rng0].memory.reach is", |audit| memory_of(audit).reach += 1),
        ("audit.windows[rng0].memory.beyond is", |audit| memory_of(audit).beyond += 1),
        ("audit.windows[rng0].memory.pool is", |audit| memory_of(audit).pool *= 2),
        ("audit.windows[rng0].memory.used is", |audit| memory_of(audit).used *= 2),
        ("audit.windows[rng0].memory.tables is", |audit| memory_of(audit).tables *= 2),
        ("audit.windows[rng0].memory.digest is", |audit| memory_of(audit).digest.clear()),
        ("memory.queues[0].entries is", |audit| memory_of(audit).queues[0].entries *= 2),
        ("memory.queues[0].heads[0] is", |audit| memory_of(audit).queues[0].heads.clear()),
        ("audit.windows[rng0].rule is", |audit| audit.windows[0].rule.clear()),
        ("audit.windows[rng0].reason is", |audit| audit.windows[0].reason.clear()),
        ("audit.refused[rngd].why is", |audit| audit.refused[0].why = "no reason"),
        ("audit.trusted[rngd].with[0] is", |audit| audit.trusted[0].with.clear()),
        ("audit.memory[kernel].until is", |audit| audit.memory[0].until = Some("never".into())),
        ("audit.memory[kernel].why is", |audit| audit.memory[0].why.clear()),
    ];
    for (where_it_is, change) in changes {
        let mut audit = judged();
        change(&mut audit);
        let found = found(audit);
        assert!(found.len() == 1 && found[0].contains(where_it_is), "{where_it_is}: {found:#?}");
    }
}

// attack 70 H: a row of the production image is missing in what is judged, or there is one more; the run fails
#[test]
fn test_every_row_of_what_ships_is_judged() {
    let without: &[Change] = &[
        |audit| drop(audit.devices.remove(0)),
        |audit| drop(audit.services.remove(0)),
        |audit| drop(audit.windows.remove(0)),
        |audit| drop(audit.refused.remove(0)),
        |audit| drop(audit.trusted.remove(0)),
        |audit| drop(audit.memory.remove(0)),
        |audit| audit.devices.push(device("rng1")),
        |audit| audit.services.push(service(8, "otherd")),
        |audit| audit.windows.push(window(8, "otherd", "rng0")),
        |audit| audit.refused.push(refusal("otherd")),
        |audit| audit.trusted.push(trusted("otherd")),
        |audit| audit.memory.push(with_memory("otherd")),
    ];
    for (index, change) in without.iter().enumerate() {
        let mut audit = judged();
        change(&mut audit);
        assert_eq!(found(audit).len(), 1, "change {index}");
    }
}

// attack 70 H: something in the image that is judged has a name or an id of the tests, and not both, or a test holds what ships; the run fails; broken: judge-production-audit
#[test]
fn test_only_what_is_of_the_tests_by_name_and_id_is_left_out() {
    for (id, name) in [(50, "hostile-spam"), (900, "otherd"), (1000, "selftest-client")] {
        let mut audit = judged();
        audit.services.push(service(id, name));
        assert_eq!(found(audit).len(), 1, "{id} {name}");
    }
    let mut audit = judged();
    audit.windows.push(window(901, "hostile-spam", "rng0"));
    audit.devices[0].owners.push("hostile-spam".into());
    let found = found(audit);
    assert!(found.len() == 1 && found[0].contains("devices[rng0].owners[1]"), "{found:#?}");
}

// attack 70 H: what ships is a test profile, with proofs; the run fails; broken: judge-production-audit
#[test]
fn test_what_ships_is_for_use() {
    let ships = Audit { profile: "test".into(), ..ships() };
    let found = hold(judged(), ships).unwrap();
    assert_eq!(found, ["what ships is of a profile of kind test"]);
}

/// A run of the image that ships in which two owners became ready.
fn good() -> Run {
    let mut transcript = Transcript::new(1);
    transcript.take("hello");
    transcript.take("@nx 0000000000000001 ready 2");
    Run { ended: Ended::Marker, transcript, witness: None, ready_after: None, took: Duration::ZERO }
}

#[track_caller]
fn assert_wrong(run: &Run, owners: usize, exit: Exit, what: &str) {
    let (got, finding) = verdict(run, owners).expect("something is wrong");
    assert_eq!(got, exit, "{finding}");
    assert!(finding.starts_with("the production image: ") && finding.contains(what), "{finding}");
    assert!(finding.contains("it said last:\n    hello"), "{finding}");
}

#[test]
fn test_an_image_that_comes_up_is_good() {
    assert_eq!(verdict(&good(), 2), None);
}

// attack 43 H: the image that ships comes up with other owners, panics, or says what no guest may; the run fails; broken: judge-production-boot
#[test]
fn test_an_image_that_ships_comes_up_whole() {
    for owners in [0, 1, 3] {
        assert_wrong(&good(), owners, Exit::Failed, "Some(2) of");
    }
    let mut run = good();
    run.transcript.take("neuron: panic: at the very end");
    assert_wrong(&run, 2, Exit::Panic, "at the very end");
    for line in ["@nx 0000000000000002 ready 2", "@nx 0000000000000001 ready"] {
        let mut run = good();
        run.transcript.take(line);
        assert_wrong(&run, 2, Exit::Failed, line);
    }
}

// attack 43 H: the image that ships ends, or its owners are not ready in time; the run fails
#[test]
fn test_an_image_that_does_not_come_up_is_found() {
    for ended in [Ended::Guest(Some(33)), Ended::Guest(Some(0)), Ended::Guest(None)] {
        assert_wrong(&Run { ended, ..good() }, 2, Exit::Failed, "ended with Guest");
    }
    assert_wrong(&Run { ended: Ended::Deadline, ..good() }, 2, Exit::Timeout, "time limit");
    let mut run = good();
    run.transcript.ready = None;
    assert_wrong(&run, 2, Exit::Failed, "None of 2 owners ready");
}
