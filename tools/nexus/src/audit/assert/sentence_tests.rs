//! Every form is read, and whatever is none is refused in words.

use super::sentence::*;
use crate::desc::files::parse_network;
use nexus_sysdesc::{Danger, NetDirection, NetProtocol, Permission};

#[test]
fn the_grammar_in_the_documentation_is_this_one() {
    let lines = include_str!("sentence.rs").lines().skip_while(|line| !line.contains("```text"));
    let grammar = lines.skip(1).map_while(|line| line.strip_prefix("//! "));
    let grammar: Vec<&str> = grammar.take_while(|line| *line != "```").collect();
    assert!(grammar.len() > 10);
    let page = include_str!("../../../../../docs/system.md");
    assert!(page.contains(&grammar.join("\n")), "docs/system.md has another grammar");
}

fn named(name: &str) -> Devices {
    Devices::Named(name.to_owned())
}

fn wire(direction: NetDirection, by: Option<NetProtocol>, beyond: &[&str]) -> Act {
    let beyond = beyond.iter().map(|text| parse_network(text).expect("a network")).collect();
    Act::Wire(direction, Way { by, beyond })
}

#[test]
fn reads_every_form() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let blk0 = || Act::Own(named("blk0"));
    let forms = [
        ("each device has exactly one owner", Sentence::EachDeviceOwned),
        ("each request is allowed.", Sentence::EachRequestAllowed),
        ("device net0 has exactly one owner", Sentence::Owned("net0".into())),
        ("device net0 has no owner", Sentence::Unowned("net0".into())),
        ("there is no service nsh", Sentence::Absent("nsh".into())),
        ("only a own blk0", Sentence::Only(names(&["a"]), blk0())),
        ("only a, b and c own blk0", Sentence::Only(names(&["a", "b", "c"]), blk0())),
        ("no service owns blk0", Sentence::Nobody(blk0())),
        (
            "no service that reaches net0 owns blk0",
            Sentence::NobodyThat(Act::Reach(named("net0")), blk0()),
        ),
        ("nsh does not own blk0", Sentence::DoesNot("nsh".into(), blk0())),
        ("nsh does not call init", Sentence::DoesNot("nsh".into(), Act::Call("init".into()))),
        ("no service owns more than 1 devices", Sentence::Nobody(Act::OwnMoreThan(1))),
        ("no service has more than 1_024 frames", Sentence::Nobody(Act::HaveFramesOver(1024))),
        (
            "only a receives interrupts of uart0",
            Sentence::Only(names(&["a"]), Act::Receive(named("uart0"))),
        ),
        (
            "no service receives interrupts of a device",
            Sentence::Nobody(Act::Receive(Devices::Any)),
        ),
        (
            "only a shares memory with blkd",
            Sentence::Only(names(&["a"]), Act::Share(Services::Named("blkd".into()))),
        ),
        (
            "nsh does not share memory with a service",
            Sentence::DoesNot("nsh".into(), Act::Share(Services::Any)),
        ),
        ("device blk0 holds the store", Sentence::HoldsStore("blk0".into())),
        ("only a and b keep state", Sentence::Only(names(&["a", "b"]), Act::Keep)),
        ("no service opens state of a", {
            Sentence::Nobody(Act::Open(Services::Named("a".into())))
        }),
        ("nsh does not open state of a service", {
            Sentence::DoesNot("nsh".into(), Act::Open(Services::Any))
        }),
        ("only a changes state of b", {
            Sentence::Only(names(&["a"]), Act::Change(Services::Named("b".into())))
        }),
        ("nsh does not receive interrupts of uart0", {
            Sentence::DoesNot("nsh".into(), Act::Receive(named("uart0")))
        }),
        ("only a reaches the network by tcp", {
            Sentence::Only(names(&["a"]), wire(NetDirection::Out, Some(NetProtocol::Tcp), &[]))
        }),
        ("no service reaches the network", Sentence::Nobody(wire(NetDirection::Out, None, &[]))),
        ("only a is reached from the network.", {
            Sentence::Only(names(&["a"]), wire(NetDirection::In, None, &[]))
        }),
        ("nsh does not reach the network by udp beyond 10.0.2.0/24, fec0::/10 and ::1/128.", {
            let beyond = ["10.0.2.0/24", "fec0::/10", "::1/128"];
            let act = wire(NetDirection::Out, Some(NetProtocol::Udp), &beyond);
            Sentence::DoesNot("nsh".into(), act)
        }),
        ("no service is reached from the network beyond 10.0.0.0/8", {
            Sentence::Nobody(wire(NetDirection::In, None, &["10.0.0.0/8"]))
        }),
        ("only a may resolve", Sentence::Only(names(&["a"]), Act::May(Permission::Resolve))),
        ("only a may power", Sentence::Only(names(&["a"]), Act::May(Permission::Power))),
        ("only a is trusted with all memory", Sentence::Only(names(&["a"]), Act::ReachAllMemory)),
        ("no service is trusted with all memory", Sentence::Nobody(Act::ReachAllMemory)),
        ("no service owns a dma device", Sentence::Nobody(Act::Own(Devices::Dma))),
        ("no device reaches more than its pool", Sentence::WithinPools),
        ("no device reaches more than 4_096 bytes.", Sentence::ReachAtMost(4096)),
        ("no service owns a device", Sentence::Nobody(Act::Own(Devices::Any))),
        (
            "no service reaches a high device",
            Sentence::Nobody(Act::Reach(Devices::Danger(Danger::High))),
        ),
    ];
    for (text, sentence) in forms {
        assert_eq!(parse(text), Ok(sentence), "{text}");
    }
}

