//! Interrupt lines and masks of registers: what is within the bounds is valid, and survives.

mod common;

use common::system;
use nexus_sysdesc::{Description, Problem, bounds, registers};

/// The small system, whose clock has a line, with these `rights` and `registers` asked and allowed.
fn with(rights: u16, registers: Option<u64>, interval: u32) -> Description {
    let mut system = system();
    system.devices[0].irq = true;
    let need = &mut system.services[2].needs[0];
    (need.rights, need.irq, need.registers) = (rights, true, registers);
    let rule = &mut system.rules[0];
    (rule.rights, rule.irq, rule.registers, rule.interval) = (rights, true, registers, interval);
    system
}

#[test]
fn a_mask_goes_with_write_when_it_names_a_register() {
    let good = [(0b011, None), (0b111, None), (0b011, Some(0)), (0b111, Some(1))];
    for (rights, mask) in good.into_iter().chain([(0b111, Some(1 << 63)), (0b111, Some(u64::MAX))])
    {
        let system = with(rights, mask, 0);
        let bytes = system.encode().expect("valid");
        assert_eq!(Description::decode(&bytes), Ok(system), "{rights:#b} {mask:x?}");
    }
    for (rights, mask) in [(0b111, Some(0)), (0b011, Some(1)), (0b011, Some(u64::MAX))] {
        let refused = with(rights, mask, 0).validate().expect_err("refused");
        assert_eq!(refused.problem, Problem::BadRegisters, "{rights:#b} {mask:x?}");
    }
}

#[test]
fn an_interval_is_a_second_at_most() {
    for interval in [0, 1, bounds::MAX_INTERVAL] {
        assert_eq!(with(0b111, None, interval).validate(), Ok(()), "{interval}");
    }
    for interval in [bounds::MAX_INTERVAL + 1, u32::MAX] {
        let refused = with(0b111, None, interval).validate().expect_err("refused");
        assert_eq!(refused.problem, Problem::BadInterval, "{interval}");
    }
}

#[test]
fn a_mask_names_the_registers_of_256_bytes() {
    for offset in 0..=u8::MAX {
        let bit = registers::bit(offset);
        assert_eq!(bit, (offset % 4 == 0).then(|| 1 << (offset / 4)), "{offset:#x}");
        if let Some(bit) = bit {
            assert!(registers::offsets(bit).eq([offset]), "{offset:#x}");
        }
    }
    assert_eq!(registers::offsets(0).count(), 0);
    assert!(registers::offsets(u64::MAX).eq((0..64).map(|number| number * 4)));
    assert_eq!(registers::bit(registers::LAST), Some(1 << 63));
}
