//! What was not given, and why.

use maud::{Markup, html};

use super::ledger::rows;
use crate::model::Snapshot;

pub(super) fn section(snapshot: &Snapshot) -> Markup {
    let denials = &snapshot.ledger.denials;
    html! {
        section #denials aria-labelledby="of-denials" {
            h2 #of-denials { "Denials, and why" }
            p .soft #no-denials hidden[!denials.is_empty()] {
                "Nothing was denied or refused since the machine started."
            }
            div hidden[denials.is_empty()] { (rows(denials, "ledger.denials", "What was denied or refused, newest first")) }
        }
    }
}
