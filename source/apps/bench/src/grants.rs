//! The way of a grant, and records.

use nexus_abi::{Error, Handle, Message, NO_DEADLINE, PAGE_SIZE, Prot};
use nexus_proto::log::{Append, Entry, Event, Outcome};
use nexus_proto::{Operation, Subject};
use nexus_test::bare;

use crate::count::{between, call, instret};
use crate::measure::{GIVE, TAKE_BACK, words};
use crate::objects::PAGE;
use crate::samples::Samples;

/// Gives the window of this process and takes it back, while one page of it is mapped. Returns
/// what each took, and the window, which is given and not mapped.
pub(crate) fn grant(init: Handle) -> Result<([Samples; 2], Handle), Error> {
    let ask = |label| {
        let answer = call(init, &Message::new(label, &[]), NO_DEADLINE)?;
        words(&answer.message)
    };
    ask(TAKE_BACK)?;
    let samples = Samples::take_two(|| {
        let [given, window] = ask(GIVE)?;
        let prot = Prot::READ | Prot::WRITE;
        bare::mmio_map(Handle(window), 0, PAGE_SIZE, PAGE, prot)?;
        let [taken, _] = ask(TAKE_BACK)?;
        // It is gone: nothing is mapped there any more.
        match bare::unmap(PAGE) {
            Err(Error::BadAddress) => Ok([given, taken]),
            _ => Err(Error::BadState),
        }
    })?;
    let [_, window] = ask(GIVE)?;
    Ok((samples, Handle(window)))
}

/// A record to append.
pub(crate) fn refusal(subject: Subject) -> Append {
    Append { entry: Entry::about(Event::Decision, Outcome::Deny, subject) }
}

/// Appends a record to the ledger, and waits for its number.
pub(crate) fn record(logd: Handle, subject: Subject) -> Result<Samples, Error> {
    let append = refusal(subject);
    Samples::take(|| {
        let start = instret();
        let answer = call(logd, &append.encode(), NO_DEADLINE);
        let end = instret();
        Append::decode_reply(&answer?.message).map_err(|_| Error::BadState)?;
        Ok(between(start, end))
    })
}
