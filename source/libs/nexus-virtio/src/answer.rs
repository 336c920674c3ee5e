//! What an owner answers about its device.

use nexus_abi::Message;
use nexus_proto::device::{Identity, Request};
use nexus_proto::{Operation, ServiceError};

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

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_proto::device::{Flush, Identify, Read, Write};
    use nexus_proto::{ReplyError, Text, Zero};

    const IDENTITY: Identity = Identity { magic: 1, version: 2, device_id: 3, vendor_id: 4 };

    #[test]
    fn tells_what_the_device_is() {
        let message = answer(&IDENTITY, &Identify {}.into());
        assert_eq!(Identify::decode_reply(&message), Ok(IDENTITY));
    }

    #[test]
    fn pretends_no_input_or_output() {
        let refused = ReplyError::Service(ServiceError::NotSupported);
        let read = answer(&IDENTITY, &Read { offset: 0, len: 1, zero: Zero::ZERO }.into());
        let write = answer(&IDENTITY, &Write { offset: 0, data: Text::EMPTY }.into());
        let flush = answer(&IDENTITY, &Flush {}.into());
        assert_eq!(Read::decode_reply(&read), Err(refused));
        assert_eq!(Write::decode_reply(&write), Err(refused));
        assert_eq!(Flush::decode_reply(&flush), Err(refused));
    }
}
