//! What QEMU logs: the blocks of code that it begins, the doorbells, and what the disk is asked for.

/// Trace event: the disk is asked to read.
pub(super) const READ: &str = "virtio_blk_handle_read";
/// Trace event: a doorbell.
pub(super) const NOTIFY: &str = "virtio_queue_notify";

/// What was logged between two marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Between {
    /// Blocks of code that were begun: those after a write of `satp`, as no others are logged.
    pub(super) switches: u64,
    /// Doorbells of the disk, as far as QEMU took them one by one.
    pub(super) doorbells: u64,
}

/// Counts between the marks, which are reads of one sector: from the first to the second, from the third to the
/// fourth, and so on. The load makes them in pairs.
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
            count(between, disk, line);
        }
    }
    all
}

fn count(between: &mut Between, disk: &str, line: &str) {
    if line.starts_with("Trace ") {
        between.switches += 1;
    } else if line.starts_with("Stopped execution of TB chain before ") {
        // It was told, and is begun once more.
        between.switches = between.switches.saturating_sub(1);
    } else if event(line, NOTIFY) == Some(disk) {
        between.doorbells += 1;
    }
}

/// Which disk, when this is a mark.
fn mark(line: &str) -> Option<&str> {
    line.ends_with(" nsectors 1").then(|| event(line, READ))?
}

/// Which device a line of a trace event is about.
fn event<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    // With QEMU's option for it, a time stands before the name.
    let (before, rest) = line.split_once(name)?;
    let whole = before.is_empty() || before.ends_with(':');
    let mut words = rest.split(' ');
    (whole && words.next() == Some("") && words.next() == Some("vdev")).then(|| words.next())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "virtio_blk_handle_read vdev 0x5 req 0x7f sector 0 nsectors 1";
    const TRACE: &str =
        "Trace 0: 0x7f4c [0000000000000000/ffffffff80200abc/00000043/ff000000] enter";

    #[test]
    fn test_only_what_is_between_two_marks_counts() {
        let lines = [
            TRACE,
            "virtio_queue_notify vdev 0x5 n 0 vq 0x6",
            MARK,
            TRACE,
            "virtio_queue_notify vdev 0x5 n 0 vq 0x6",
            "virtio_blk_handle_read vdev 0x5 req 0x7f sector 8 nsectors 8",
            "virtio_queue_notify vdev 0x9 n 0 vq 0x6",
            TRACE,
            "virtio_queue_notify vdev 0x5 n 0 vq 0x6",
            MARK,
            TRACE,
            MARK,
            MARK,
            MARK,
            TRACE,
        ];
        let expected = [Between { switches: 2, doorbells: 2 }, Between::default()];
        assert_eq!(between(lines.into_iter()), expected);
    }

    #[test]
    fn test_a_block_that_was_not_executed_is_none() {
        let stopped = "Stopped execution of TB chain before 0x7f4c [ffffffff80200abc] enter";
        let lines = [MARK, TRACE, stopped, TRACE, MARK];
        assert_eq!(between(lines.into_iter()), [Between { switches: 1, doorbells: 0 }]);
    }

    #[test]
    fn test_names_of_events() {
        assert_eq!(mark(MARK), Some("0x5"));
        assert_eq!(mark(&format!("77@1764433.25:{MARK}")), Some("0x5"));
        assert_eq!(mark("virtio_blk_handle_read vdev 0x5 req 0x7f sector 0 nsectors 11"), None);
        assert_eq!(mark("virtio_blk_handle_write vdev 0x5 req 0x7f sector 0 nsectors 1"), None);
        assert_eq!(event("virtio_queue_notify_vq vdev 0x5 n 0", NOTIFY), None);
        assert_eq!(event("no_virtio_queue_notify vdev 0x5 n 0", NOTIFY), None);
    }
}
