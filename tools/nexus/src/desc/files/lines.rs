//! Interrupt lines, and the registers that can be written.

use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::source::{At, Span};
use crate::desc::table::{Key, Table, key};
use nexus_sysdesc::{bounds, registers};

const IRQ: Key = key("irq", "true");
const POLLS: Key = key("polls", "true");
const REGISTERS: Key = key("registers", "[0x10]");
const INTERVAL: Key = key("interval", "\"50us\"");

/// Where the key `irq` says true.
pub(super) fn read_irq(table: &mut Table<'_>) -> Option<Span> {
    is_true(table, IRQ)
}

/// Where the key `polls` says true.
pub(super) fn read_polls(table: &mut Table<'_>) -> Option<Span> {
    is_true(table, POLLS)
}

fn is_true(table: &mut Table<'_>, key: Key) -> Option<Span> {
    table.boolean(key).filter(|said| said.value).map(|said| said.span)
}

/// The mask that the key `registers` lists, if there is one: offsets in bytes.
pub(super) fn read_registers(table: &mut Table<'_>) -> Option<At<u64>> {
    let (span, offsets) = table.numbers(REGISTERS, 0..=registers::LAST)?;
    let mut mask = 0;
    for (index, offset) in offsets.iter().enumerate() {
        let Some(bit) = registers::bit(offset.value) else {
            let message =
                format!("{:#04x} is not a multiple of {}", offset.value, registers::BYTES);
            let fix = "write where a register begins: each has 32 bits";
            table.refuse(Kind::OutOfRange, &offset.span, message, fix);
            continue;
        };
        let before = offsets.iter().take(index);
        if let Some(first) = before.rev().find(|other| other.value == offset.value) {
            let message = format!("{:#04x} stands twice in `registers`", offset.value);
            table.reporter.add(
                Diagnostic::at(Kind::DuplicateEntry, &offset.span, message, "remove one of them")
                    .see(&first.span, "the first time"),
            );
        }
        mask |= bit;
    }
    Some(At { value: mask, span })
}

/// The microseconds that the key `interval` says, if there is one.
pub(super) fn read_interval(table: &mut Table<'_>) -> Option<At<u32>> {
    let text = table.string(INTERVAL)?;
    if let Some(value) = microseconds(&text).filter(|us| (1..=bounds::MAX_INTERVAL).contains(us)) {
        return Some(At { value, span: text.span });
    }
    let message = format!("`{}` is not a time between two interrupts", text.value.escape_default());
    let fix = "write 1us to 1000000us, or 1ms to 1000ms; without `interval` there is none";
    table.refuse(Kind::OutOfRange, &text.span, message, fix);
    None
}

/// `50us`, `2ms`.
fn microseconds(text: &str) -> Option<u32> {
    let (digits, unit) = match text.strip_suffix("us") {
        Some(digits) => (digits, 1),
        None => (text.strip_suffix("ms")?, 1000),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse::<u32>().ok()?.checked_mul(unit)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_times_have_a_unit() {
        for (text, us) in [("1us", 1), ("050us", 50), ("2ms", 2000), ("4294967295us", u32::MAX)] {
            assert_eq!(microseconds(text), Some(us), "{text}");
        }
        for text in
            ["", "us", "ms", "50", "+5us", "-5us", "5 us", "5s", "4294967296us", "4294968ms"]
        {
            assert_eq!(microseconds(text), None, "{text}");
        }
    }
}
