//! Writes the page, its JSON, its metrics and its graph, of a machine that is made up, into a folder:
//! `cargo run -p httpd --example render -- FOLDER`. For who works on how it looks.

use std::path::PathBuf;
use std::{env, fs, io};

use httpd::{metrics, model, page};

#[path = "../src/tests/fixture.rs"]
#[allow(dead_code)]
mod fixture;

fn main() -> io::Result<()> {
    let folder: PathBuf = env::args_os().nth(1).unwrap_or_else(|| ".".into()).into();
    fs::create_dir_all(&folder)?;
    let snapshot = fixture::snapshot();
    let json = serde_json::to_string_pretty(&snapshot).map_err(io::Error::other)?;
    fs::write(folder.join("page.html"), page::page(&snapshot))?;
    fs::write(folder.join("api.json"), json)?;
    fs::write(folder.join("metrics.txt"), metrics::metrics(&snapshot))
}
