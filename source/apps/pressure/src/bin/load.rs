//! The load, the hog, or the rival: asks the meter what to do, does it, and tells how much that was.
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
    let id = start.block().service_id;
    let mut told = Message::default();
    loop {
        let answer = sys::call(meter, &told, NO_DEADLINE)?;
        let [word, ..] = answer.message.words;
        match id {
            ids::HOG => {
                load::hog();
                continue;
            }
            ids::RIVAL => {
                load::rival(word)?;
                continue;
            }
            _ => {}
        }
        let work = Work::ALL.into_iter().find(|work| work.number() == word);
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
