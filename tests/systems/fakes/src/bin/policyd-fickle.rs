//! A policyd that allows everything, by rules that change all the time.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use fakes::lies::Fickle;
use nexus_rt::{StartError, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let mut fickle = Fickle::default();
    let end = fakes::answer_each(startup().serve()?, |received| fickle.answer(&received.message));
    Err(end.into())
}
