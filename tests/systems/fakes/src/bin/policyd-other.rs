//! A policyd that allows something else than what it was asked.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use fakes::lies::other;
use nexus_abi::Message;
use nexus_proto::Operation;
use nexus_proto::policy::Decide;
use nexus_rt::{StartError, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let mut nth = 0;
    let end = fakes::answer_each(startup().serve()?, |received| {
        nth += 1;
        nexus_proto::decode_payload::<Decide>(&received.message)
            .map_or_else(|_| Message::default(), |asked| asked.answer(Ok(other(&asked, nth))))
    });
    Err(end.into())
}
