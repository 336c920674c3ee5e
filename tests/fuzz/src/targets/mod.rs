//! The targets, and the table of all of them.

mod archive;
mod description;
mod elf;
mod logd;
mod policyd;

use crate::Target;

macro_rules! targets {
    ($($name:ident: $mutations:literal;)+) => {
        $(pub use $name::$name;)+

        /// Every target.
        pub const TARGETS: &[Target] = &[$(Target {
            name: stringify!($name),
            run: $name::$name,
            seeds: $name::seeds,
            mutations: $mutations,
        }),+];
    };
}

targets! {
    archive: 2000;
    description: 1000;
    elf: 2000;
    logd: 500;
    policyd: 500;
}
