//! Waits for what others prove in their own time.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};

use nexus_proto::log::{FindLine, LineInfo, LineKind, LineText};
use nexus_proto::{ServiceError, Zero};
use nexus_rt::CallError;

use crate::context::Context;

/// Milliseconds between two looks.
const LOOK_MS: u64 = 5;
/// Looks at most: what is missing then is told by the host.
const LOOKS: u32 = 4000;

/// Returns when all that other services must prove is in the log. Proofs stay there, whatever else is written.
///
/// # Errors
/// logd does not answer.
pub(crate) fn wait(context: &Context) -> Result<(), CallError> {
    let others = context.description.services.iter().filter(|one| one.id != context.own_id);
    let proofs = others.flat_map(|one| one.must_prove.iter().map(|proof| (one.id, &*proof.name)));
    let mut missing: BTreeSet<(u32, String)> =
        proofs.map(|(service, name)| (service, name.to_string())).collect();
    let mut next = 0;
    for _ in 0..LOOKS {
        while let Some(line) = find(context, next)? {
            next = line.line + 1;
            if line.kind == LineKind::Proof {
                missing.remove(&(line.sender.id, name(context, line.line)?));
            }
        }
        if missing.is_empty() {
            break;
        }
        context.waiter.pause(LOOK_MS);
    }
    Ok(())
}

fn find(context: &Context, line: u64) -> Result<Option<LineInfo>, CallError> {
    match context.ask(context.logd, &FindLine { line }) {
        Ok(info) => Ok(Some(info)),
        Err(CallError::Service(ServiceError::NotFound)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name of a proof: what stands before how many checks it rests on.
fn name(context: &Context, line: u64) -> Result<String, CallError> {
    let mut text = String::new();
    loop {
        let offset = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let piece = context.ask(context.logd, &LineText { line, offset, zero: Zero::ZERO })?;
        text.push_str(&String::from_utf8_lossy(piece.as_bytes()));
        if piece.as_bytes().is_empty() || text.contains(' ') {
            return Ok(text.split(' ').next().unwrap_or_default().to_string());
        }
    }
}
