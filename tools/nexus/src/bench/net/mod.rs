//! `cargo nexus bench --net`: the network, beside a Linux guest that does the same.
//!
//! Both are on QEMU's user network, whose forwards on 127.0.0.1 lead to them: a client here asks for each load by one
//! connection (source/apps/net-load, tests/peers/network/net-load.c), and gets a page of 1,024 bytes.

mod counts;
mod figures;
mod linux;
mod loads;
mod page;
mod peer;

use super::disk::{log, switches};
use super::store::counts::SERIAL;
use super::{BenchArgs, Ended, Until, boot_as, code, load_of_host};
use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use anyhow::{Context, Result, bail, ensure};
use figures::{Figure, Gate, figures};
use loads::Sample;
use peer::Ports;
use std::ffi::OsStr;
use std::fs;
use std::panic;
use std::thread;

/// Pairs of runs.
const PAIRS: usize = 3;
/// Rounds of all loads in one boot.
const ROUNDS: usize = 5;
/// What the network of the board begins with in QEMU's arguments.
const LINK: &str = "user,id=net0-link";

/// Measures and prints.
///
/// # Errors
/// When the system cannot be built, or a guest does not end as it must.
pub(super) fn run(args: &BenchArgs) -> Result<Exit> {
    let system = paths::root()?.join("tests/systems/bench-net");
    let built = build::system(&SystemArgs { system: Some(system), profile: "test".to_owned() })?;
    if args.quick {
        let counts = count(&built, args)?;
        print!("{}", counts::text(&counts));
        return Ok(verdict(args, &counts::over(&counts)));
    }
    println!("load of the host: {}", load_of_host());
    let all = measure(&built, args)?;
    println!("load of the host: {}", load_of_host());
    let figures = all.figures();
    if args.json {
        figures.iter().for_each(|figure| println_raw!("{}", figures::json(figure)));
    } else {
        print!("{}", figures::text(&figures));
    }
    Ok(verdict(args, &figures::missed(&figures)))
}

fn verdict(args: &BenchArgs, missed: &[String]) -> Exit {
    if !args.check || missed.is_empty() {
        return Exit::Pass;
    }
    eprintln!("bench: {}", missed.join("; "));
    Exit::Failed
}

/// All rounds of all boots.
#[derive(Debug, Default)]
struct All {
    ours: Vec<Sample>,
    page: Vec<Sample>,
    linux: Vec<Sample>,
    busybox: Vec<Sample>,
    nginx: Vec<Sample>,
}

impl All {
    fn figures(&self) -> Vec<Figure> {
        [
            figures(&self.ours, &self.linux, "Linux", None),
            figures(&self.page, &self.busybox, "busybox", Some(Gate::Least(10.0))),
            figures(&self.page, &self.nginx, "nginx", Some(Gate::Least(2.0))),
        ]
        .concat()
    }
}

/// By turns, in the same hour.
fn measure(built: &Built, args: &BenchArgs) -> Result<All> {
    let mut all = All::default();
    for _ in 0..PAIRS {
        if let Some(directory) = &args.beside {
            let ports = Ports::free()?;
            let guest = linux::Guest::start(args, directory, ports)?;
            let at = [ports.page, ports.other_page];
            let (samples, pages) = loads::boot(ports, &at, ROUNDS)?;
            guest.wait()?;
            all.linux.extend(samples);
            let mut pages = pages.into_iter();
            all.busybox.extend(pages.next().unwrap_or_default());
            all.nginx.extend(pages.next().unwrap_or_default());
        }
        let host = |ports: Ports| loads::boot(ports, &[ports.page], ROUNDS);
        let (samples, pages) = boot(built, args, &[""; 0], host)?;
        all.ours.extend(samples);
        all.page.extend(pages.concat());
    }
    Ok(all)
}

/// What is counted, in two boots.
fn count(built: &Built, args: &BenchArgs) -> Result<Vec<counts::Count>> {
    let icount = ["-icount", "shift=0"];
    let counted = boot(built, args, &icount, |ports| counts::loads(ports, true))?;
    let sites = switches::sites(&fs::read(&built.kernel)?)?;
    ensure!(!sites.is_empty(), "the kernel never writes satp");
    let ranges: Vec<String> = sites.iter().map(|site| format!("{site:#x}+0x1")).collect();
    let ranges = ranges.join(",");
    let file = built.directory.join("switches.log");
    let mut extra: Vec<&OsStr> = ["-d", "exec,cpu", "-dfilter", &ranges].map(OsStr::new).into();
    for event in [SERIAL, log::NOTIFY] {
        extra.extend(["-trace", event].map(OsStr::new));
    }
    extra.extend([OsStr::new("-D"), file.as_os_str()]);
    let told = boot(built, args, &extra, |ports| counts::loads(ports, false))?;
    let text = fs::read_to_string(&file).context("reading what QEMU logged")?;
    fs::remove_file(&file).context("removing what QEMU logged")?;
    counts::counts(&counted, &told, &counts::logged(text.lines()))
}

/// Boots the system, with the host's end of it beside.
fn boot<T: Send>(
    built: &Built,
    args: &BenchArgs,
    extra: &[impl AsRef<OsStr>],
    host: impl FnOnce(Ports) -> Result<T> + Send,
) -> Result<T> {
    let ports = Ports::free()?;
    let board = forwarded(built.checked.qemu_args(), &ports.forwards(), !args.quick)?;
    thread::scope(|scope| {
        let host = scope.spawn(move || host(ports));
        let run = boot_as(built, args, &board, extra, Until::Verdict)?;
        let told = host.join().unwrap_or_else(|why| panic::resume_unwind(why));
        match run.ended {
            Ended::Guest(Some(code::PASSED)) if run.transcript.wrong.is_empty() => told,
            ended => {
                run.transcript.last_lines.iter().for_each(|line| eprintln!("    {line}"));
                told?;
                bail!("the load ended with {ended:?}; {:?}", run.transcript.wrong)
            }
        }
    })
}

/// The board with these forwards. QEMU lets no datagram out, not even one that answers, while the guest is restricted:
/// where they are measured it is not, as the Linux guest beside it.
fn forwarded(board: Vec<String>, forwards: &str, open: bool) -> Result<Vec<String>> {
    ensure!(board.iter().any(|word| word.starts_with(LINK)), "the board has no user network");
    let with = |word: String| match word.starts_with(LINK) {
        true if open => word.replace("restrict=on", "restrict=off") + forwards,
        true => word + forwards,
        false => word,
    };
    Ok(board.into_iter().map(with).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_the_network_of_the_board_is_forwarded() {
        let board = ["-netdev", "user,id=net0-link,restrict=on"].map(str::to_owned).to_vec();
        let with = |open| forwarded(board.clone(), ",hostfwd=tcp:127.0.0.1:1-:80", open).unwrap();
        let opened = ["-netdev", "user,id=net0-link,restrict=off,hostfwd=tcp:127.0.0.1:1-:80"];
        assert_eq!(with(true), opened);
        let with = with(false);
        assert_eq!(with, ["-netdev", "user,id=net0-link,restrict=on,hostfwd=tcp:127.0.0.1:1-:80"]);
        assert!(forwarded(vec!["-netdev".into()], "", false).is_err());
    }
}
