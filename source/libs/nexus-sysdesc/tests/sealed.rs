//! What the owner of a sealed device may write.

use nexus_sysdesc::sealed::{OWNERS_REGISTERS, is_owners};

/// QueueNotify at 0x50 and InterruptACK at 0x64 (virtio 1.2, 4.2.2), and no other register.
#[test]
fn an_owner_writes_two_registers() {
    let [notify, acknowledge] = [1 << 20, 1 << 25];
    assert_eq!(OWNERS_REGISTERS, notify | acknowledge);
    for mask in [0, notify, acknowledge, OWNERS_REGISTERS] {
        assert!(is_owners(mask), "{mask:x}");
    }
    for other in (0..64).filter(|bit| *bit != 20 && *bit != 25) {
        assert!(!is_owners(1 << other) && !is_owners(OWNERS_REGISTERS | 1 << other), "{other}");
    }
    assert!(!is_owners(u64::MAX));
}