#[test]
fn says_what_is_wrong() {
    let messages = [
        ("", "no assertion begins with ``"),
        ("every device has an owner", "no assertion begins with `every device has an owner`"),
        ("device net0 has two owners", "`has exactly one owner` should follow `net0`"),
        ("only a, own blk0", "`blk0` is nothing that a service does"),
        ("only", "the name of a service should follow `only`"),
        ("no service", "the sentence ends after `service`"),
        ("no service likes blk0", "`likes` is nothing that a service does"),
        ("no service owns", "a device should follow `owns`"),
        ("nsh does not have blk0", "`has` can only be followed by `more than N frames`"),
        ("no service owns a big device", "there is no `a big` device"),
        ("no service owns a dma thing", "`device` should follow `dma`"),
        ("no service owns more than one devices", "`one` is not a number"),
        ("nsh does not may fly", "`fly` is not a permission"),
        ("no service receives uart0", "`interrupts of` should follow `receives`"),
        ("no service receives interrupts of", "a device should follow `of`"),
        ("no service shares blkd", "`memory with` should follow `shares`"),
        ("no service shares memory with", "the name of a service should follow `with`"),
        ("no service keeps blk0", "`state` should follow `keeps`"),
        ("no service opens blk0", "`state of` should follow `opens`"),
        ("no service changes state of", "the name of a service should follow `of`"),
        ("device blk0 holds a store", "`has exactly one owner` should follow `blk0`"),
        ("no device reaches more than its memory", "`its` is not a number"),
        ("no device reaches more than 9 pages", "`bytes` should follow `9`"),
        ("no service reaches the network by icmp", "`icmp` is no protocol"),
        ("no service reaches the network by", "a protocol should follow `by`"),
        ("no service reaches the network beyond home", "`home` is no network"),
        ("no service reaches the network beyond 10.0.0.1/8", "`10.0.0.1/8` is no network"),
        ("no service reaches the network beyond ::/0 and", "a network should follow `and`"),
        ("nsh is not reached", "no assertion begins with `nsh is not reached`"),
        ("no service is reached by tcp", "`trusted with all memory` should follow `is`"),
        ("no service owns blk0 today", "`today` follows a whole sentence"),
    ];
    for (text, message) in messages {
        assert_eq!(parse(text).expect_err(text).message, message, "{text}");
    }
}
