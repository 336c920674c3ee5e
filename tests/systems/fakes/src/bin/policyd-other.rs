//! A policyd that allows something else than what it was asked.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use fakes::lies::{decided, other};
use nexus_rt::{StartError, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let mut nth = 0;
    let end = fakes::answer_each(startup().serve()?, |received| {
        nth += 1;
        decided(&received.message, |asked| other(&asked, nth))
    });
    Err(end.into())
}
