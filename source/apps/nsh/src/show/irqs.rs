//! `irqs`: the interrupt lines that are given, and what they delivered.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_abi::LineState;
use nexus_proto::init::IrqEntry;
use nexus_rt::ns_of_ticks;

use crate::names::Names;
use crate::table::{Table, left, right};
use crate::units::seconds;

/// The lines, their owners, and their counts since the machine started; below them, how many interrupts
/// came to nobody, if any did.
#[must_use]
pub fn irqs(list: &[IrqEntry], names: &Names) -> String {
    if list.is_empty() {
        return "no interrupt line is given\n".to_string();
    }
    let mut table = Table::new(&[
        left("DEVICE"),
        right("LINE"),
        left("OWNER"),
        left("STATE"),
        right("DELIVERED"),
        right("HELD BACK"),
        right("LAST"),
    ]);
    for irq in list {
        table.row([
            names.device(irq.device),
            irq.line.to_string(),
            names.service(irq.owner.id),
            state(irq.state).to_string(),
            irq.delivered.to_string(),
            irq.held_back.to_string(),
            if irq.delivered > 0 { seconds(ns_of_ticks(irq.last)) } else { "-".to_string() },
        ]);
    }
    // Each line was asked for in its turn; the last knows most.
    let strays = list.last().map_or(0, |irq| irq.strays);
    let text = table.render();
    if strays == 0 { text } else { text + &format!("\nto nobody: {strays}\n") }
}

/// Where a line is, in words.
fn state(code: u8) -> &'static str {
    match LineState::from_code(code.into()) {
        Some(LineState::Free) => "not bound",
        Some(LineState::Armed) => "armed",
        Some(LineState::Delivered) => "delivered",
        Some(LineState::Held) => "held back",
        None => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::names;
    use crate::table::{columns, width};
    use nexus_proto::{Subject, Zero};

    fn irq(device: u16, line: u16, owner: u32, delivered: u64) -> IrqEntry {
        IrqEntry {
            next: 0,
            device,
            line,
            owner: Subject { id: owner, incarnation: 1 },
            delivered,
            held_back: delivered / 10,
            last: 2_145_000,
            interval: 0,
            strays: 0,
            state: 2,
            zero: Zero::ZERO,
        }
    }

    #[test]
    fn who_has_which_line() {
        let list = [irq(0, 10, 4, 31), IrqEntry { state: 1, ..irq(3, 3, 7, 0) }];
        assert_eq!(
            irqs(&list, &names()),
            "\
DEVICE  LINE  OWNER     STATE      DELIVERED  HELD BACK   LAST
uart0     10  consoled  armed             31          3  0.214
rng0       3  rngd      not bound          0          0      -
"
        );
        let strays = list.map(|one| IrqEntry { strays: 2, ..one });
        assert_eq!(irqs(&strays, &names()), irqs(&list, &names()) + "\nto nobody: 2\n");
        assert_eq!(irqs(&[], &names()), "no interrupt line is given\n");
    }

    #[test]
    fn the_largest_numbers_fit_the_terminal() {
        let most = IrqEntry { held_back: u64::MAX, last: u64::MAX, ..irq(3, 1023, 8, u64::MAX) };
        let text = irqs(&[most], &names());
        assert!(text.lines().all(|line| width(line) <= columns()), "{text}");
    }

    #[test]
    fn every_state_has_words() {
        let words: Vec<_> = (1..=4).map(state).collect();
        assert!(words.iter().all(|word| *word != "?") && [state(0), state(5)] == ["?", "?"]);
    }
}
