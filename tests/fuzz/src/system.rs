//! The standard system, as the services under test know it: with the tests laid over it, and without.

use std::path::Path;
use std::sync::OnceLock;

use nexus::desc;
use nexus_sysdesc::{Description, Profile};

/// The device tree of QEMU's virt machine.
pub const DEVICE_TREE: &[u8] =
    include_bytes!("../../../source/init/nexus-init/tests/data/qemu-virt.dtb");

/// The root of the tree.
#[must_use]
pub fn root() -> &'static Path {
    static ROOT: OnceLock<&Path> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().nth(2).expect("the crate lies two directories below the root")
    })
}

/// The description of the standard system in a profile.
#[must_use]
pub fn description(profile: Profile) -> &'static Description {
    static ALL: OnceLock<Vec<Description>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let (system, tests) = (root().join("system"), root().join("tests/overlay"));
        let checked = desc::check_with_tests(&system, &system, Some(&tests), &system);
        let checked = checked.expect("the tool works");
        let checked = checked.unwrap_or_else(|report| panic!("{report}"));
        checked.into_iter().map(|checked| checked.description).collect()
    });
    all.iter().find(|description| description.profile == profile).expect("both profiles")
}

/// The same, chosen by the lowest bit of a byte.
#[must_use]
pub fn either(byte: u8) -> &'static Description {
    description(if byte & 1 == 0 { Profile::Test } else { Profile::Prod })
}
