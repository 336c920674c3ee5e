//! Rules of every shape, and questions about them.

use nexus_abi::{Message, Sender};
use nexus_proto::log::{Entry, Stamp};
use nexus_proto::policy::{Decide, Explain, Request, Verdict};
use nexus_proto::{Asker, Operation, Subject, Zero};
use nexus_sysdesc::layout::Sizes;
use nexus_sysdesc::sealed::{CLASSES, VIRTIO_MMIO, class};
use nexus_sysdesc::{
    Danger, Description, Device, Permission, Permit, Profile, Queue, Rule, Service, Shape,
};
use policyd::{Policyd, Recorder, Unread};

use super::policyd::allowed_by_rules;
use crate::{input::Input, system};

struct Ledger;

impl Recorder for Ledger {
    fn record(&mut self, _: &Entry) -> Option<u64> {
        Some(1)
    }

    fn read(&mut self, _: u64) -> Result<Option<(Stamp, Entry)>, Unread> {
        Ok(None)
    }
}

// attack 34 Z: any rules, any question; what no rule allows word for word is denied; broken: policyd-rule, policyd-rights, policyd-registers, policyd-line
// attack 48 Z: any rules, any question; no other memory for a device than the rule says; broken: policyd-pool
/// A first question is allowed exactly when the rules, read in another way, say so; and what
/// `explain` says is what would be decided.
pub fn policy(data: &[u8]) {
    let mut input = Input::new(data);
    let description = described(&mut input);
    if description.validate().is_err() {
        return;
    }
    for nonce in 1..16 {
        let (who, which) = (input.byte(), input.byte());
        let (subject, device) = (u32::from(who & 7), u16::from(which & 7));
        let (shape, rights) = (input.byte(), u16::from(input.byte()));
        let described = description.rule_for(subject, device).map_or(&[][..], |rule| &rule.queues);
        let pages = Sizes::of(described).map_or(0, Sizes::pages);
        let ask = Decide {
            subject: Subject { id: subject, incarnation: u32::from(shape & 3) },
            asker: Asker::default(),
            device,
            rights,
            base: input.double(),
            nonce,
            pages: u16::from(shape >> 2 & 3) | u16::from(shape >> 7) << 12,
            pool: if who >> 6 == 0 { pages } else { u16::from(who >> 6) },
            line: u16::from(which >> 3 & 3),
            registers: (which & 32 != 0).then(|| mask(who >> 3 & 7)).into(),
            zero: Zero::ZERO,
        };
        question(&description, &ask);
        if input.is_empty() {
            return;
        }
    }
}

fn question(description: &Description, ask: &Decide) {
    let mut policyd = Policyd::new(description.clone());
    let decision = Decide::decode_reply(&say(&mut policyd, 1, &(*ask).into()));
    let decision = decision.expect("init may distribute");
    let allow = decision.verdict == Verdict::Allow;
    assert_eq!(allow, allowed_by_rules(description, ask), "{decision:?}");
    let (service, device, rights) = (ask.subject.id, ask.device, ask.rights);
    let explain = Explain { service, device, rights };
    let told = Explain::decode_reply(&say(&mut policyd, 1, &explain.into()));
    let told = told.expect("init may inspect").verdict == Verdict::Allow;
    assert!(rights == 0 || told || !allow, "denied by `explain` and allowed in fact");
}

fn say(policyd: &mut Policyd, id: u32, request: &Request) -> Message {
    let sender = Sender { service_id: id, incarnation: 1 };
    policyd.handle(sender, request, &mut Ledger)
}

/// Up to seven devices, services and rules, not all of which can be.
fn described(input: &mut Input<'_>) -> Description {
    let like = &system::either(1).services[0];
    let counts = [input.byte() & 7, input.byte() & 7, input.byte() & 7];
    let devices = (0..u16::from(counts[0])).map(|id| device(id, input)).collect();
    let service = |id: u32| Service {
        id,
        name: format!("service{id}"),
        needs: Vec::new(),
        talks_to: Vec::new(),
        permits: if id == 1 {
            vec![permit(Permission::Distribute), permit(Permission::View)]
        } else {
            vec![]
        },
        ..like.clone()
    };
    let services = (1..=u32::from(counts[1].max(1))).map(service).collect();
    let devices: Vec<Device> = devices;
    let rules = (1..=u16::from(counts[2])).map(|number| rule(number, &devices, input));
    let mut rules: Vec<Rule> = rules.collect();
    rules.sort_by_key(|rule| (rule.subject, rule.device));
    (1..).zip(&mut rules).for_each(|(number, rule)| rule.number = number);
    let name = "rules".to_owned();
    Description {
        name,
        profile: Profile::Prod,
        epoch: 1,
        unlimited_restarts: false,
        init: 1,
        devices,
        services,
        rules,
        network: None,
    }
}

