//! What the text says of systems that are not the small one.

use crate::common::image;
use nexus::audit::{Audit, AuditRefusal, of_image};
use nexus_abi::Rights;

/// The rows of a table of the text, as cells.
fn rows(audit: &Audit, title: &str) -> Vec<Vec<String>> {
    let text = audit.to_text(200);
    let table = text.lines().skip_while(|line| *line != title).skip(2);
    let cells = |line: &str| {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect()
    };
    table.take_while(|line| !line.is_empty()).map(cells).collect()
}

#[test]
fn says_what_is_worse_than_in_the_small_system() {
    let mut audit = of_image(&image("test")).expect("a good image");
    audit.windows.retain(|window| window.device_name != "net0");
    for window in &mut audit.windows {
        match window.device_name.as_str() {
            "uart0" => window.interval = 0,
            "blk0" => window.all_memory = true,
            _ => window.rights = (Rights::MAP | Rights::READ).bits(),
        }
    }
    audit.devices[0].chosen_by = Some("serial a".to_owned());
    audit.devices[2].chosen_by = Some("serial b".to_owned());
    let (service, device) = ("nsh".to_owned(), "blk0".to_owned());
    audit.refused.push(AuditRefusal { service, device, why: "no rule" });

    let columns = |title: &str, columns: &[usize]| -> Vec<String> {
        let rows = rows(&audit, title);
        let cells = |row: &[String]| columns.iter().map(|at| row[*at].clone()).collect::<Vec<_>>();
        rows.iter().map(|row| cells(row).join(", ")).collect()
    };
    assert_eq!(
        columns("Who holds which device", &[0, 4, 6]),
        [
            "uart0, 0x10000000, serial a, none",
            "net0, found, in reset",
            "blk0, serial b, all memory",
            "flash0, 0x20000000, none",
            "spare0, found, none"
        ]
    );
    let title = "Who receives interrupts of which device, and what can be written to it";
    assert_eq!(columns(title, &[0, 3])[0], "uart0, -", "as often as it likes");
    assert_eq!(columns(title, &[0, 4])[3], "flash0, nothing");
    let title = "What devices reach in memory by themselves, in bytes";
    assert_eq!(columns(title, &[0, 1, 8])[0], "net0, 0, in reset");
    assert_eq!(columns("Asked for, and will be denied", &[0, 1, 2]), ["nsh, blk0, no rule"]);
}

#[test]
fn leaves_out_a_table_with_nothing_in_it() {
    let titles = [
        "What devices reach in memory by themselves, in bytes",
        "Why that is allowed, in the words of the policy",
        "Why they may ask for it, in the words of the policy",
        "Who shares memory with whom, to ask by, in bytes",
    ];
    let mut audit = of_image(&image("test")).expect("a good image");
    let has = |audit: &Audit, title| audit.to_text(200).lines().any(|line| line == title);
    assert!(titles.into_iter().all(|title| has(&audit, title)));
    assert!(!has(&audit, "Asked for, and will be denied"));
    audit.devices.iter_mut().for_each(|device| device.dma = false);
    audit.windows.clear();
    audit.services.iter_mut().for_each(|service| {
        service.permits.clear();
        service.rings.clear();
    });
    assert!(!titles.into_iter().any(|title| has(&audit, title)), "{}", audit.to_text(200));
}
