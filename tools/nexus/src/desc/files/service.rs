//! `services/NAME.toml`: what a service is, and what it asks for.

use super::lines::{read_irq, read_polls, read_registers};
use super::name_of_file;
use super::net::{read_reaches, read_sockets};
use super::queues::read_queues;
use super::restart::{read_answers_within, read_restart};
use super::rights::read_rights;
use super::state::{read_opens, read_state};
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{Beside, Binary, Budget, MustProve, Need, Ring, Service};
use crate::desc::report::Reporter;
use crate::desc::source::{At, Source};
use crate::desc::table::{Key, Parsed, Table, key};
use crate::desc::unread::Unread;
use nexus_sysdesc::{Permission, Restart, bounds};
use std::path::Path;
use std::sync::Arc;

const ID: Key = key("id", "12");
const BINARY: Key = key("binary", "{ path = \"../source/services/rngd\" }");
const PATH: Key = key("path", "\"../source/services/rngd\"");
const BIN: Key = key("bin", "\"rngd\"");
const STARTED_BY: Key = key("started-by", "\"kernel\"");
const PRIORITY: Key = key("priority", "16");
const BUDGET: Key = key("budget", "{ frames = 256, objects = 64 }");
const FRAMES: Key = key("frames", "256");
const OBJECTS: Key = key("objects", "64");
const STACK_PAGES: Key = key("stack-pages", "16");
const NEEDS: Key = key("needs", "[{ device = \"rng0\", rights = [\"map\", \"read\", \"write\"] }]");
const DEVICE: Key = key("device", "\"rng0\"");
const TALKS_TO: Key = key("talks-to", "[\"logd\"]");
const SERVES: Key = key("serves", "true");
const ASKS: Key = key("asks", "[\"view\"]");
const RINGS: Key = key("rings", "[{ with = \"virtioblkd\", pages = 65 }]");
const RING: Key = key("ring", "{ pages = 65 }");
/// The driver, and the pages, of a ring.
pub(super) const WITH: Key = key("with", "\"virtioblkd\"");
pub(super) const PAGES: Key = key("pages", "65");
const WHERE: Key = key("where", "{ rngd = { talks-to = [\"rngd\"] } }");
const MUST_PROVE: Key = key("must-prove", "[\"mmio-window-mapped\"]");
const FIRST_BOOT: Key = key("first-boot", "{ written = 2 }");

/// Pages of the first stack, where the file does not say.
const DEFAULT_STACK: u32 = 16;

/// Reads it. Paths in it are relative to `dir`, the system's directory.
pub(crate) fn read_service(
    reporter: &Reporter,
    source: &Arc<Source>,
    path: &Path,
    dir: &Path,
    unread: &mut Unread,
) -> Option<Service> {
    let before = reporter.count();
    let name = name_of_file(reporter, source, path);
    let parsed = Parsed::new(source);
    let mut table = parsed.root("a service file", reporter);
    let service = read_keys(&mut table, name, dir, reporter);
    table.finish();
    match &service {
        None => unread.base = true,
        Some(service) if source.has_mistakes() || reporter.count() > before => {
            unread.services.insert(service.name.value.clone());
        }
        Some(_) => {}
    }
    service
}

fn read_keys(
    table: &mut Table<'_>,
    name: Option<At<String>>,
    dir: &Path,
    reporter: &Reporter,
) -> Option<Service> {
    for needed in [ID, BINARY, PRIORITY] {
        table.must_have(needed);
    }
    let permissions = Permission::ALL.map(|permission| (permission.name(), permission));
    let id = table.number(ID, 1..=u32::MAX);
    let binary = table.table(BINARY, "`binary`");
    let binary = binary.and_then(|table| read_binary(table, name.as_ref(), dir));
    let by_kernel = table.choice(STARTED_BY, "the kernel, which starts init", &[("kernel", true)]);
    let priority = table.number(PRIORITY, 0..=bounds::MAX_PRIORITY);
    if by_kernel.is_none() {
        table.must_have(BUDGET);
    }
    let budget = table.table(BUDGET, "`budget`").and_then(read_budget);
    let stack_pages = table.number(STACK_PAGES, 1..=bounds::MAX_STACK_PAGES);
    let needs = table.tables(NEEDS, "an entry of `needs`").into_iter().filter_map(read_need);
    let needs = needs.collect();
    let talks_to = table.words(TALKS_TO);
    let serves = table.boolean(SERVES).is_some_and(|serves| serves.value);
    let restart = read_restart(table);
    let answers_within = read_answers_within(table);
    let asks = table.choices(ASKS, "a permission", &permissions);
    let rings = table.tables(RINGS, "an entry of `rings`").into_iter().filter_map(read_ring);
    let rings = rings.collect();
    let state = read_state(table);
    let opens = read_opens(table);
    let sockets = read_sockets(table);
    let reaches = read_reaches(table);
    let must_prove = read_proofs(table, MUST_PROVE, reporter);
    let first_boot = read_proofs(table, FIRST_BOOT, reporter);
    let here = table.span.clone();
    let beside = table.table(WHERE, "[where]").map(|table| read_where(table, reporter));
    Some(Service {
        name: name?,
        id: id.unwrap_or_else(|| At { value: 0, span: here.clone() }),
        binary,
        by_kernel: by_kernel.is_some(),
        priority: priority.unwrap_or_else(|| At { value: 0, span: here.clone() }),
        budget,
        stack_pages: stack_pages.map_or(DEFAULT_STACK, |pages| pages.value),
        needs,
        talks_to,
        serves,
        restart: restart.unwrap_or(At { value: Restart::Never, span: here.clone() }),
        answers_within,
        asks,
        rings,
        state,
        opens,
        sockets,
        reaches,
        must_prove,
        first_boot,
        beside: beside.unwrap_or_default(),
    })
}

