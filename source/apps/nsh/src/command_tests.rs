use super::*;
use crate::fixture::names;
use crate::specs::{SPECS, examples};
use nexus_sysdesc::NetProtocol;

fn command(line: &str) -> Result<Option<Command>, String> {
    parse(line, &names())
}

fn error(line: &str) -> String {
    command(line).unwrap_err()
}

#[test]
fn blank_lines_ask_for_nothing() {
    assert_eq!(command(""), Ok(None));
    assert_eq!(command("  \t "), Ok(None));
}

#[test]
fn every_command_can_be_typed() {
    for spec in SPECS {
        let args: Vec<&str> = spec
            .args
            .iter()
            .map(|arg| match arg {
                Arg::Service => "rngd",
                Arg::Device => "blk0",
                Arg::Ruled => "net",
                Arg::Protocol => "tcp",
                Arg::Port => "80",
                Arg::Address => "10.0.2.3",
                Arg::Command => "caps",
                Arg::HowMany | Arg::LogPart | Arg::Sector | Arg::Bytes => "5",
                Arg::Read => "read",
                Arg::State => "put",
                Arg::Key | Arg::Value => "a/b",
                Arg::LedgerPart => "--boots",
                Arg::Host => "192.0.2.7",
                Arg::HostName => "example.org",
                Arg::Url => "http://example.org/",
            })
            .collect();
        let line = format!("{} {}", spec.name, args.join(" "));
        assert!(matches!(command(&line), Ok(Some(_))), "{line}: {:?}", command(&line));
    }
}

#[test]
fn names_and_numbers_of_services_and_devices() {
    assert_eq!(command("why rngd blk0"), Ok(Some(Command::Why(7, 4))));
    assert_eq!(command(" try  nsh   rng0 "), Ok(Some(Command::Try(10, 3))));
    assert_eq!(command("why 42 99"), Ok(Some(Command::Why(42, 99))));
    assert_eq!(command("why nsh virtioblkd"), Ok(Some(Command::Ring(10, 8))));
    assert_eq!(command("why nsh view"), Ok(Some(Command::Permit(10, Permission::View))));
    let mut named = names();
    named.devices.push((6, "power".into()));
    assert_eq!(parse("why nsh power", &named), Ok(Some(Command::Why(10, 6))));
    assert_eq!(command("caps init"), Ok(Some(Command::Caps(1))));
}

#[test]
fn what_is_asked_about_the_network() {
    let asked = |protocol, port, peer: Option<&str>| {
        let peer = peer.map(|peer| peer.parse().expect("an address"));
        Ok(Some(Command::Reach(Asked { service: 10, protocol, port, peer })))
    };
    assert_eq!(command("why nsh net"), Ok(Some(Command::Permit(10, Permission::Net))));
    assert_eq!(command("why nsh net tcp 80"), asked(NetProtocol::Tcp, 80, None));
    assert_eq!(
        command("why 10 net udp 65535 10.0.2.3"),
        asked(NetProtocol::Udp, 65535, Some("10.0.2.3"))
    );
    assert_eq!(command("why nsh net echo"), asked(NetProtocol::Echo, 0, None));
    assert_eq!(command("why nsh net echo fec0::2"), asked(NetProtocol::Echo, 0, Some("fec0::2")));
    assert_eq!(error("why nsh net icmp"), "why: `icmp` is not tcp, udp or echo");
    assert_eq!(error("why nsh net tcp"), "why: which port? as `why nsh net tcp 80`");
    for word in ["0", "65536", "+1", "http", "80-90"] {
        let expected = format!("why: `{word}` is no port: 1 to 65535");
        assert_eq!(error(&format!("why nsh net udp {word}")), expected);
    }
    assert_eq!(error("why nsh net echo 80"), "why: `80` is no address: names decide nothing");
    assert_eq!(
        error("why nsh net tcp 80 example.org"),
        "why: `example.org` is no address: names decide nothing"
    );
    let usage = "why: too many words; usage: why SERVICE [WHAT]";
    for line in ["why nsh net echo ::1 7", "why nsh net tcp 80 ::1 7", "why nsh view 80"] {
        assert_eq!(error(line), usage, "{line}");
    }
}

