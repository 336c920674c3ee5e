//! The encoder of page-table entries, over all leaves and any frame.

use neuron_core::store::addr::Frame;
use neuron_core::store::pte::{Leaf, Pte};
use proptest::prelude::*;

const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXEC: u64 = 1 << 3;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // attack 14 P: every leaf of every frame; R is set, W excludes X, G and the reserved bits are clear; broken: leaf-bits
    #[test]
    fn leaves_have_no_other_bits(
        number in 0u64..1 << 44,
        leaf in prop::sample::select(vec![Leaf::Read, Leaf::ReadWrite, Leaf::ReadExec]),
    ) {
        let frame = Frame::at(number << 12).unwrap();
        let word = Pte::leaf(frame, leaf).word();
        // V, U, A and D.
        prop_assert_eq!(word & 0xd1, 0xd1);
        prop_assert_eq!(word & READ, READ);
        prop_assert!(word & (WRITE | EXEC) != WRITE | EXEC);
        prop_assert_eq!(word & 0xffc0_0000_0000_0320, 0);
        prop_assert_eq!((word >> 10) & ((1 << 44) - 1), number);
        prop_assert_eq!(Pte::from_word(word).as_leaf(), Some((frame, leaf)));
    }

    #[test]
    fn no_other_word_is_a_user_leaf(word in any::<u64>()) {
        let bits = word & 0x1f;
        let known = matches!(bits, 0x13 | 0x17 | 0x1b);
        prop_assert_eq!(Pte::from_word(word).as_leaf().is_some(), known);
    }

    #[test]
    fn what_is_valid_without_access_leads_to_a_table(word in any::<u64>()) {
        let table = (word & 0xf == 1).then(|| Frame::at((word >> 10) << 20 >> 8).unwrap());
        prop_assert_eq!(Pte::from_word(word).next_table(), table);
    }
}
