//! A service that ends at once.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

nexus_rt::entry!(main);

fn main() {
    nexus_rt::entry::end(4);
}