#[test]
fn services_are_looked_at_and_ordered_about() {
    assert_eq!(command("services"), Ok(Some(Command::Services)));
    assert_eq!(command("why rngd"), Ok(Some(Command::Stands(7))));
    assert_eq!(command("restart rngd"), Ok(Some(Command::Order(Order::Restart, 7))));
    assert_eq!(command("stop 8"), Ok(Some(Command::Order(Order::Stop, 8))));
    assert_eq!(command("kill nsh"), Ok(Some(Command::Order(Order::Kill, 10))));
}

#[test]
fn how_many_records() {
    assert_eq!(command("ledger"), Ok(Some(Command::Ledger(SHOWN))));
    assert_eq!(command("ledger 3"), Ok(Some(Command::Ledger(3))));
    assert_eq!(command("ledger all"), Ok(Some(Command::Ledger(usize::MAX))));
    assert_eq!(error("ledger x"), "ledger: `x` is no number; usage: ledger [N|all] [OPTIONS]");
}

#[test]
fn sectors_of_the_disk() {
    assert_eq!(command("disk"), Ok(Some(Command::Disk)));
    assert_eq!(command("disk read 7"), Ok(Some(Command::DiskRead(7))));
    let last = u64::MAX / 512;
    assert_eq!(command(&format!("disk read {last}")), Ok(Some(Command::DiskRead(last))));
    let usage = "usage: disk [read SECTOR]";
    assert_eq!(error("disk read"), format!("disk: which sector? {usage}"));
    for word in ["x", "-1", "+1", &format!("{}", last + 1), "18446744073709551616"] {
        let expected = format!("disk: `{word}` is no number of a sector; {usage}");
        assert_eq!(error(&format!("disk read {word}")), expected);
    }
    assert_eq!(error("disk write 7"), format!("disk: `write` is not `read`; {usage}"));
}

#[test]
fn how_many_random_bytes() {
    assert_eq!(command("random"), Ok(Some(Command::Random(16))));
    assert_eq!(command("random 1"), Ok(Some(Command::Random(1))));
    assert_eq!(command("random 256"), Ok(Some(Command::Random(256))));
    for word in ["0", "257", "-1", "+1", "x", "all", "18446744073709551616"] {
        let expected = format!("random: `{word}` is not 1 to 256; usage: random [N]");
        assert_eq!(error(&format!("random {word}")), expected);
    }
}

#[test]
fn hosts_outside() {
    assert_eq!(command("ip"), Ok(Some(Command::Ip)));
    assert_eq!(command("sockets"), Ok(Some(Command::Sockets)));
    let address = Host::Address("192.0.2.7".parse().unwrap());
    assert_eq!(command("ping 192.0.2.7"), Ok(Some(Command::Ping(address))));
    let name = Host::Name("example.org".into());
    assert_eq!(command("resolve Example.org"), Ok(Some(Command::Resolve(name))));
    let url = Url::parse("http://example.org/a").unwrap();
    assert_eq!(command("fetch example.org/a"), Ok(Some(Command::Fetch(url))));
    assert_eq!(error("ping"), "ping: which host? usage: ping HOST");
    assert_eq!(error("resolve"), "resolve: which name? usage: resolve NAME");
    assert_eq!(error("fetch"), "fetch: which page? usage: fetch URL");
    assert_eq!(
        error("fetch https://example.org"),
        "fetch: it speaks http alone, and not https: nothing here encrypts"
    );
    assert_eq!(error("ping a b"), "ping: too many words; usage: ping HOST");
    assert_eq!(error("ifconfig"), "no command `ifconfig`; did you mean `ip`?");
    assert_eq!(error("curl"), "no command `curl`; did you mean `fetch`?");
}

