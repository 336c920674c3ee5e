//! Owner of a bank of NOR flash: maps its window, finds out what is in it, and answers for it.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use flashd::cfi::Bank;
use flashd::server;
use nexus_rt::abi::PAGE_SIZE;
use nexus_rt::proto::device::Device;
use nexus_rt::{StartError, info, owner, proof, serve, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let start = startup();
    let endpoint = start.serve()?;
    let window_len = start.window()?.len;
    // The registers that a flash answers questions in are all in its first page.
    let page = owner::window_part(0, PAGE_SIZE)?;
    let flash = Bank::new(page)
        .and_then(|mut bank| bank.identify(window_len))
        .map_err(|why| owner::wrong_device(&why, 0))?;
    info!("{flash}");
    // Only a test run keeps it, and only a test run misses it; `must-prove` in the service file names it.
    let _ = proof("flash-identified", 1);
    owner::ready(0);
    let identity = server::identity(&flash);
    let end = serve::<Device>(endpoint, |_, request| server::answer(&identity, &request));
    Err(StartError::Kernel(end))
}
