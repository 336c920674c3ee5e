//! `profiles/NAME.toml`: a variant of the system.

use super::name_of_file;
use super::service::check_proof;
use crate::desc::model::ProfileFile;
use crate::desc::report::Reporter;
use crate::desc::source::{At, Source, Span};
use crate::desc::table::{Key, Parsed, key};
use nexus_sysdesc::Profile;
use std::path::Path;
use std::sync::Arc;

const KIND: Key = key("kind", "\"prod\"");
const TESTS: Key = key("tests", "\"own\"");
const WITHOUT: Key = key("without", "[\"selftest-client\"]");
const WITHOUT_DEVICES: Key = key("without-devices", "[\"empty0\"]");
const WATCH: Key = key("watch", "[\"hostile-spam\"]");
const WATCH_EVERY: Key = key("watch-every", "16");
const COUNT: Key = key("count", "\"instret\"");
const RESTARTS: Key = key("restarts", "\"unlimited\"");
const MUST_PROVE: Key = key("must-prove", "{ rngd = [\"mmio-window-mapped\"] }");

/// Reads it.
pub(crate) fn read_profile(
    reporter: &Reporter,
    source: &Arc<Source>,
    path: &Path,
) -> Option<ProfileFile> {
    let name = name_of_file(reporter, source, path);
    let parsed = Parsed::new(source);
    let mut table = parsed.root("a profile", reporter);
    table.must_have(KIND);
    let kinds = [Profile::Prod, Profile::Test].map(|kind| (kind.name(), kind));
    let kind = table.choice(KIND, "a kind of profile", &kinds);
    let tests = table.choice(TESTS, "what tests a system", &[("own", ())]);
    let without = table.words(WITHOUT);
    let without_devices = table.words(WITHOUT_DEVICES);
    let watch = table.words(WATCH);
    let every = table.number(WATCH_EVERY, 1..=1024u32).map_or(1, |every| every.value);
    let count = table.choice(COUNT, "something that programs may count", &[("instret", ())]);
    let restarts = table.choice(RESTARTS, "a number of restarts", &[("unlimited", ())]);
    let proofs = table.table(MUST_PROVE, "[must-prove]");
    let must_prove =
        proofs.map(|table| table.lists_by_name("[\"mmio-window-mapped\"]")).unwrap_or_default();
    table.finish();
    for proof in must_prove.iter().flat_map(|(_, proofs)| proofs) {
        check_proof(reporter, proof);
    }
    Some(ProfileFile {
        name: name?,
        // A kind that could not be read refuses nothing more.
        kind: kind.unwrap_or(At { value: Profile::Test, span: Span::start_of(source) }),
        own_tests: tests.is_some(),
        without,
        without_devices,
        watch,
        watch_every: every,
        count: count.map(|count| count.span),
        unlimited_restarts: restarts.map(|restarts| restarts.span),
        must_prove,
    })
}