#[test]
fn parts_of_the_log_in_any_order() {
    let part = |follow, service, count| Ok(Some(Command::Log(LogPart { follow, service, count })));
    assert_eq!(command("log"), part(false, None, SHOWN));
    assert_eq!(command("log -f"), part(true, None, SHOWN));
    assert_eq!(command("log rngd -f"), part(true, Some(7), SHOWN));
    assert_eq!(command("log -f rngd"), part(true, Some(7), SHOWN));
    assert_eq!(command("log 5"), part(false, None, 5));
    assert_eq!(command("log rngd all"), part(false, Some(7), usize::MAX));
    assert_eq!(error("log rgnd"), "no service `rgnd`; did you mean `rngd`?");
}

#[test]
fn errors_say_what_to_type_instead() {
    assert_eq!(error("ledgr"), "no command `ledgr`; did you mean `ledger`?");
    assert_eq!(error("exit"), "no command `exit`; did you mean `poweroff`?");
    assert_eq!(error("frobnicate"), "no command `frobnicate`; `help` lists them");
    assert_eq!(error("why rgnd blk0"), "no service `rgnd`; did you mean `rngd`?");
    assert_eq!(
        error("why rngd blk"),
        "no device, permission or service `blk`; did you mean `blk0`?"
    );
    assert_eq!(
        error("why rngd gpu"),
        "no device, permission or service `gpu`; there are: uart0 rtc0 power0 rng0 blk0 net0 distribute record \
         view log ask report clock power disk net supervise archive refuse resolve init policyd logd consoled rtcd powerd rngd virtioblkd virtionetd nsh"
    );
    assert_eq!(
        error("try rngd gpu"),
        "no device `gpu`; there are: uart0 rtc0 power0 rng0 blk0 net0"
    );
    assert_eq!(error("ps all"), "ps: too many words; usage: ps");
    assert_eq!(error("help me"), "no command `me`; did you mean `mem`?");
    assert_eq!(
        error("why"),
        "why: which service? init policyd logd consoled rtcd powerd rngd virtioblkd virtionetd nsh\n\
         usage: why SERVICE [WHAT]"
    );
    assert_eq!(error("start rngd"), "no command `start`; did you mean `restart`?");
    assert_eq!(error("systemctl"), "no command `systemctl`; did you mean `services`?");
    assert_eq!(error("kill rgnd"), "no service `rgnd`; did you mean `rngd`?");
    assert_eq!(error("stop rngd now"), "stop: too many words; usage: stop SERVICE");
    assert!(error("restart").starts_with("restart: which service? init policyd"));
}

#[test]
fn without_names_errors_still_make_sense() {
    let error = parse("caps rngd", &Names::default()).unwrap_err();
    assert_eq!(error, "no service `rngd`; there are: (none known: init does not answer)");
}

#[test]
fn names_for_what_has_none() {
    let names = names();
    assert_eq!((names.service(7), names.service(0)), ("rngd".into(), "-".into()));
    assert_eq!(names.service(77), "service 77");
    assert_eq!((names.device(0), names.device(u16::MAX)), ("uart0".into(), "-".into()));
    assert_eq!(names.device(77), "device 77");
}

#[test]
fn a_number_of_lines_is_from_one_to_all_there_are() {
    for command in ["log", "ledger"] {
        let why = parse(&format!("{command} 0"), &names()).unwrap_err();
        assert!(why.starts_with(&format!("{command}: 0 shows nothing")), "{why}");
        let all = parse(&format!("{command} all"), &names()).unwrap();
        assert_eq!(parse(&format!("{command} 99999999999999999999"), &names()).unwrap(), all);
        assert!(parse(&format!("{command} 1"), &names()).is_ok());
    }
    assert!(parse("ledger -1", &names()).unwrap_err().contains("is no number"));
}

#[test]
fn what_help_shows_may_be_typed() {
    for line in SPECS.iter().flat_map(|spec| examples(spec.name)) {
        assert!(matches!(command(line), Ok(Some(_))), "{line}: {:?}", command(line));
    }
}
