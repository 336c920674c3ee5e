//! What is served: answers that are made once for each snapshot, and given to everybody who asks meanwhile.

use alloc::rc::Rc;
use alloc::string::String;
use core::cell::RefCell;

use crate::facts::Facts;
use crate::hosts::Hosts;
use crate::model::Snapshot;
use crate::{metrics, page};

/// Milliseconds for which answers come from one snapshot.
pub const FRESH_MS: u64 = 1000;

/// The schema of `/api`.
pub const SCHEMA: &str = include_str!("../../../../docs/abi/page.schema.json");

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The page.
    Page,
    /// The same as JSON.
    Api,
    /// What [`Asked::Api`] looks like.
    Schema,
    /// The same as text for Prometheus.
    Metrics,
    /// Whether anybody is there: a thousand bytes that never change.
    Alive,
}

impl Asked {
    /// By its path; with a slash at its end it is another one, and there is none.
    #[must_use]
    pub fn of(path: &str) -> Option<Asked> {
        Some(match path {
            "/" => Asked::Page,
            "/api" => Asked::Api,
            "/api/schema" => Asked::Schema,
            "/metrics" => Asked::Metrics,
            "/alive" => Asked::Alive,
            _ => return None,
        })
    }

    /// What it is, as a header says it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Asked::Page => "text/html; charset=utf-8",
            Asked::Api => "application/json",
            Asked::Schema => "application/schema+json",
            Asked::Metrics => "text/plain; version=0.0.4; charset=utf-8",
            Asked::Alive => "text/plain; charset=utf-8",
        }
    }
}

/// A text that several hold.
#[derive(Clone, Debug)]
pub enum Text {
    /// That is in the image.
    Fixed(&'static str),
    /// That was made.
    Made(Rc<str>),
}

impl Text {
    /// It.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Text::Fixed(text) => text,
            Text::Made(text) => text,
        }
    }
}

/// A snapshot, and what was made of it so far.
struct Made {
    snapshot: Snapshot,
    at_ms: u64,
    page: Option<Rc<str>>,
    api: Option<Rc<str>>,
    metrics: Option<Rc<str>>,
}

/// Where the facts come from, and what is served of them.
pub struct Site<F> {
    hosts: Hosts,
    inner: RefCell<Inner<F>>,
}

struct Inner<F> {
    facts: F,
    made: Option<Made>,
}

impl<F: Facts> Site<F> {
    /// Serves `facts` to who asks for one of `hosts`.
    #[must_use]
    pub fn new(facts: F, hosts: Hosts) -> Site<F> {
        Site { hosts, inner: RefCell::new(Inner { facts, made: None }) }
    }

    /// Under which names.
    #[must_use]
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The answer.
    #[must_use]
    pub fn answer(&self, asked: Asked) -> Text {
        let mut inner = self.inner.borrow_mut();
        match asked {
            Asked::Alive => Text::Fixed(ALIVE),
            Asked::Schema => Text::Fixed(SCHEMA),
            Asked::Page => inner.fresh().made(|made| &mut made.page, page::page),
            Asked::Api => inner.fresh().made(|made| &mut made.api, json),
            Asked::Metrics => inner.fresh().made(|made| &mut made.metrics, metrics::metrics),
        }
    }
}

impl<F: Facts> Inner<F> {
    /// The snapshot that answers come from: this one, unless it is too old.
    fn fresh(&mut self) -> &mut Made {
        let now = self.facts.now_ms();
        let old = self.made.take().filter(|made| now.saturating_sub(made.at_ms) < FRESH_MS);
        let made = old.unwrap_or_else(|| Made {
            snapshot: self.facts.snapshot(),
            at_ms: now,
            page: None,
            api: None,
            metrics: None,
        });
        self.made.insert(made)
    }
}

impl Made {
    fn made(
        &mut self,
        which: impl Fn(&mut Made) -> &mut Option<Rc<str>>,
        make: impl Fn(&Snapshot) -> String,
    ) -> Text {
        if let Some(text) = which(self) {
            return Text::Made(text.clone());
        }
        let text: Rc<str> = make(&self.snapshot).into();
        *which(self) = Some(text.clone());
        Text::Made(text)
    }
}

/// A snapshot as JSON. Nothing in it is a floating number or a map, so that it always can be written.
fn json(snapshot: &Snapshot) -> String {
    serde_json::to_string(snapshot).unwrap_or_default()
}

/// 1,024 bytes: for who measures how fast it is to ask for a page of that size.
const ALIVE: &str = include_str!("../assets/alive.txt");

#[cfg(test)]
#[path = "tests/site.rs"]
mod tests;
