//! `irqs`: the interrupt lines that are given, and what they delivered.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::init::IrqEntry;
use nexus_words::amount::{of_ticks, seconds};
use nexus_words::standing;

use crate::names::Names;
use crate::table::{Table, left, right};

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
            standing::line(irq.state).to_string(),
            irq.delivered.to_string(),
            irq.held_back.to_string(),
            if irq.delivered > 0 { seconds(of_ticks(irq.last)) } else { "-".to_string() },
        ]);
    }
    // Each line was asked for in its turn; the last knows most.
    let strays = list.last().map_or(0, |irq| irq.strays);
    let text = table.render();
    if strays == 0 { text } else { text + &format!("\nto nobody: {strays}\n") }
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
}
