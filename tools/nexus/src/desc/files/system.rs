//! `system.toml`: what a system is called, and what it begins with.

use crate::desc::report::Reporter;
use crate::desc::source::{At, Source};
use crate::desc::table::{Key, Parsed, key};
use std::rc::Rc;

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
}

/// Reads it.
pub(crate) fn read_system(reporter: &Reporter, source: &Rc<Source>) -> Option<SystemFile> {
    let parsed = Parsed::new(source, reporter)?;
    let mut table = parsed.root("system.toml", reporter);
    table.must_have(NAME);
    let name = table.name(NAME);
    let extends = table.string(EXTENDS);
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
    Some(SystemFile { name: name?, board, extends, remove_services, remove_policy })
}
