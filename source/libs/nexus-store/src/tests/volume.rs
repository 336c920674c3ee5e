//! The part of a disk that a store has: it stays there, and counts what it asks for.

use std::prelude::rust_2024::*;

use crate::device::Volume;
use crate::fake::FakeDisk;
use crate::{Counters, DeviceError, Extent, PAGE};

// attack 67 U: an extent that is not on the disk, and pages that are not in the extent; refused
#[test]
fn nothing_outside_the_extent_is_touched() {
    let disk = FakeDisk::new(80);
    for (first, sectors) in [(0, 81), (80, 1), (u64::MAX, 2)] {
        let volume = Volume::new(disk.clone(), Extent { first, sectors });
        assert_eq!(volume.err(), Some(DeviceError::OutOfRange), "{first} {sectors}");
    }
    let mut volume = Volume::new(disk.clone(), Extent { first: 16, sectors: 63 }).unwrap();
    assert_eq!(volume.pages(), 7);
    disk.record();
    let mut bytes = [0; 2 * PAGE];
    for (page, len) in [(7, PAGE), (6, 2 * PAGE), (0, 100), (u64::MAX, PAGE)] {
        assert_eq!(volume.read(page, &mut bytes[..len]), Err(DeviceError::OutOfRange));
        assert_eq!(volume.write(page, &bytes[..len]), Err(DeviceError::OutOfRange), "{page}");
    }
    assert!(disk.trace().is_empty());
    assert_eq!(volume.counters, Counters::default());
}

#[test]
fn what_is_asked_for_is_counted() {
    let disk = FakeDisk::new(80);
    let mut volume = Volume::new(disk.clone(), Extent { first: 16, sectors: 64 }).unwrap();
    volume.write(6, &[1; 2 * PAGE]).unwrap();
    volume.write(0, &[2; PAGE]).unwrap();
    let mut bytes = [0; 2 * PAGE];
    volume.read(6, &mut bytes).unwrap();
    assert_eq!(bytes, [1; 2 * PAGE]);
    volume.read(7, &mut bytes[..PAGE]).unwrap();
    volume.read(0, &mut bytes[..PAGE]).unwrap();
    volume.flush().unwrap();
    volume.flush().unwrap();
    let counted =
        Counters { reads: 3, pages_read: 4, writes: 2, pages_written: 3, flushes: 2, waits: 7 };
    assert_eq!(volume.counters, counted);
    let bytes = disk.bytes();
    assert!(bytes[..2 * PAGE].iter().all(|byte| *byte == 0));
    assert!(bytes[2 * PAGE..3 * PAGE].iter().all(|byte| *byte == 2));
}
