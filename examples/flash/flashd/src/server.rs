//! What others are answered about the flash.

use nexus_rt::abi::Message;
use nexus_rt::proto::device::{Identity, Request};
use nexus_rt::proto::{Operation, ServiceError};

use crate::cfi::MAGIC_TEXT;
use crate::geometry::Flash;

/// What identifies a bank of flash: "QRY", command set, device and manufacturer.
#[must_use]
pub fn identity(flash: &Flash) -> Identity {
    let [q, r, y] = MAGIC_TEXT;
    Identity {
        magic: u32::from_le_bytes([q, r, y, 0]),
        version: flash.command_set.into(),
        device_id: flash.device.into(),
        vendor_id: flash.manufacturer.into(),
    }
}

/// The answer to a request: identity is told; data is not supported, and nothing pretends it is.
#[must_use]
pub fn answer(identity: &Identity, request: &Request) -> Message {
    match request {
        Request::Identify(op) => op.answer(Ok(*identity)),
        Request::Read(op) => op.answer(Err(ServiceError::NotSupported)),
        Request::Write(op) => op.answer(Err(ServiceError::NotSupported)),
        Request::Flush(op) => op.answer(Err(ServiceError::NotSupported)),
    }
}
