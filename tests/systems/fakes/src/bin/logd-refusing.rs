//! A logd that takes every line, and no record.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_proto::log::{Append, ReadStamp};
use nexus_proto::{Operation, ServiceError, encode_error, encode_payload};
use nexus_rt::{StartError, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let end = fakes::answer_each(startup().serve()?, |received| {
        match received.message.tag.label() {
            Append::LABEL => encode_error(ServiceError::Full),
            // It has none.
            ReadStamp::LABEL => encode_error(ServiceError::NotFound),
            _ => encode_payload(0, &()),
        }
    });
    Err(end.into())
}
