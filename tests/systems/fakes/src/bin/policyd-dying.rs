//! A policyd that ends while it is asked.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_abi::{Handle, Message, NO_DEADLINE};
use nexus_rt::{StartError, startup, sys};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    sys::reply_recv(endpoint, Handle::NONE, &Message::default(), NO_DEADLINE)?;
    Ok(())
}
