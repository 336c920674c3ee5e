//! The shell at the prompt. Unprivileged: what it shows, it asks for.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_proto::ids;
use nexus_rt::{CallError, startup};
use nsh::screen::Screen;
use nsh::shell::{PROMPT, Shell};

nexus_rt::entry!(main);

fn main() -> Result<(), CallError> {
    let console = startup()
        .client(ids::CONSOLED)
        .map_err(|_| CallError::Kernel(nexus_abi::Error::BadHandle))?;
    Shell::new(Screen::new(console, PROMPT)?).run()
}
