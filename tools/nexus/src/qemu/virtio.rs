//! Virtio devices as QEMU itself has them. A command that is missing is an error: nothing is taken on trust.

use super::Qmp;
use crate::witness::dma::{Device, Queue};
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Every virtio device, by name. QEMU 7.2 and 10 list them in opposite orders.
///
/// # Errors
/// QEMU does not know the commands (before 7.2), or answers something else.
pub(crate) fn devices(qmp: &mut Qmp) -> Result<Vec<Device>> {
    let list = qmp.execute("x-query-virtio", json!({}))?;
    let list = list.as_array().context("x-query-virtio answers no list")?.clone();
    list.iter().map(|one| device(qmp, one)).collect()
}

fn device(qmp: &mut Qmp, listed: &Value) -> Result<Device> {
    let path =
        listed.get("path").and_then(Value::as_str).context("a virtio device without a path")?;
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let status = qmp.execute("x-query-virtio-status", json!({ "path": path }))?;
    let count = number(&status, "num-vqs")?;
    let bits = status.get("status").context("a virtio device without a status")?;
    let known = bits.get("statuses").and_then(Value::as_array).context("a status without bits")?;
    let unknown = bits.get("unknown-statuses").is_some();
    let queues = (0..count).map(|queue| {
        let arguments = json!({ "path": path, "queue": queue });
        let answer = qmp.execute("x-query-virtio-queue-status", arguments)?;
        let size = number(&answer, "vring-num")?;
        let [table, avail, used] = ["vring-desc", "vring-avail", "vring-used"];
        let at = |name| number(&answer, name);
        Ok(Queue { size, table: at(table)?, avail: at(avail)?, used: at(used)? })
    });
    let queues = queues.collect::<Result<Vec<Queue>>>()?;
    let is_disk = listed.get("name").and_then(Value::as_str) == Some("virtio-blk");
    let serial = is_disk.then(|| serial(qmp, path)).transpose()?;
    Ok(Device { name, in_reset: known.is_empty() && !unknown, queues, serial })
}

/// The serial number that a disk was started with.
fn serial(qmp: &mut Qmp, path: &str) -> Result<String> {
    let told = qmp.execute("qom-get", json!({ "path": path, "property": "serial" }))?;
    told.as_str().map(ToOwned::to_owned).context("a disk whose serial number is no text")
}

fn number(value: &Value, name: &str) -> Result<u64> {
    value.get(name).and_then(Value::as_u64).with_context(|| format!("QEMU tells no {name}"))
}
