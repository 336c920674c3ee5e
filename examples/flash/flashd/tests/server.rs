//! What flashd answers.

use flashd::geometry::{Flash, Region};
use flashd::server::{answer, identity};
use nexus_rt::proto::device::{Flush, Identify, Identity, Read, Write};
use nexus_rt::proto::{Operation, ReplyError, ServiceError, Text, Zero};

fn of_qemu() -> Identity {
    let regions = [Region::default(); 4];
    identity(&Flash { manufacturer: 0x89, device: 0x18, command_set: 1, len: 32 << 20, regions })
}

#[test]
fn tells_what_the_flash_is() {
    let identity = of_qemu();
    let magic = u32::from_le_bytes(*b"QRY\0");
    let expected = Identity { magic, version: 1, device_id: 0x18, vendor_id: 0x89 };
    assert_eq!(identity, expected);
    let message = answer(&identity, &Identify {}.into());
    assert_eq!(Identify::decode_reply(&message), Ok(expected));
}

#[test]
fn pretends_no_input_or_output() {
    let identity = of_qemu();
    let refused = ReplyError::Service(ServiceError::NotSupported);
    let read = answer(&identity, &Read { offset: 0, len: 1, zero: Zero::ZERO }.into());
    let write = answer(&identity, &Write { offset: 0, data: Text::EMPTY }.into());
    let flush = answer(&identity, &Flush {}.into());
    assert_eq!(Read::decode_reply(&read), Err(refused));
    assert_eq!(Write::decode_reply(&write), Err(refused));
    assert_eq!(Flush::decode_reply(&flush), Err(refused));
}
