//! `dma`: the devices that reach memory by themselves, and what each of them reaches.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::init::DmaEntry;
use nexus_words::amount::size;
use nexus_words::standing;

use crate::names::Names;
use crate::table::{Table, left, right};

/// The devices, their pools, and how those stand. The digest is of what was placed in their tables.
#[must_use]
pub fn dma(list: &[DmaEntry], names: &Names) -> String {
    if list.is_empty() {
        return "no device reaches memory by itself\n".to_string();
    }
    let mut table = Table::new(&[
        left("DEVICE"),
        left("OWNER"),
        right("POOL"),
        right("SIZE"),
        right("REACH"),
        left("DIGEST"),
        left("STATE"),
    ]);
    for one in list {
        let set_up = one.len != 0;
        let told = |text: String| if set_up { text } else { "-".to_string() };
        table.row([
            names.device(one.device),
            if one.owner.id == 0 { "-".to_string() } else { names.service(one.owner.id) },
            told(one.pool.to_string()),
            told(size(one.len)),
            told(one.reach.to_string()),
            told(format!("{:016x}", one.digest)),
            standing::pool(one.state).to_string(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::names;
    use crate::table::{columns, width};
    use nexus_proto::init::DmaState;
    use nexus_proto::{Subject, Zero};

    fn entry(device: u16, owner: u32, len: u64, state: DmaState) -> DmaEntry {
        DmaEntry {
            next: 0,
            device,
            pool: device,
            owner: Subject { id: owner, incarnation: 1 },
            len,
            reach: len / 4096 * 4000,
            digest: 0x12_3456_789a_bcde,
            state,
            zero: Zero::ZERO,
        }
    }

    #[test]
    fn what_each_device_reaches() {
        let list = [
            entry(3, 7, 8192, DmaState::InUse),
            entry(4, 8, 1 << 20, DmaState::Quarantined),
            DmaEntry { owner: Subject::default(), ..entry(5, 0, 0, DmaState::None) },
        ];
        assert_eq!(
            dma(&list, &names()),
            "\
DEVICE  OWNER       POOL   SIZE    REACH  DIGEST            STATE
rng0    rngd           3  8 KiB     8000  00123456789abcde  in use
blk0    virtioblkd     4  1 MiB  1024000  00123456789abcde  quarantined
net0    -              -      -        -  -                 none
"
        );
        assert_eq!(dma(&[], &names()), "no device reaches memory by itself\n");
    }

    #[test]
    fn the_largest_numbers_fit_the_terminal() {
        let most = DmaEntry { reach: 1 << 24, ..entry(4, 8, 1 << 24, DmaState::Quarantined) };
        let text = dma(&[most], &names());
        assert!(text.lines().all(|line| width(line) <= columns()), "{text}");
    }
}
