//! Puts the style of the page together, and names style and script by their hashes, for the policy that lets a
//! browser use these and no others.

use std::path::Path;
use std::{env, fs};

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

fn main() {
    let out = env::var("OUT_DIR").expect("cargo tells where");
    let read = |name: &str| {
        println!("cargo::rerun-if-changed=assets/{name}");
        fs::read_to_string(Path::new("assets").join(name)).expect("it lies in the crate")
    };
    let write = |name: &str, text: &str| {
        fs::write(Path::new(&out).join(name), text).expect("cargo's folder can be written");
    };
    let style = read("page.css") + nexus_graph::STYLE;
    let script = read("page.js");
    write("style.sha256", &named(&style));
    write("script.sha256", &named(&script));
    write("page.css", &style);
    write("page.js", &script);
}

/// The hash of a text as policies have it (Content Security Policy 3, 2.3.1).
fn named(text: &str) -> String {
    format!("'sha256-{}'", Base64::encode_string(&Sha256::digest(text)))
}
