//! What a device reads and writes by itself: queues, and the shapes of their heads.

use crate::desc::kind::Kind;
use crate::desc::source::At;
use crate::desc::table::{Key, Table, key};
use nexus_sysdesc::layout::Sizes;
use nexus_sysdesc::{Queue, Shape, are_queues, bounds};

const QUEUES: Key = key("queues", "[{ heads = [{ count = 4, writes = [64] }] }]");
const HEADS: Key = key("heads", "[{ count = 4, writes = [64] }]");
const COUNT: Key = key("count", "4");
const READS: Key = key("reads", "[16]");
const WRITES: Key = key("writes", "[4096, 1]");

/// What the key `queues` lists, if there is one: the queues of the device, from queue 0 on.
pub(super) fn read_queues(table: &mut Table<'_>) -> Option<At<Vec<Queue>>> {
    if !table.has(QUEUES) {
        return None;
    }
    let before = table.reporter.count();
    let span = table.entry(QUEUES).map(|(span, _)| span)?;
    let queues = table.tables(QUEUES, "an entry of `queues`").into_iter().map(read_queue);
    let queues: Vec<Queue> = queues.collect();
    if table.reporter.count() > before {
        return None;
    }
    if queues.is_empty() {
        let message = String::from("`queues` lists none");
        table.refuse(Kind::OutOfRange, &span, message, "remove it, or describe queue 0 first");
    } else if !are_queues(&queues) {
        let message = String::from("no device can have these queues");
        let fix = format!(
            "write at most {} queues of 1 to {} heads, and a head of 1 to {} pieces of at most {} bytes",
            bounds::MAX_QUEUES,
            bounds::MAX_HEADS,
            bounds::MAX_SEGMENTS,
            bounds::MAX_SEGMENT
        );
        table.refuse(Kind::OutOfRange, &span, message, fix);
    } else if Sizes::of(&queues).is_none() {
        let most = bounds::MAX_MEMORY >> 20;
        let message =
            format!("these queues need more than {most} MiB, the most that a device can have");
        table.refuse(Kind::PoolsTooLarge, &span, message, "ask for fewer or smaller heads");
    } else {
        return Some(At { value: queues, span });
    }
    None
}

fn read_queue(mut table: Table<'_>) -> Queue {
    table.must_have(HEADS);
    let shapes = table.tables(HEADS, "an entry of `heads`").into_iter().map(read_shape).collect();
    table.finish();
    Queue { shapes }
}

fn read_shape(mut table: Table<'_>) -> Shape {
    table.must_have(COUNT);
    let heads = table.number(COUNT, 1..=u16::MAX).map_or(0, |count| count.value);
    let pieces = |table: &mut Table<'_>, key| {
        let numbers = table.numbers(key, 1..=bounds::MAX_SEGMENT).map(|(_, numbers)| numbers);
        numbers.unwrap_or_default().into_iter().map(|piece| piece.value).collect()
    };
    let reads = pieces(&mut table, READS);
    let writes = pieces(&mut table, WRITES);
    table.finish();
    Shape { heads, reads, writes }
}
