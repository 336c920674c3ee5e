//! RAM in banks that are a terabyte apart.

use crate::common::*;
use neuron_core::sim::{FAR_BASE, RAM_BASE};
use neuron_core::store::addr::Frame;
use neuron_core::store::banks::{Banks, MAX_BANKS};

fn frame(address: u64) -> Frame {
    Frame::at(address).unwrap()
}

#[test]
fn a_table_has_the_frames_of_its_banks_and_no_others() {
    let (mut low, mut high) = ([1, 2], [3, 4, 5]);
    let mut banks = Banks::default();
    assert_eq!(banks.get(frame(0)), None);
    banks.add(frame(RAM_BASE), &mut low).unwrap();
    banks.add(frame(FAR_BASE), &mut high).unwrap();
    for (base, values) in [(RAM_BASE, &[1, 2][..]), (FAR_BASE, &[3, 4, 5])] {
        for (step, value) in (0..).zip(values) {
            assert_eq!(banks.get(frame(base + step * PAGE)), Some(value));
            *banks.get_mut(frame(base + step * PAGE)).unwrap() += 10;
        }
        let past = base + values.len() as u64 * PAGE;
        for beside in [base - PAGE, past, past + (1 << 39), 0, (1 << 56) - PAGE] {
            assert_eq!(banks.get(frame(beside)), None, "{beside:#x}");
            assert_eq!(banks.get_mut(frame(beside)), None, "{beside:#x}");
        }
    }
    assert_eq!((low, high), ([11, 12], [13, 14, 15]));
}

#[test]
fn banks_are_few_and_their_frames_have_32_bits() {
    let mut all = [[0; 2]; MAX_BANKS + 4];
    let mut banks = Banks::default();
    let mut rest = all.iter_mut();
    let mut next = || &mut rest.next().unwrap()[..];
    assert_eq!(banks.add(frame(RAM_BASE), &mut []), None);
    assert_eq!(banks.add(frame((1 << 44) - 2 * PAGE), next()), None, "one is no frame's number");
    assert_eq!(banks.add(frame(1 << 44), next()), None);
    banks.add(frame((1 << 44) - 3 * PAGE), next()).unwrap();
    for number in 1..MAX_BANKS as u64 {
        banks.add(frame(number << 30), next()).unwrap();
    }
    assert_eq!(banks.add(frame(RAM_BASE), next()), None);
    assert_eq!(banks.get(frame(1 << 44)), None);
}

// attack 79 U: banks of RAM far apart; each frame of each bank is given out once, is cleared first, and comes back; broken: bank-forgotten
#[test]
fn every_frame_of_every_bank_can_be_used() {
    let config = Config { frames: 400, far: 300, ..Config::default() };
    run_with(&config, |w| {
        let free = w.free_frames();
        assert!(free > 300);
        let child = w.child(7, 380, 64);
        // More than either bank has left.
        let memory = w.vmo_create(child.user, 320).unwrap();
        w.vmo_map(child.user, memory, 320 * PAGE, VA, RW).unwrap();
        assert!(w.memory_of(memory).iter().all(|word| *word == 0));
        w.fill(memory, 0x5ec2e7);
        assert!(w.memory_of(memory).iter().all(|word| *word == 0x5ec2e7));
        w.unmap(child.user, VA).unwrap();
        let more = w.vmo_create(child.user, 8).unwrap();
        w.vmo_map(child.user, more, 8 * PAGE, VA, RW).unwrap();
        w.cap_drop(w.init, child.process).unwrap();
        w.settle();
        assert_eq!(w.free_frames(), free);
    });
}

#[test]
fn a_device_between_two_banks_is_a_window_as_any_other() {
    let between = (RAM_BASE + (1 << 36), 0x2000);
    let config = Config { far: 100, windows: vec![between], ..Config::default() };
    run_with(&config, |w| {
        let owner = owner_of(w, 7, 0, 2);
        w.mmio_map(owner.user, owner.window, 0, 2 * PAGE, VA, RW).unwrap();
        w.unmap(owner.user, VA).unwrap();
    });
}
