//! Exchanges of the system's own services, whole: from the request as a value to the answer as a
//! value, with what the service does for it and the deadline that the caller has.

use nexus_abi::Handle;
use nexus_proto::Subject;
use nexus_proto::init::{Init, Ready};
use nexus_proto::log::Log;
use nexus_rt::{CallError, Client, Deadline};

use crate::count::{between, instret};
use crate::grants::refusal;
use crate::samples::Samples;

/// Milliseconds that nsh gives whoever it asks, and policyd gives logd.
const NSH_MS: u64 = 3000;
const POLICYD_MS: u64 = 200;

/// What nsh asks init first: how far distribution is.
pub(crate) fn ask_init(init: Handle) -> Result<Samples, CallError> {
    let client: Client<Init> = Client::new(init);
    Samples::take(|| {
        let start = instret();
        let answer = client.call(&Ready {}, Deadline::after_ms(NSH_MS));
        let end = instret();
        answer.map(|_| between(start, end))
    })
}

/// What policyd has logd record.
pub(crate) fn record(logd: Handle, subject: Subject) -> Result<Samples, CallError> {
    let client: Client<Log> = Client::new(logd);
    Samples::take(|| {
        let start = instret();
        let answer = client.call(&refusal(subject), Deadline::after_ms(POLICYD_MS));
        let end = instret();
        answer.map(|_| between(start, end))
    })
}
