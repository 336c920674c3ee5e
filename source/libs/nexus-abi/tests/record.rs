//! Records of the kernel, read back.

use nexus_abi::{
    CapInfo, EndReason, IrqInfo, KindCode, LineState, ProcessInfo, ProcessState, Rights, Sender,
};

const CAP: CapInfo = CapInfo {
    kind: KindCode::DeviceMmio,
    rights: Rights::all(),
    base: 0x1000_8000,
    len: 0x1000,
    object: 3,
    mapped_pages: 1,
    children: 2,
    registers: None,
};

// attack 31 U: bits that are no rights, or a kind that is none, in a record of a capability; refused; broken: record-rights
#[test]
fn a_capability_with_unknown_bits_is_none() {
    let record = CAP.to_record();
    assert_eq!(CapInfo::from_record(&record), Some(CAP));
    for bit in 0..64 {
        let mut unknown = record;
        unknown[1] ^= 1 << bit;
        let read = CapInfo::from_record(&unknown);
        let known = bit < 16 && Rights::from_bits(1 << bit).is_some();
        assert_eq!(read.is_some(), known, "right bit {bit}");
        assert!(read.is_none_or(|cap| cap.rights != CAP.rights), "right bit {bit}");
    }
    for kind in [0, 11, 1 << 8, 1 << 9 | 5, u64::MAX] {
        let mut unknown = record;
        unknown[0] = kind;
        assert_eq!(CapInfo::from_record(&unknown), None, "kind {kind}");
    }
}

#[test]
fn an_empty_mask_is_not_no_mask() {
    for registers in [None, Some(0), Some(1), Some(u64::MAX)] {
        let info = CapInfo { registers, ..CAP };
        assert_eq!(CapInfo::from_record(&info.to_record()), Some(info));
    }
}

#[test]
fn a_process_comes_back_as_it_was_and_unknown_states_are_none() {
    let id = Sender { service_id: 7, incarnation: 2 };
    let ends = [
        None,
        Some(EndReason::Exit(5)),
        Some(EndReason::Fault { cause: 13, address: 0x10, pc: 0x20 }),
        Some(EndReason::Killed(1)),
    ];
    for end in ends {
        let (state, frames, objects) = (ProcessState::Ended, (1, 2), (3, 4));
        let info = ProcessInfo { id, state, end, frames, objects, root: 0x8020_0000 };
        let record = info.to_record();
        assert_eq!(ProcessInfo::from_record(id, &record), Some(info));
        for state in [0, 4, 0xff, 4 << 8 | 1, u64::MAX] {
            let mut unknown = record;
            unknown[0] = state;
            assert_eq!(ProcessInfo::from_record(id, &unknown), None, "{state:#x}");
        }
    }
}

#[test]
fn a_line_comes_back_as_it_was_and_an_unknown_state_is_none() {
    let info = IrqInfo {
        line: 10,
        state: LineState::Held,
        interval: 100,
        delivered: 7,
        held_back: 2,
        last: 12_345,
        strays: 4,
    };
    let record = info.to_record();
    assert_eq!(IrqInfo::from_record(&record), Some(info));
    for state in [0, 5, u64::MAX] {
        let mut unknown = record;
        unknown[1] = state;
        assert_eq!(IrqInfo::from_record(&unknown), None, "{state}");
    }
}
