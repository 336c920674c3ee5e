//! What ships, beside what is judged: the same but for the tests, and it comes up.

use super::drive::{self, Ended, Plan, Run, Until};
use super::session::{Options, fresh_nonce};
use crate::audit::{self, Audit};
use crate::build::Built;
use crate::desc::reserved;
use crate::exit::Exit;
use crate::qemu;
use crate::symbolize::Symbols;
use anyhow::{Context, Result};
use nexus_sysdesc::Profile;
use nexus_sysdesc::archive::HOST_READS;
use serde_json::Value;
use std::fs;
use std::time::Duration;

/// What came of the production image.
#[derive(Debug)]
pub struct Shipped {
    /// What was found wrong, as sentences, each with the exit code that it alone would give.
    pub findings: Vec<(Exit, String)>,
    /// Owners that must be ready.
    pub owners: usize,
    /// From the start of QEMU to all of them ready, or to the end.
    pub took: Duration,
}

/// Holds the image that is judged against the one that ships, and boots the latter.
///
/// # Errors
/// When an image cannot be read, or QEMU cannot be started.
pub(super) fn check(judged: &[u8], ships: &Built, options: &Options) -> Result<Shipped> {
    let differences = hold(audit::of_image(judged)?, audit::of_image(&ships.image)?)?;
    let mut findings: Vec<(Exit, String)> =
        differences.into_iter().map(|one| (Exit::Differ, one)).collect();
    let services = ships.checked.description.services.iter();
    let owners = services.filter(|service| !service.needs.is_empty()).count();
    let run = boot(ships, options)?;
    findings.extend(verdict(&run, owners));
    Ok(Shipped { findings, owners, took: run.took })
}

/// Boots the image that ships until all its owners are ready.
fn boot(ships: &Built, options: &Options) -> Result<Run> {
    let nonce = fresh_nonce()? | HOST_READS;
    let initrd = ships.directory.join("run.img");
    fs::write(&initrd, ships.image_for(nonce)).context("writing the image of this run")?;
    let qemu = qemu::find(options.qemu.as_deref())?;
    let symbols = Symbols::load(&ships.kernel_debug)?;
    drive::run(Plan {
        command: qemu::command(&qemu, &ships.checked.qemu_args(), &ships.kernel, &initrd),
        opens: false,
        nonce,
        ram: ships.checked.ram(),
        until: Until::Ready,
        limit: options.limit,
        symbols: Some(&symbols),
        is_virtio: &|_| false,
        page: None,
        show: &mut |_| {},
    })
}

/// What is wrong with a run of the image that ships: it must come to the record that all its `owners`
/// are ready, without a wrong line before.
pub(super) fn verdict(run: &Run, owners: usize) -> Option<(Exit, String)> {
    let Run { ended, transcript, .. } = run;
    let panicked = transcript.panic.is_some();
    let (exit, what) = match (ended, transcript.ready, transcript.wrong.first()) {
        (_, _, Some(wrong)) => (Exit::Failed, wrong.clone()),
        (Ended::Marker, Some(ready), None) if usize::try_from(ready) == Ok(owners) && !panicked => {
            return None;
        }
        (Ended::Deadline, ..) => {
            (Exit::Timeout, "its owners are not ready at the time limit".to_owned())
        }
        (ended, ready, None) => {
            let panic = transcript.panic.as_deref().unwrap_or("no panic");
            let what = format!("ended with {ended:?}, {ready:?} of {owners} owners ready, {panic}");
            (if panicked { Exit::Panic } else { Exit::Failed }, what)
        }
    };
    let last: Vec<&str> = transcript.last_lines.iter().map(String::as_str).collect();
    let last = last.join("\n    ");
    Some((exit, format!("the production image: {what}; it said last:\n    {last}")))
}

/// Where the audit of what is judged, less the tests, differs from that of what ships.
///
/// # Errors
/// When an audit cannot be compared.
pub(super) fn hold(judged: Audit, ships: Audit) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if ships.profile != Profile::Prod.name() {
        found.push(format!("what ships is of a profile of kind {}", ships.profile));
    }
    compare("", &comparable(less_tests(judged))?, &comparable(ships)?, &mut found);
    Ok(found)
}

/// The audit without what is for the tests alone.
fn less_tests(mut audit: Audit) -> Audit {
    audit.services.retain(|one| !reserved::IDS.contains(&one.id) || !reserved::is_name(&one.name));
    audit.devices.retain(|one| !reserved::is_name(&one.name));
    audit.windows.retain(|one| !reserved::is_name(&one.service_name));
    audit.refused.retain(|one| !reserved::is_name(&one.service));
    audit.trusted.retain(|one| !reserved::is_name(&one.service));
    audit.memory.retain(|one| !reserved::is_name(&one.who));
    audit
}

/// An audit without what depends on the profile alone: its name, the proofs, restarts without limit, and the
/// image as a whole.
fn comparable(mut audit: Audit) -> Result<Value> {
    audit.profile.clear();
    audit.image_sha256.clear();
    audit.image_bytes = 0;
    audit.unlimited_restarts = false;
    audit.services.iter_mut().for_each(|service| service.must_prove.clear());
    Ok(serde_json::to_value(audit)?)
}

fn compare(place: &str, judged: &Value, ships: &Value, found: &mut Vec<String>) {
    match (judged, ships) {
        (Value::Object(one), Value::Object(two)) => {
            let keys = one.keys().chain(two.keys().filter(|key| !one.contains_key(*key)));
            for key in keys {
                let place = format!("{place}.{key}");
                compare(&place, &judged[key.as_str()], &ships[key.as_str()], found);
            }
        }
        (Value::Array(one), Value::Array(two)) => {
            for index in 0..one.len().max(two.len()) {
                let item = |list: &[Value]| list.get(index).cloned().unwrap_or_default();
                let (one, two) = (item(one), item(two));
                compare(&format!("{place}[{}]", name_of(&one, index)), &one, &two, found);
            }
        }
        _ if judged == ships => {}
        _ => found
            .push(format!("audit{place} is {judged} in what is judged, and {ships} in what ships")),
    }
}

/// What people call an item.
fn name_of(item: &Value, index: usize) -> String {
    let keys =
        ["name", "device_name", "service", "who"].map(|key| item.get(key).and_then(Value::as_str));
    keys.into_iter().flatten().next().map_or_else(|| index.to_string(), ToOwned::to_owned)
}
