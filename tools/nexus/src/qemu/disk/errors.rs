//! Requests that fail, by QEMU's `blkdebug` (docs/devel/blkdebug.rst of QEMU).
//!
//! It has one state, which goes on by one with each event of a kind, and an error comes at one state. So there is a
//! node for each kind of request, and a raw one above each, because those are what tells it of events.

use std::fmt::Write;
use std::str::FromStr;

/// What is asked of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To read.
    Read,
    /// To write.
    Write,
    /// To have what was written last.
    Flush,
}

/// A request that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskError {
    /// Of which kind.
    pub kind: Kind,
    /// Which of that kind, from 1 to [`DiskError::LAST`].
    pub number: u16,
    /// How.
    pub how: How,
}

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The disk cannot do it.
    Broken,
    /// There is no room.
    Full,
}

impl How {
    /// As Linux numbers it: EIO or ENOSPC.
    const fn errno(self) -> u32 {
        match self {
            How::Broken => 5,
            How::Full => 28,
        }
    }
}

impl DiskError {
    /// The last that can fail: QEMU is told of each state before.
    pub const LAST: u16 = 256;
}

impl FromStr for DiskError {
    type Err = ();

    /// As a file has it: `write 5`; `full 5` is the fifth write as well, for which there is no room.
    fn from_str(text: &str) -> Result<DiskError, ()> {
        let (kind, number) = text.split_once(' ').ok_or(())?;
        let named = Kind::ALL.into_iter().find(|one| one.name() == kind);
        let (kind, how) = match (named, kind) {
            (Some(kind), _) => (kind, How::Broken),
            (None, "full") => (Kind::Write, How::Full),
            (None, _) => return Err(()),
        };
        let number = number.parse().map_err(|_| ())?;
        (1..=DiskError::LAST).contains(&number).then_some(DiskError { kind, number, how }).ok_or(())
    }
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Read, Kind::Write, Kind::Flush];

    const fn name(self) -> &'static str {
        match self {
            Kind::Read => "read",
            Kind::Write => "write",
            Kind::Flush => "flush",
        }
    }

    /// The event that QEMU's raw format tells before it asks for it.
    const fn event(self) -> &'static str {
        match self {
            Kind::Read => "read_aio",
            Kind::Write => "write_aio",
            Kind::Flush => "flush_to_disk",
        }
    }

    /// Requests that QEMU makes itself before the guest runs: it looks for a partition table.
    const fn before(self) -> u16 {
        match self {
            Kind::Read => 1,
            Kind::Write | Kind::Flush => 0,
        }
    }
}

/// The nodes of a disk called `name`, whose `errors` fail, over the node `file`; the one below the others first.
pub(super) fn nodes(name: &str, file: &str, errors: &[DiskError]) -> Vec<String> {
    let mut nodes = Vec::new();
    let mut below = file.to_owned();
    for kind in Kind::ALL {
        let above = format!("{name}-{}", kind.name());
        let node = format!("{above}-errors");
        let errors = errors.iter().filter(|error| error.kind == kind);
        let states = errors.map(|error| (error.number + kind.before(), error.how));
        let rules = rules(kind, &states.collect::<Vec<_>>());
        nodes.push(format!("driver=blkdebug,node-name={node},image={below}{rules}"));
        nodes.push(format!("driver=raw,node-name={above},file={node},discard=unmap"));
        below = above;
    }
    nodes.push(format!("driver=raw,node-name={name},file={below},discard=unmap"));
    nodes
}

/// In state n is event number n; it begins with 1.
fn rules(kind: Kind, states: &[(u16, How)]) -> String {
    let (event, mut rules) = (kind.event(), String::new());
    let last = states.iter().map(|(state, _)| *state).max().unwrap_or(1);
    for (at, state) in (1..last).enumerate() {
        let rule = format!("set-state.{at}");
        let next = state + 1;
        let _ = write!(rules, ",{rule}.event={event},{rule}.state={state},{rule}.new_state={next}");
    }
    for (at, (state, how)) in states.iter().enumerate() {
        let (rule, errno) = (format!("inject-error.{at}"), how.errno());
        let _ = write!(
            rules,
            ",{rule}.event={event},{rule}.iotype={},{rule}.state={state},{rule}.errno={errno},\
             {rule}.once=on",
            kind.name()
        );
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> Option<DiskError> {
        text.parse().ok()
    }

    #[test]
    fn test_errors_are_read() {
        let broken = |kind, number| Some(DiskError { kind, number, how: How::Broken });
        assert_eq!(error("write 5"), broken(Kind::Write, 5));
        assert_eq!(error("flush 1"), broken(Kind::Flush, 1));
        assert_eq!(error("read 256"), broken(Kind::Read, 256));
        let full = Some(DiskError { kind: Kind::Write, number: 7, how: How::Full });
        assert_eq!(error("full 7"), full);
        for wrong in ["write", "write 0", "write 257", "write -1", "trim 1", "write  1", "write 1 "]
        {
            assert_eq!(error(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn test_each_kind_is_counted_by_a_node_of_its_own() {
        let errors = ["full 2", "write 3", "read 1"].map(|text| error(text).unwrap());
        let nodes = nodes("d", "f", &errors);
        let starts = [
            "driver=blkdebug,node-name=d-read-errors,image=f,set-state.0.event=read_aio,\
             set-state.0.state=1,set-state.0.new_state=2,inject-error.0.event=read_aio,\
             inject-error.0.iotype=read,inject-error.0.state=2,inject-error.0.errno=5,\
             inject-error.0.once=on",
            "driver=raw,node-name=d-read,file=d-read-errors,",
            "driver=blkdebug,node-name=d-write-errors,image=d-read,set-state.0.event=write_aio,",
            "driver=raw,node-name=d-write,file=d-write-errors,",
            "driver=blkdebug,node-name=d-flush-errors,image=d-write",
            "driver=raw,node-name=d-flush,file=d-flush-errors,",
            "driver=raw,node-name=d,file=d-flush,",
        ];
        assert_eq!(nodes.len(), starts.len());
        for (node, start) in nodes.iter().zip(starts) {
            assert!(node.starts_with(start), "{node}");
        }
        let [.., writes, _, _, _, _] = nodes.as_slice() else { panic!("{nodes:?}") };
        for rule in ["0.state=2,inject-error.0.errno=28,", "1.state=3,inject-error.1.errno=5,"] {
            assert!(writes.contains(rule), "{writes}");
        }
    }
}
