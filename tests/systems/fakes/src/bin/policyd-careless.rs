//! A policyd that allows everything, in the proper form, and records nothing.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use fakes::lies::{EPOCH, allow};
use nexus_rt::{StartError, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let end = fakes::answer_each(startup().serve()?, |received| {
        fakes::lies::decided(&received.message, |asked| allow(asked, EPOCH))
    });
    Err(end.into())
}
