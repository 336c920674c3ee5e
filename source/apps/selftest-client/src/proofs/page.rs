//! The page about the proofs, made from their table (docs/testing/proofs.md).

use alloc::format;
use alloc::string::String;

use ::hostile::Attack;

use super::{ALIVE, FIRST, LAST, Proof, hostile};

const HEAD: &str = "\
# Proofs in QEMU

Made from the tables of `source/apps/selftest-client` and `source/apps/hostile`: after a change,
`NEXUS_UPDATE=1 cargo test -p selftest-client` writes it anew.

`selftest-client` is an ordinary service of the tests that are laid over a system
([docs/system.md](../system.md#tests)). It owns the window of an empty virtio slot, of which it may write
two registers, and the slot's interrupt line, and tries everything through the real system calls and the
real services. Each proof establishes its fact, or fails and says what was seen instead; the markers on the console follow
its name (`mmio-map`: `SELFTEST: mmio map ok`). `random-differ` is proved where there is an `rngd`,
`net-of-the-stack`, `net-address` and `net-listens` where there is a `netstackd`, the other `net-...` where there is a
`virtionetd` without one.

The hostile processes are services of the tests, too, one for each attack. Each does its worst when
its turn comes; `selftest-client` sees by the kernel's report to init that it ended by exactly the
fault, at exactly the address and instruction, that its row says, and that the call to it failed with
`PeerGone`. Those with a window of their own are in `tests/systems/windows`, because the tests take
one slot of a board and no more.

A system with `statefsd` is booted twice, on one disk and with one number: the first boot puts values into the store,
and ends without a verdict; the second finds them, proves all the rest, and gives it.
";

fn page() -> String {
    let mut page = String::from(HEAD);
    let mut section = |title: &str, rows: &mut dyn Iterator<Item = (String, String)>| {
        page.push_str(&format!("\n## {title}\n\n| proof | fact |\n|---|---|\n"));
        for (id, fact) in rows {
            page.push_str(&format!("| `{id}` | {fact} |\n"));
        }
    };
    let row = |proof: &Proof| (String::from(proof.id), String::from(proof.fact));
    section("In the first of two boots", &mut core::iter::once(&FIRST).map(row));
    section("With everybody alive", &mut ALIVE.iter().map(row));
    let attack = |(_, attack)| (hostile::name(attack), hostile::fact(attack));
    let with_window = |(_, attack): &(u32, &Attack)| attack.has_window();
    section(
        "Hostile processes with a window",
        &mut hostile::proved().filter(with_window).map(attack),
    );
    let others = |one: &(u32, &Attack)| !with_window(one);
    section("Other hostile processes", &mut hostile::proved().filter(others).map(attack));
    section("After all that", &mut LAST.iter().map(row));
    page
}

#[test]
fn the_page_says_what_the_tables_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/testing/proofs.md");
    if std::env::var_os("NEXUS_UPDATE").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, page(), "run the tests with NEXUS_UPDATE=1");
}
