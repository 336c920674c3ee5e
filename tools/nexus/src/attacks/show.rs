//! The catalogue on a terminal.

use super::catalogue::Catalogue;
use super::scan::Entry;

/// Prints the attacks with these numbers (all when there are none): where each is tested, how to
/// run that, and which defences to leave out to see it fail.
pub(super) fn attacks(catalogue: &Catalogue, entries: &[Entry], numbers: &[u32]) {
    let asked = |number: u32| numbers.is_empty() || numbers.contains(&number);
    for attack in catalogue.attacks.iter().filter(|attack| asked(attack.number)) {
        println!("{} {}", attack.number, attack.title);
        if let Some(later) = &attack.later {
            println!("    later: {later}");
        }
        for entry in entries.iter().filter(|entry| entry.claim.number == attack.number) {
            let claim = &entry.claim;
            println!("  {} {}; {}", claim.how, claim.tried, claim.expected);
            println!("    {}:{}", entry.file, entry.line);
            println!("    {}", entry.test.command());
            if !claim.broken.is_empty() {
                println!("    cargo nexus test-broken {}", claim.broken.join(" "));
            }
        }
    }
}
