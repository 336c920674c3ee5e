//! A wild process: gets its seed from the keeper, makes its calls, tells what it made, and ends.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_abi::{Error, Message, NO_DEADLINE};
use nexus_proto::init::{Report, ReportState};
use nexus_proto::{Zero, ids};
use nexus_rt::{Deadline, StartError, startup, sys};
use wild::end::{self, FIRST};
use wild::keeper::KEEPER;
use wild::talk::{self, Say};
use wild::wild::Wild;

nexus_rt::entry!(main);

/// Milliseconds that init has to take a report.
const REPORT_MS: u64 = 20_000;

fn main() -> Result<(), StartError> {
    let start = startup();
    if start.window().is_ok() {
        let report = Report { state: ReportState::Ready, zero: Zero::ZERO, detail: 0 };
        let init = start.client::<nexus_proto::init::Init>(ids::INIT)?;
        if let Err(error) = init.call(&report, Deadline::after_ms(REPORT_MS)) {
            nexus_rt::warn!("init did not take the report: {error:?}");
        }
    }
    let [seed, calls, ..] = tell(Say::Begin)?.words;
    let mut wild = Wild::new(seed)?;
    wild.run(calls);
    for rows in talk::rows(&wild.counts) {
        tell(rows)?;
    }
    tell(Say::End)?;
    Ok(end::end(start.block().service_id - FIRST)?)
}

/// Tells the keeper, and waits for its answer.
fn tell(say: Say) -> Result<Message, StartError> {
    let keeper = startup().service(KEEPER)?;
    loop {
        match sys::call(keeper, &say.to_message(), NO_DEADLINE) {
            Ok(answer) => return Ok(answer.message),
            // An answer that did not fit into the full budget, for example.
            Err(Error::NoMemory) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
