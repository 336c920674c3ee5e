//! A policyd that allows something else than what it was asked.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use fakes::lies::Other;
use nexus_rt::{StartError, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let mut other = Other::default();
    let end = fakes::answer_each(startup().serve()?, |received| other.answer(&received.message));
    Err(end.into())
}
