//! What QEMU logs: the blocks of code that it begins, the doorbells, and what the disk is asked for.

/// Trace event: the disk is asked to read.
pub(super) const READ: &str = "virtio_blk_handle_read";
/// A block that was told is not executed, and is told once more.
pub(in crate::bench) const STOPPED: &str = "Stopped execution of TB chain before ";
/// Trace event: a doorbell.
pub(in crate::bench) const NOTIFY: &str = "virtio_queue_notify";

/// What was logged, of what is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logged {
    /// The address space was changed; `satp` holds this.
    Space(u64),
    /// The disk was told of a batch.
    Doorbell,
}

/// What was logged between two marks, in order. The last doorbell is that of the second mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Between(pub(super) Vec<Logged>);

impl Between {
    /// What was logged before the load's last batch was given to the disk. What comes then is the end of the load:
    /// what is in flight is completed, and nothing new is asked.
    pub(super) fn before_the_last_batch(&self) -> &[Logged] {
        let mut doorbells =
            (0..self.0.len()).rev().filter(|at| self.0.get(*at) == Some(&Logged::Doorbell));
        let end = doorbells.nth(1).unwrap_or(0);
        self.0.get(..end).unwrap_or_default()
    }

    /// Doorbells of the load.
    pub(super) fn doorbells(&self) -> u64 {
        let all = self.0.iter().filter(|one| **one == Logged::Doorbell).count() as u64;
        all.saturating_sub(1)
    }
}

/// Collects between the marks, which are reads of one sector: from the first to the second, from the third to
/// the fourth, and so on. The load makes them in pairs.
pub(super) fn between<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Between> {
    let mut all = Vec::new();
    let mut now: Option<(Between, &str)> = None;
    for line in lines {
        if let Some(disk) = mark(line) {
            now = match now.take() {
                Some((between, _)) => {
                    all.push(between);
                    None
                }
                None => Some((Between::default(), disk)),
            };
        } else if let Some((between, disk)) = &mut now {
            collect(between, disk, line);
        }
    }
    all
}

/// No blocks are logged but those after a write of `satp`, each with the registers.
fn collect(between: &mut Between, disk: &str, line: &str) {
    if let Some(space) = satp(line) {
        between.0.push(Logged::Space(space));
    } else if line.starts_with(STOPPED) {
        // It was told, and is begun once more.
        let last = between.0.iter().rposition(|one| matches!(one, Logged::Space(_)));
        last.map(|at| between.0.remove(at));
    } else if event(line, NOTIFY) == Some(disk) {
        between.0.push(Logged::Doorbell);
    }
}

/// The value, in a line ` satp     8000100000080513`.
pub(in crate::bench) fn satp(line: &str) -> Option<u64> {
    let (name, value) = line.strip_prefix(' ')?.split_once(' ')?;
    (name == "satp").then(|| u64::from_str_radix(value.trim(), 16).ok())?
}

/// Which disk, when this is a mark.
fn mark(line: &str) -> Option<&str> {
    line.ends_with(" nsectors 1").then(|| event(line, READ))?
}

/// Which device a line of a trace event is about.
pub(in crate::bench) fn event<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    // With QEMU's option for it, a time stands before the name.
    let (before, rest) = line.split_once(name)?;
    let whole = before.is_empty() || before.ends_with(':');
    let mut words = rest.split(' ');
    (whole && words.next() == Some("") && words.next() == Some("vdev")).then(|| words.next())?
}

#[cfg(test)]
mod tests {
    use super::Logged::{Doorbell, Space};
    use super::*;

    const MARK: &str = "virtio_blk_handle_read vdev 0x5 req 0x7f sector 0 nsectors 1";
    const TRACE: &str =
        "Trace 0: 0x7f4c [0000000000000000/ffffffff80200abc/00000043/ff000000] enter";
    const SATP: &str = " satp     8000100000080513";
    const SPACE: u64 = 0x8000_1000_0008_0513;

    #[test]
    fn test_only_what_is_between_two_marks_counts() {
        let lines = [
            SATP,
            "virtio_queue_notify vdev 0x5 n 0 vq 0x6",
            MARK,
            "virtio_queue_notify vdev 0x5 n 0 vq 0x6",
            TRACE,
            " sstatus  8000100000080513",
            SATP,
            "virtio_blk_handle_read vdev 0x5 req 0x7f sector 8 nsectors 8",
            "virtio_queue_notify vdev 0x9 n 0 vq 0x6",
            TRACE,
            " satp     2a",
            "virtio_queue_notify vdev 0x5 n 0 vq 0x6",
            MARK,
            SATP,
            MARK,
            MARK,
            MARK,
            SATP,
        ];
        let first = [Doorbell, Space(SPACE), Space(0x2a), Doorbell];
        let first = Between(first.into());
        assert_eq!(between(lines.into_iter()), [first, Between::default()]);
    }

    #[test]
    fn test_a_block_that_was_not_executed_is_none() {
        let stopped = "Stopped execution of TB chain before 0x7f4c [ffffffff80200abc] enter";
        let lines = [MARK, TRACE, SATP, stopped, TRACE, SATP, MARK];
        let once = Between([Space(SPACE)].into());
        assert_eq!(between(lines.into_iter()), [once]);
    }

    #[test]
    fn test_the_end_of_a_load_is_after_its_last_doorbell() {
        let all = [Space(1), Doorbell, Space(2), Doorbell, Space(1), Space(2), Doorbell, Space(3)];
        let between = Between(all.into());
        assert_eq!(between.before_the_last_batch(), &all[..3]);
        assert_eq!(between.doorbells(), 2);
        for few in [&all[..1], &all[..3], &[]] {
            let few = Between(few.to_vec());
            assert_eq!((few.before_the_last_batch(), few.doorbells()), (&[][..], 0));
        }
    }

    #[test]
    fn test_names_of_events() {
        assert_eq!(mark(MARK), Some("0x5"));
        assert_eq!(mark(&format!("77@1764433.25:{MARK}")), Some("0x5"));
        assert_eq!(mark("virtio_blk_handle_read vdev 0x5 req 0x7f sector 0 nsectors 11"), None);
        assert_eq!(mark("virtio_blk_handle_write vdev 0x5 req 0x7f sector 0 nsectors 1"), None);
        assert_eq!(event("virtio_queue_notify_vq vdev 0x5 n 0", NOTIFY), None);
        assert_eq!(event("no_virtio_queue_notify vdev 0x5 n 0", NOTIFY), None);
        assert_eq!(satp(" satp     zz"), None);
        assert_eq!(satp("satp     2a"), None);
    }
}
