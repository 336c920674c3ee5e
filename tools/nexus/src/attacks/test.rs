//! What tests an attack, and under which name it runs.

/// Something that runs, and can fail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    /// A test on the host.
    Host {
        /// The test binary, as nextest names it.
        binary: String,
        /// Modules and function.
        path: String,
    },
    /// A system that `cargo nexus check` must refuse in given words.
    Refusal(String),
    /// A proof in QEMU.
    Proof {
        /// The service that gives it.
        service: String,
        /// Its name.
        id: String,
    },
    /// A system under tests/systems that must end in a given way.
    System(String),
    /// A step of `cargo nexus ci`.
    Step(String),
    /// A step of `cargo nexus assure`.
    Assure(String),
    /// A test of the page in a browser (tests/web).
    Web(String),
    /// A fuzz target whose corpus is replayed.
    Fuzz(String),
}

/// The test that holds every refusal against its fixture.
const REFUSALS: [&str; 2] =
    ["nexus::check_fixtures", "each_fixture_is_refused_in_the_expected_words"];

/// The test binary that replays the corpora, a test for each target.
const REPLAY: &str = "nexus-fuzz::replay";

impl Test {
    /// The name under which a run says that it has passed.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Test::Proof { service, id } => format!("proof {service} {id}"),
            Test::System(name) => format!("system {name}"),
            Test::Web(name) => format!("web {name}"),
            Test::Step(name) | Test::Assure(name) => format!("step {name}"),
            Test::Host { .. } | Test::Refusal(_) | Test::Fuzz(_) => {
                self.on_host().map_or_else(String::new, |(binary, path)| format!("{binary} {path}"))
            }
        }
    }

    /// The binary and the path of what runs it on the host: `None` when it does not run there.
    #[must_use]
    pub fn on_host(&self) -> Option<(&str, &str)> {
        match self {
            Test::Host { binary, path } => Some((binary, path)),
            Test::Refusal(_) => Some((REFUSALS[0], REFUSALS[1])),
            Test::Fuzz(name) => Some((REPLAY, name)),
            Test::Proof { .. }
            | Test::System(_)
            | Test::Step(_)
            | Test::Assure(_)
            | Test::Web(_) => None,
        }
    }

    /// What a person calls it, without what the file says already.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Test::Host { path, .. } => path.clone(),
            Test::Refusal(name) => format!("refusal {name}"),
            Test::Proof { id, .. } => format!("proof {id}"),
            Test::Assure(name) => format!("assure {name}"),
            Test::Fuzz(name) => format!("fuzz {name}"),
            Test::System(_) | Test::Step(_) | Test::Web(_) => self.name(),
        }
    }

    /// The command that runs it.
    #[must_use]
    pub fn command(&self) -> String {
        match self {
            Test::Host { binary, path } => {
                let package = binary.split("::").next().unwrap_or(binary);
                format!("cargo test -p {package} {path}")
            }
            Test::Refusal(_) => format!("cargo test -p nexus {}", REFUSALS[1]),
            Test::Proof { .. } => "cargo nexus test-os".to_owned(),
            Test::System(name) => format!("cargo nexus test-os --system tests/systems/{name}"),
            Test::Step(name) => format!("cargo nexus ci --only {name}"),
            Test::Assure(name) => format!("cargo nexus assure --only {name}"),
            Test::Web(_) => "NEXUS_WEB=1 cargo nexus ci --only web".to_owned(),
            Test::Fuzz(name) => format!("cargo nexus fuzz {name}"),
        }
    }

    /// True when it belongs to `cargo nexus ci`, and not to longer runs alone. `browser` says whether that looks at
    /// the page in one.
    #[must_use]
    pub fn in_ci(&self, browser: bool) -> bool {
        match self {
            Test::Assure(_) => false,
            Test::Web(_) => browser,
            _ => true,
        }
    }
}
