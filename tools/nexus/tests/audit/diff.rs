//! What `audit --diff` says of two images.

use crate::assert_golden;
use crate::common::image;
use nexus::audit::{Audit, AuditService, AuditWindow, Diff, of_image};
use nexus_abi::Rights;
use nexus_sysdesc::Ports;

fn audit(profile: &str) -> Audit {
    of_image(&image(profile)).expect("a good image")
}

#[test]
fn says_who_gained_or_lost_what() {
    let diff = Diff::of(&audit("prod"), &audit("test"));
    assert!(!diff.is_empty());
    assert_golden("diff.txt", &diff.to_text(132));
    assert_golden("diff.json", &format!("{}\n", diff.to_json().expect("JSON")));
}

#[test]
fn says_that_nothing_differs() {
    let (audit, mut other) = (audit("test"), audit("test"));
    // Which image it is, is no right of anybody.
    other.epoch += 1;
    let diff = Diff::of(&audit, &other);
    assert!(diff.is_empty());
    let text = diff.to_text(200);
    let [old, new, says] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert!(old.starts_with("old: small test, policy epoch "), "{text}");
    assert!(new.starts_with("new: small test, policy epoch "), "{text}");
    assert_eq!((old[5..] == new[5..], says), (false, "nobody gained or lost anything"));
}

#[test]
fn fits_terminals_of_40_to_200_columns() {
    let diff = Diff::of(&audit("prod"), &audit("test"));
    let words = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    for width in 40..=200 {
        let text = diff.to_text(width);
        let widest = text.lines().map(|line| line.chars().count()).max().expect("lines");
        assert!(widest <= width, "{widest} of {width} columns\n{text}");
        assert_eq!(words(&text), words(&diff.to_text(200)), "something is lost at {width}");
    }
}

/// What is said when `change` is made to the small system.
fn said(change: impl Fn(&mut Audit)) -> Vec<String> {
    let (old, mut new) = (audit("test"), audit("test"));
    change(&mut new);
    let text = Diff::of(&old, &new).to_text(10_000);
    let mut lines: Vec<_> = text.lines().skip(2).map(str::to_owned).collect();
    let sum = lines.pop().expect("a sum");
    // There and back is the same, said the other way.
    let back = Diff::of(&new, &old).to_text(10_000);
    assert_eq!(back.lines().count(), text.lines().count(), "{text}{back}");
    assert_eq!(sum.contains("nobody"), lines.is_empty(), "{text}");
    lines
}

fn service<'a>(audit: &'a mut Audit, name: &str) -> &'a mut AuditService {
    audit.services.iter_mut().find(|one| one.name == name).expect("the service")
}

fn window<'a>(audit: &'a mut Audit, device: &str) -> &'a mut AuditWindow {
    audit.windows.iter_mut().find(|one| one.device_name == device).expect("the window")
}

#[test]
fn says_what_became_of_a_service() {
    let of = |name: &'static str, change: fn(&mut AuditService)| {
        said(move |audit| change(service(audit, name)))
    };
    assert_eq!(of("nsh", |nsh| nsh.calls.push("rngd".into())), ["+ nsh may call rngd"]);
    assert_eq!(of("nsh", |nsh| nsh.priority += 1), ["~ nsh has the priority 9, was 8"]);
    assert_eq!(of("nsh", |nsh| nsh.serves = true), ["+ nsh can be called"]);
    assert_eq!(of("nsh", |nsh| nsh.frames = 7), ["~ nsh has frames of memory: 7, was 64"]);
    assert!(of("init", |init| init.frames += 1).is_empty(), "init has the machine");
    assert_eq!(of("nsh", |nsh| nsh.objects = 7), ["~ nsh has kernel objects: 7, was 32"]);
    let says = ["~ nsh when it ends, is started again: always, was never"];
    assert_eq!(of("nsh", |nsh| nsh.restart = "always"), says);
    assert_eq!(
        of("nsh", |nsh| nsh.danger = "low"),
        ["~ nsh holds devices of danger low, was none"]
    );
    let says = ["+ nsh must answer within 5 ms"];
    assert_eq!(of("nsh", |nsh| nsh.answers_within = Some(5)), says);
    assert_eq!(of("nsh", |nsh| nsh.id = 99), ["~ nsh is the service of number 99, was 10"]);
    let says = ["+ nsh must prove that"];
    assert_eq!(of("nsh", |nsh| nsh.must_prove.push("that".into())), says);
    let says = ["- nsh has the permission `view` by permit-nsh-view"];
    assert_eq!(of("nsh", |nsh| nsh.permissions.retain(|one| *one != "view")), says);
    let says = of("nsh", |nsh| nsh.program.sha256 = "0".into());
    assert!(says[0].starts_with("~ nsh is the program of sha256 0, was "), "{says:?}");
    let says = ["~ nsh is a program of bytes: 1, was 4104"];
    assert_eq!(of("nsh", |nsh| nsh.program.bytes = 1), says);
    let says = ["~ nsh maps bytes of its program, rw: 8193, was 8192"];
    assert_eq!(of("nsh", |nsh| nsh.program.segments[1].len += 1), says);
}

