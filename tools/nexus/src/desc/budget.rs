//! Whether the budget of a service holds its program.

use super::diagnostic::Diagnostic;
use super::kind::Kind;
use super::source::Span;

/// Frames that a process takes besides its image and stack: startup block and page tables.
const OVERHEAD: u64 = 8;

/// Refuses a budget of `frames` frames, which stands at `span`, when a program of `image` pages with
/// `stack` pages of stack cannot start with it; `image` is absent where it is not built yet.
pub(crate) fn refusal(
    name: &str,
    span: &Span,
    frames: u32,
    stack: u32,
    image: Option<u64>,
) -> Option<Diagnostic> {
    let least = image.unwrap_or(1) + u64::from(stack) + OVERHEAD;
    if least <= u64::from(frames) {
        return None;
    }
    let size = image.map_or(String::from("image 1 or more"), |image| format!("image {image}"));
    let message = format!(
        "{name} needs at least {least} frames to start ({size}, stack {stack}, {OVERHEAD} more), and \
         has a budget of {frames}"
    );
    let fix = format!("write `frames = {least}` or more, or less than `stack-pages = {stack}`");
    Some(Diagnostic::at(Kind::BudgetTooSmall, span, message, fix))
}
