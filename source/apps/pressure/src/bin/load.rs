//! The load, or the hog: asks the meter what to do, does it, and tells how much that was.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_abi::{Error, Message, NO_DEADLINE};
use nexus_rt::{StartError, startup, sys};
use pressure::load;
use pressure::task::{Work, ids};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let start = startup();
    let meter = start.service(ids::METER)?;
    let hog = start.block().service_id == ids::HOG;
    let mut told = Message::default();
    loop {
        let answer = sys::call(meter, &told, NO_DEADLINE)?;
        if hog {
            load::hog();
            continue;
        }
        let [number, ..] = answer.message.words;
        let work = Work::ALL.into_iter().find(|work| work.number() == number);
        let done = work.map_or(Err(Error::BadArgument), load::perform);
        if work == Some(Work::End) {
            return Ok(());
        }
        told = match done {
            Ok(count) => Message::new(1, &[0, count]),
            Err(error) => Message::new(1, &[error.code(), 0]),
        };
    }
}