#[test]
fn says_what_became_of_what_services_share_and_keep() {
    let first = audit("test");
    let who = |has: fn(&AuditService) -> bool| {
        first.services.iter().find(|one| has(one)).expect("one that has it").name.clone()
    };
    let (rings, tree) = (who(|one| !one.rings.is_empty()), who(|one| one.tree.is_some()));
    let (opens, reaches) = (who(|one| !one.opens.is_empty()), who(|one| !one.reaches.is_empty()));
    let says = said(|audit| service(audit, &rings).rings[0].bytes = 1);
    assert!(says.len() == 1 && says[0].contains("shares bytes of memory with"), "{says:?}");
    let says = said(|audit| service(audit, &rings).rings.clear());
    assert!(says.iter().any(|line| line.starts_with(&format!("- {rings} shares memory with"))));
    let says = said(|audit| service(audit, &tree).tree.as_mut().expect("a tree").keys = 3);
    assert!(says.len() == 1 && says[0].contains(" keeps keys at most: 3, was "), "{says:?}");
    let says = said(|audit| service(audit, &tree).tree = None);
    assert_eq!(says.len(), 3, "{says:?}");
    let says = said(|audit| service(audit, &opens).opens[0].rights = 0);
    assert!(says.iter().all(|line| line.starts_with("- ") && line.contains(" of the state of ")));
    assert!(!says.is_empty());
    let says = said(|audit| service(audit, &reaches).sockets = None);
    assert_eq!(says.len(), 2, "{says:?}");
    let says = said(|audit| {
        let reach = &mut service(audit, &reaches).reaches[0];
        reach.ports.push(Ports { first: 7, last: 9 });
    });
    assert!(!says.is_empty() && says.iter().all(|line| line.contains(" 7-9, by ")), "{says:?}");
    // Two lines that let the same are both told, and neither in place of the other.
    let says = said(|audit| {
        let reaches = &mut service(audit, &reaches).reaches;
        let mut again = reaches[0].clone();
        again.rule = "another".into();
        reaches.push(again);
    });
    assert!(says.iter().any(|line| line.starts_with("~ ") && line.contains(", another, was ")));
    let says = said(|audit| {
        service(audit, "nsh").permits[0].reason = "for fun".into();
    });
    assert!(says[0].contains("is there because: for fun, was "), "{says:?}");
}

#[test]
fn says_what_became_of_devices() {
    let of = |change: fn(&mut AuditWindow)| said(move |audit| change(window(audit, "blk0")));
    let says = of(|blk0| blk0.registers = blk0.registers.map(|mask| mask | 1 << 7));
    assert_eq!(says, ["+ virtioblkd may write register 0x1c of blk0"]);
    let says = of(|blk0| blk0.registers = None);
    assert!(says.contains(&"+ virtioblkd may write every register of blk0".to_owned()), "{says:?}");
    let says = of(|blk0| blk0.rights |= Rights::GRANT.bits());
    assert_eq!(says, ["+ virtioblkd has the right `grant` to blk0"]);
    let says = said(|audit| window(audit, "uart0").irq = false);
    assert_eq!(says, ["- consoled receives the interrupts of uart0 at most every 50 us"]);
    let says = said(|audit| window(audit, "uart0").interval = 0);
    let often = "as often as it likes, was at most every 50 us";
    assert_eq!(says, [format!("~ consoled receives the interrupts of uart0 {often}")]);
    assert_eq!(of(|blk0| blk0.all_memory = true), ["+ virtioblkd reaches all memory by blk0"]);
    let says = of(|blk0| blk0.memory.as_mut().expect("a pool").reach += 1);
    assert!(says[0].starts_with("~ blk0 reaches bytes of memory by itself: "), "{says:?}");
    let says = of(|blk0| blk0.memory.as_mut().expect("a pool").queues[0].heads.clear());
    assert!(says[0].starts_with("~ blk0 has the queue 0 of "), "{says:?}");
    let says = said(|audit| audit.windows.retain(|one| one.device_name != "blk0"));
    assert!(says.iter().any(|line| line.starts_with("- virtioblkd holds blk0 by ")), "{says:?}");

    assert_eq!(said(|audit| audit.devices[0].irq = false), ["- uart0 has an interrupt line"]);
    assert_eq!(said(|audit| audit.devices[0].dma = true), ["+ uart0 can reach memory by itself"]);
    let says = said(|audit| audit.devices[0].base = None);
    assert_eq!(says, ["~ uart0 has its registers at where it is found, was 0x10000000"]);
    assert_eq!(said(|audit| audit.unlimited_restarts = false).len(), 1);
    let says = said(|audit| audit.network.as_mut().expect("a network").dns.push("1.2.3.4".into()));
    assert_eq!(says, ["+ the network resolves names by 1.2.3.4"]);
    assert!(!said(|audit| drop(audit.trusted.pop())).is_empty());
    let says = said(|audit| drop(audit.memory.pop()));
    assert!(says[0].contains(" is trusted with all memory "), "{says:?}");
}
