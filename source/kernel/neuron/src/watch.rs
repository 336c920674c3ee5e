//! Which processes the checker watches, as the boot arguments say: `watch=32,33 every=16`. Test
//! builds only.

use dtoolkit::fdt::Fdt;
use dtoolkit::{Node, Property};

/// What begins the list among the boot arguments.
const KEY: &str = "watch=";
/// What begins the number of calls.
const EVERY: &str = "every=";

/// Service ids are from 1 to 1023.
const IDS: usize = 1024;

/// Service ids, and how often they are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    ids: [u64; IDS / 64],
    /// One in so many of their calls that touch no page table is looked at; never 0.
    pub every: u32,
}

impl Watched {
    /// Nobody.
    pub const NOBODY: Watched = Watched { ids: [0; IDS / 64], every: 1 };

    /// Those that the device tree names under `/chosen`. Who is named by no number is not watched.
    #[must_use]
    pub fn of_tree(data: &[u8]) -> Watched {
        let chosen = Fdt::new(data).ok().and_then(|tree| tree.find_node("/chosen"));
        let arguments = chosen.as_ref().and_then(|chosen| chosen.property("bootargs"));
        let text = arguments.as_ref().map(|arguments| arguments.value());
        let text = text.and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default();
        Watched::of_arguments(text.trim_end_matches('\0'))
    }

    fn of_arguments(arguments: &str) -> Watched {
        let lists = arguments.split_ascii_whitespace().filter_map(|one| one.strip_prefix(KEY));
        let ids = lists.flat_map(|list| list.split(',')).filter_map(|id| id.parse::<usize>().ok());
        let mut watched = Watched::NOBODY;
        for id in ids {
            if let Some(word) = watched.ids.get_mut(id / 64) {
                *word |= 1 << (id % 64);
            }
        }
        let mut numbers =
            arguments.split_ascii_whitespace().filter_map(|one| one.strip_prefix(EVERY));
        watched.every = numbers.find_map(|number| number.parse().ok()).unwrap_or(1).max(1);
        watched
    }

    /// True when this one is watched.
    #[must_use]
    pub fn has(&self, id: u32) -> bool {
        let word = self.ids.get(id as usize / 64);
        word.is_some_and(|word| word >> (id % 64) & 1 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

    fn ids(watched: &Watched) -> Vec<u32> {
        (0..2048).filter(|id| watched.has(*id)).collect()
    }

    #[test]
    fn the_list_is_found_among_other_arguments() {
        let watched = Watched::of_arguments("quiet watch=32,33,1023 root=none watch=64");
        assert_eq!(ids(&watched), [32, 33, 64, 1023]);
        assert_eq!(watched.every, 1);
        let every = |text| Watched::of_arguments(text).every;
        assert_eq!([every("watch=1 every=16"), every("every=0"), every("every=x")], [16, 1, 1]);
    }

    #[test]
    fn what_is_no_service_id_names_nobody() {
        for none in ["", "watch=", "watch=x,-1,1024,99999999999999999999", "xwatch=3"] {
            assert_eq!(Watched::of_arguments(none), Watched::NOBODY, "{none}");
        }
    }

    #[test]
    fn the_list_is_read_from_a_device_tree() {
        let mut tree = DeviceTree::new();
        let mut chosen = DeviceTreeNode::new("chosen").unwrap();
        chosen.add_property(DeviceTreeProperty::new("bootargs", "watch=7").unwrap());
        tree.root.add_child(chosen);
        assert_eq!(ids(&Watched::of_tree(&tree.to_dtb())), [7]);
        assert_eq!(Watched::of_tree(&DeviceTree::new().to_dtb()), Watched::NOBODY);
        assert_eq!(Watched::of_tree(b"no tree"), Watched::NOBODY);
    }
}