fn permit(permission: Permission) -> Permit {
    Permit { permission, id: format!("permit-{}", permission.name()), reason: "a reason".into() }
}

fn device(id: u16, input: &mut Input<'_>) -> Device {
    let shape = input.byte();
    let class = CLASSES[usize::from(id) % CLASSES.len()];
    let sealed = shape & 8 != 0;
    Device {
        id,
        name: format!("device{id}"),
        compatible: if sealed { VIRTIO_MMIO.to_owned() } else { format!("fuzz,device{id}") },
        virtio_id: sealed.then_some(class.virtio_id),
        says: None,
        store: None,
        instance: 0,
        base: (shape & 1 == 1).then(|| u64::from(id) << 16),
        window_len: u64::from(shape >> 1 & 3) << 12,
        irq: shape & 16 != 0,
        dma: sealed,
        danger: Danger::High,
    }
}

fn rule(number: u16, devices: &[Device], input: &mut Input<'_>) -> Rule {
    let (subject, shape) = (input.byte(), input.byte());
    let device = u16::from(subject >> 3 & 7);
    let described = devices.get(usize::from(device));
    let class = described.and_then(|device| class(device.virtio_id?)).filter(|_| shape & 16 != 0);
    let heads = Shape { heads: u16::from(shape >> 5) + 1, reads: vec![16], writes: vec![4096] };
    Rule {
        number,
        id: format!("rule{number}"),
        subject: u32::from(subject & 7),
        device,
        rights: u16::from(shape & 15),
        irq: subject & 64 != 0,
        registers: (subject & 128 != 0).then(|| mask(shape >> 5)),
        interval: 0,
        queues: class
            .map_or_else(Vec::new, |class| vec![Queue { shapes: vec![heads] }; class.queues]),
        reason: "a reason".into(),
    }
}

/// QueueNotify, InterruptACK, and the first register.
fn mask(bits: u8) -> u64 {
    u64::from(bits & 1) << 20 | u64::from(bits >> 1 & 1) << 25 | u64::from(bits >> 2)
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    // Two devices of a page, the second a disk; services 1 to 3; two rules, the second with a queue of
    // four heads. Then a device with a line, of which a rule gives two registers.
    let lined = [1, 2, 1, 0b1_0010, 0b1100_0010, 7 | 3 << 5];
    let rules = [2, 3, 2, 0b0010, 0b1010, 0b0_0010, 7, 0b1000_1011, 7 | 16 | 3 << 5];
    let ask = |subject: u8, device: u8, incarnation: u8, rights: u8, base: u64| {
        [vec![subject, device, incarnation | 4, rights], base.to_le_bytes().to_vec()].concat()
    };
    let with = |asks: &[Vec<u8>]| [rules.to_vec(), asks.concat()].concat();
    let with_line = |asks: &[Vec<u8>]| [lined.to_vec(), asks.concat()].concat();
    // The same, of whose line the rule gives nothing.
    let unlined = [1, 2, 1, 0b1_0010, 0b1000_0010, 7 | 3 << 5];
    let (masked, line) = (32, 1 << 3);
    let all = [
        ("allowed", with(&[ask(2, 0, 1, 7, 0x1000), ask(3 | 3 << 3, 1 | masked, 1, 7, 0x2000)])),
        ("other-pool", with(&[ask(3 | 3 << 3 | 64, 1 | masked, 1, 7, 0x2000)])),
        ("unmasked", with(&[ask(3, 1, 1, 7, 0x2000)])),
        ("no-rule", with(&[ask(3, 0, 1, 7, 0x1000), ask(7, 7, 1, 7, 0)])),
        ("more-rights", with(&[ask(2, 0, 1, 15, 0x1000), ask(2, 0, 1, 1, 0x1000)])),
        ("no-life", with(&[ask(2, 0, 0, 7, 0x1000)])),
        ("line", with_line(&[ask(2 | 3 << 3, masked | line, 1, 7, 0)])),
        ("line-denied", [&unlined[..], &ask(2 | 3 << 3, masked | line, 1, 7, 0)].concat()),
        ("more-registers", with_line(&[ask(2 | 7 << 3, masked, 1, 7, 0), ask(2, line, 1, 7, 0)])),
        ("wraps", with(&[ask(2, 0, 1, 7, 0xffff_ffff_ffff_f000)])),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
