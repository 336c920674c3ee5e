//! Tables.

use maud::{Markup, html};

/// The heads of the columns: what each says, and whether it is over numbers.
pub(super) fn columns(heads: &[(&str, bool)]) -> Markup {
    html! {
        thead { tr { @for (head, number) in heads { th .n[*number] scope="col" { (head) } } } }
    }
}
