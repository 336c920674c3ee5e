//! Lets the linker find `link.ld`, which the build tool asks for by name.
#![forbid(unsafe_code)]

fn main() {
    let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rustc-link-search=native={directory}");
    println!("cargo:rerun-if-changed=link.ld");
}
