//! Values that the script keeps fresh.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use maud::{Markup, html};
use nexus_words::amount;

/// In which form a value is shown. The script has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum As {
    /// `12 345`.
    Number,
    /// Bytes: `1.5 MiB`.
    Size,
    /// Milliseconds: `3 min 12 s`.
    Duration,
    /// Milliseconds: `0.214`.
    Seconds,
    /// Thousandths: `12.3 %`.
    Share,
}

impl As {
    /// Its name in the page.
    pub(super) const fn name(self) -> &'static str {
        match self {
            As::Number => "number",
            As::Size => "size",
            As::Duration => "duration",
            As::Seconds => "seconds",
            As::Share => "share",
        }
    }

    /// A value in this form.
    pub(super) fn text(self, value: u64) -> String {
        match self {
            As::Number => amount::number(value),
            As::Size => amount::size(value),
            As::Duration => amount::duration(Duration::from_millis(value)),
            As::Seconds => amount::seconds(Duration::from_millis(value)),
            As::Share => amount::share(value, 1000),
        }
    }
}

/// A number of the snapshot. `path` is its field: written here, and by nobody else.
pub(super) fn live(value: impl Into<u64>, path: &str, form: As) -> Markup {
    html! { span data-v=(path) data-as=(form.name()) { (form.text(value.into())) } }
}

/// A text of the snapshot.
pub(super) fn text(value: &str, path: &str) -> Markup {
    html! { span data-v=(path) { (value) } }
}

/// How much is used of what may be; `what` is told to who does not see it.
pub(super) fn meter(used: u64, most: u64, path: &str, what: &str) -> Markup {
    html! {
        meter aria-label=(what) min="0" max=(most.max(1)) value=(used) high=(most.max(1) / 10 * 9)
            data-v=(format!("{path}.used")) data-as="meter" {}
    }
}

/// A part of a whole, in thousandths, of which none is too much; `what` as for [`meter`].
pub(super) fn part(permille: u64, path: &str, what: &str) -> Markup {
    html! { meter aria-label=(what) min="0" max="1000" value=(permille) data-v=(path) data-as="meter" {} }
}
