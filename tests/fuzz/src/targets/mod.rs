//! The targets, and the table of all of them.

mod archive;
mod board;
mod busd;
mod client;
mod consoled;
mod description;
mod device;
mod disk;
mod elf;
mod fetch;
mod httpd;
mod init;
mod ledgers;
mod lines;
mod logd;
mod net;
mod packets;
mod policy;
mod policyd;
mod powerd;
mod queue;
mod ring;
mod rngd;
mod rtcd;
mod serial;
mod sockets;
mod state;
mod store;
mod syscalls;
mod system;

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
    board: 1000;
    busd: 2000;
    client: 1500;
    consoled: 500;
    description: 1000;
    device: 2000;
    disk: 500;
    elf: 2000;
    fetch: 3000;
    httpd: 1000;
    init: 300;
    ledgers: 500;
    lines: 500;
    logd: 500;
    net: 300;
    packets: 1000;
    policy: 1000;
    policyd: 500;
    powerd: 500;
    queue: 3000;
    ring: 3000;
    rngd: 500;
    rtcd: 500;
    serial: 1000;
    sockets: 3000;
    state: 3000;
    store: 400;
    syscalls: 1500;
    system: 200;
}
