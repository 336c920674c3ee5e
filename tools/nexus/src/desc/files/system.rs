//! `system.toml`: what a system is called, and what it begins with.

use crate::desc::report::Reporter;
use crate::desc::source::{At, Source, Span};
use crate::desc::table::{Key, Parsed, key};
use std::sync::Arc;

const NAME: Key = key("name", "\"my-system\"");
const BOARD: Key = key("board", "\"qemu-virt\"");
const EXTENDS: Key = key("extends", "\"standard\"");
const REMOVE: Key = key("remove", "{ services = [\"nsh\"], policy = [\"permit-nsh-power\"] }");
const SERVICES: Key = key("services", "[\"nsh\"]");
const POLICY: Key = key("policy", "[\"permit-nsh-power\"]");

/// What `system.toml` says.
#[derive(Debug)]
pub(crate) struct SystemFile {
    pub(crate) name: At<String>,
    pub(crate) board: Option<At<String>>,
    pub(crate) extends: Option<At<String>>,
    pub(crate) remove_services: Vec<At<String>>,
    pub(crate) remove_policy: Vec<At<String>>,
    /// Something of it could not be read.
    pub(crate) unread: bool,
}

impl SystemFile {
    /// What stands for a file that is not there. `source` is where it is missed.
    pub(crate) fn missing(source: &Arc<Source>) -> SystemFile {
        SystemFile {
            name: At { value: String::new(), span: Span::start_of(source) },
            board: None,
            extends: None,
            remove_services: Vec::new(),
            remove_policy: Vec::new(),
            unread: true,
        }
    }
}

/// Reads it.
pub(crate) fn read_system(reporter: &Reporter, source: &Arc<Source>) -> SystemFile {
    let parsed = Parsed::new(source);
    let mut table = parsed.root("system.toml", reporter);
    table.must_have(NAME);
    let name = table.name(NAME);
    let extends = table.string(EXTENDS);
    // What it extends may be what could not be read.
    let unread = source.has_mistakes() || table.has(EXTENDS) && extends.is_none();
    if extends.is_none() {
        table.must_have(BOARD);
    }
    let board = table.name(BOARD);
    let (mut remove_services, mut remove_policy) = (Vec::new(), Vec::new());
    if let Some(mut remove) = table.table(REMOVE, "[remove]") {
        remove_services = remove.words(SERVICES);
        remove_policy = remove.words(POLICY);
        remove.finish();
    }
    table.finish();
    let nameless = || At { value: String::new(), span: Span::start_of(source) };
    let name = name.unwrap_or_else(nameless);
    SystemFile { name, board, extends, remove_services, remove_policy, unread }
}