fn read_binary(mut table: Table<'_>, name: Option<&At<String>>, dir: &Path) -> Option<Binary> {
    table.must_have(PATH);
    let path = table.string(PATH);
    let bin = table.string(BIN).map(|bin| bin.value);
    table.finish();
    let bin = bin.or_else(|| name.map(|name| name.value.clone()))?;
    Some(Binary { path: path?, relative_to: dir.to_path_buf(), bin })
}

fn read_budget(mut table: Table<'_>) -> Option<Budget> {
    table.must_have(FRAMES);
    table.must_have(OBJECTS);
    let span = table.span.clone();
    let frames = table.number(FRAMES, 1..=bounds::MAX_FRAMES);
    let objects = table.number(OBJECTS, 1..=bounds::MAX_OBJECTS);
    table.finish();
    Some(Budget { span, frames: frames?.value, objects: objects?.value })
}

/// What counts only in a system that has the service that each table is called by.
fn read_where(table: Table<'_>, reporter: &Reporter) -> Vec<Beside> {
    let read = |(service, mut table): (At<String>, Table<'_>)| {
        let talks_to = table.words(TALKS_TO);
        let must_prove = read_proofs(&mut table, MUST_PROVE, reporter);
        let first_boot = read_proofs(&mut table, FIRST_BOOT, reporter);
        let ring = table.table(RING, "`ring`");
        let ring = ring.and_then(|ring| read_ring_beside(ring, &service, reporter));
        let sockets = read_sockets(&mut table);
        let reaches = read_reaches(&mut table);
        table.finish();
        Beside { service, talks_to, must_prove, first_boot, ring, sockets, reaches }
    };
    table.tables_by_name("a table in [where]").into_iter().map(read).collect()
}

fn read_proofs(table: &mut Table<'_>, key: Key, reporter: &Reporter) -> Vec<MustProve> {
    let proofs = table.proofs(key).into_iter();
    proofs.filter(|proof| check_proof(reporter, &proof.name)).collect()
}

/// A ring with the service that the table above is called by.
fn read_ring_beside(
    mut table: Table<'_>,
    with: &At<String>,
    reporter: &Reporter,
) -> Option<(Ring, Vec<MustProve>)> {
    table.must_have(PAGES);
    let pages = table.number(PAGES, bounds::RING_PAGES);
    let must_prove = read_proofs(&mut table, MUST_PROVE, reporter);
    table.finish();
    Some((Ring { with: with.clone(), pages: pages? }, must_prove))
}

fn read_ring(mut table: Table<'_>) -> Option<Ring> {
    table.must_have(WITH);
    table.must_have(PAGES);
    let with = table.string(WITH);
    let pages = table.number(PAGES, bounds::RING_PAGES);
    table.finish();
    Some(Ring { with: with?, pages: pages? })
}

fn read_need(mut table: Table<'_>) -> Option<Need> {
    table.must_have(DEVICE);
    let span = table.span.clone();
    let device = table.string(DEVICE);
    let before = table.reporter.count();
    let rights = read_rights(&mut table);
    let irq = read_irq(&mut table);
    let polls = read_polls(&mut table);
    let registers = read_registers(&mut table);
    let queues = read_queues(&mut table);
    let whole = table.reporter.count() == before;
    table.finish();
    let (device, rights) = (device?, rights.filter(|_| whole)?);
    Some(Need { span, device, rights, irq, polls, registers, queues })
}

/// Reports a malformed name of a proof; true when it is well formed.
pub(super) fn check_proof(reporter: &Reporter, proof: &At<String>) -> bool {
    let good = bounds::is_proof(proof);
    if !good {
        let message = format!("`{}` cannot be the name of a proof", proof.escape_default());
        let fix = format!(
            "use a to z, 0 to 9 and `-`, beginning with a letter, at most {} characters",
            bounds::MAX_PROOF
        );
        reporter.add(Diagnostic::at(Kind::BadName, &proof.span, message, fix));
    }
    good
}
