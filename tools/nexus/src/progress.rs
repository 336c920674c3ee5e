//! Progress for people: what runs, and how long it took. On standard error.

use std::time::Instant;

/// One step that takes a while.
#[derive(Debug)]
pub struct Step {
    name: String,
    start: Instant,
}

impl Step {
    /// Says that `name` begins.
    #[must_use]
    pub fn start(name: &str) -> Step {
        eprintln!("nexus: {name} ...");
        Step { name: name.to_owned(), start: Instant::now() }
    }

    /// Says that it is done, and in which time.
    pub fn done(self) {
        eprintln!("nexus: {} done in {:.1} s", self.name, self.start.elapsed().as_secs_f64());
    }
}
