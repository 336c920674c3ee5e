//! What a device reaches in memory by itself, from the queues that its owner has (RFC-0004).

use nexus_sysdesc::Queue;
use nexus_sysdesc::layout::{Layout, QueueLayout};
use serde::Serialize;

/// The memory of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditMemory {
    /// Bytes of the pieces that it can be made to read or write.
    pub reach: u64,
    /// Bytes of those that do not lie in its pool.
    pub beyond: u64,
    /// Bytes of its pool, which its driver maps.
    pub pool: u64,
    /// Bytes of its used rings, which its driver maps to read.
    pub used: u64,
    /// Bytes of its tables, which nobody maps.
    pub tables: u64,
    /// The digest of all that is placed, in hexadecimal, as the record says it.
    pub digest: String,
    /// Its queues, by number.
    pub queues: Vec<AuditQueue>,
}

/// A queue of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditQueue {
    /// Entries of its rings.
    pub entries: u16,
    /// Its heads, in groups that are alike: `16 x (reads 16, writes 4096+1)`.
    pub heads: Vec<String>,
}

/// What a device with these queues reaches; `None` without queues: it stays in reset.
pub(super) fn memory(queues: &[Queue]) -> Option<AuditMemory> {
    let layout = Layout::of(queues).filter(|_| !queues.is_empty())?;
    let both = queues.iter().zip(&layout.queues);
    Some(AuditMemory {
        reach: layout.reach(),
        beyond: beyond(&layout),
        pool: layout.pool,
        used: layout.used,
        tables: layout.tables,
        digest: format!("{:016x}", layout.digest()),
        queues: both.map(|(queue, laid)| audit_queue(queue, laid)).collect(),
    })
}

/// Bytes of pieces that do not lie in the pool.
fn beyond(layout: &Layout) -> u64 {
    let outside = layout.segments().filter(|piece| {
        let end = piece.offset.checked_add(u64::from(piece.len));
        end.is_none_or(|end| end > layout.pool)
    });
    outside.map(|piece| u64::from(piece.len)).sum()
}

fn audit_queue(queue: &Queue, laid: &QueueLayout) -> AuditQueue {
    AuditQueue { entries: laid.size, heads: queue.shapes.iter().map(ToString::to_string).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_sysdesc::Shape;
    use nexus_sysdesc::layout::Segment;

    fn queues() -> Vec<Queue> {
        let shape = |heads, reads: &[u32], writes: &[u32]| Shape {
            heads,
            reads: reads.to_vec(),
            writes: writes.to_vec(),
        };
        vec![Queue { shapes: vec![shape(2, &[16], &[4096, 1]), shape(1, &[16], &[1])] }]
    }

    #[test]
    fn counts_what_is_reached() {
        let memory = memory(&queues()).expect("queues");
        assert_eq!(memory.reach, 2 * (16 + 4096 + 1) + 17);
        assert_eq!((memory.beyond, memory.pool, memory.used), (0, 4 << 12, 1 << 12));
        assert_eq!(memory.tables, 1 << 12);
        assert_eq!(memory.queues[0].entries, 4);
        let heads = ["2 x (reads 16, writes 4096+1)", "1 x (reads 16, writes 1)"];
        assert_eq!(memory.queues[0].heads, heads);
        assert_eq!(super::memory(&[]), None);
    }

    // attack 48 H: a piece of a device's memory that lies outside its pool; counted; broken: audit-beyond
    #[test]
    fn a_piece_outside_the_pool_is_counted() {
        let mut layout = Layout::of(&queues()).expect("a layout");
        let pool = layout.pool;
        let pieces = &mut layout.queues[0].heads[0].segments;
        pieces[0].offset = pool - 16;
        assert_eq!(beyond(&layout), 0);
        layout.queues[0].heads[0].segments[0].offset = pool - 15;
        assert_eq!(beyond(&layout), 16);
        layout.queues[0].heads[0].segments[1] = Segment { offset: u64::MAX, len: 8, writes: true };
        assert_eq!(beyond(&layout), 24);
    }
}
