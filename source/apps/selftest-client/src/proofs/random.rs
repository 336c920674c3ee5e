//! Random bytes of rngd.

use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::{ServiceError, Text, ids};
use nexus_rt::{CallError, Client, startup};

use crate::check::{Check, Failure, ensure, passed, same};
use crate::context::Context;

/// Answers that are compared.
const ANSWERS: usize = 8;
/// Bytes of each.
const BYTES: usize = 48;
/// Different bytes among [`BYTES`], at least: random ones have fewer once in 10^20 answers.
const LEAST: usize = 24;

fn ask(context: &Context, len: u64) -> Result<Text, CallError> {
    let rngd: Client<Entropy> =
        startup().client(ids::RNGD).map_err(|_| CallError::Service(ServiceError::NoSuchService))?;
    context.ask(rngd, &Random { len })
}

/// Answers are as long as was asked for, no two are equal, and none is of few values; other lengths are
/// refused.
pub(crate) fn differ(context: &Context) -> Check {
    let mut answers = [Text::EMPTY; ANSWERS];
    for index in 0..ANSWERS {
        let text = ask(context, BYTES as u64)?;
        same("bytes", &text.as_bytes().len(), &BYTES)?;
        let seen = answers.iter().take(index).any(|other| *other == text);
        ensure!(!seen, "answer {index} came before");
        let values = (0..=u8::MAX).filter(|value| text.as_bytes().contains(value)).count();
        ensure!(values >= LEAST, "answer {index} has {values} values");
        if let Some(place) = answers.get_mut(index) {
            *place = text;
        }
    }
    same("bytes of a short answer", &ask(context, 1)?.as_bytes().len(), &1)?;
    [0, BYTES as u64 + 1, u64::MAX]
        .into_iter()
        .try_for_each(|len| refused(ask(context, len), ServiceError::OutOfRange))
}

fn refused(answer: Result<Text, CallError>, expected: ServiceError) -> Check {
    match answer {
        Err(CallError::Service(error)) if error == expected => {
            passed(1);
            Ok(())
        }
        other => Err(Failure::new(format_args!("{other:?}, expected {expected:?}"))),
    }
}
