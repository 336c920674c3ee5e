//! A logd that ends before anything happens.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

nexus_rt::entry!(main);

fn main() {}
