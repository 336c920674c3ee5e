//! The lines of the policy.

use maud::{Markup, html};

use crate::model::Snapshot;

pub(super) fn section(snapshot: &Snapshot) -> Markup {
    html! {
        section #rules aria-labelledby="of-rules" {
            h2 #of-rules { "What is allowed" }
            p .soft { "Everything else is denied." }
            dl .rules {
                @for rule in &snapshot.rules {
                    div { dt { code { (rule.id) } } dd { (rule.reason) } }
                }
            }
        }
    }
}
