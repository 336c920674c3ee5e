//! What is typed.

use nexus_rt::Deadline;
use nexus_test::{SAFETY_MS, records};

use crate::check::{Check, Failure, same};
use crate::context::Context;

/// Bytes that are typed at once: more than all that holds any on the way.
const PASTE: u32 = 20_000;

/// Whatever is typed faster than it is read waits, and arrives.
pub(crate) fn paste(context: &Context) -> Check {
    context.host.console.take_keys()?;
    context.host.record(&records::paste(PASTE))?;
    for at in 0..PASTE {
        let byte = context.host.console.key(Deadline::after_ms(SAFETY_MS));
        let byte = byte.map_err(|error| Failure::from(error).at(format_args!("byte {at}")))?;
        same("byte", &byte, &records::pasted(at)).map_err(|wrong| wrong.at(at))?;
    }
    Ok(())
}
