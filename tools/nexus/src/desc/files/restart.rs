//! Whether a service is started again, and the time in which it must answer.

use crate::desc::kind::Kind;
use crate::desc::source::At;
use crate::desc::table::{Key, Table, key};
use nexus_sysdesc::{Restart, bounds};

const RESTART: Key = key("restart", "\"on-failure\"");
const ANSWERS_WITHIN: Key = key("answers-within", "\"500ms\"");

/// The rule that the key `restart` names, if there is one.
pub(super) fn read_restart(table: &mut Table<'_>) -> Option<At<Restart>> {
    let restarts = Restart::ALL.map(|restart| (restart.name(), restart));
    table.choice(RESTART, "a way to restart", &restarts)
}

/// The milliseconds that the key `answers-within` says, if there is one.
pub(super) fn read_answers_within(table: &mut Table<'_>) -> Option<At<u32>> {
    let text = table.string(ANSWERS_WITHIN)?;
    let within = milliseconds(&text).filter(|ms| bounds::ANSWERS_WITHIN.contains(ms));
    if let Some(value) = within {
        return Some(At { value, span: text.span });
    }
    let message = format!("`{}` is not a time to answer in", text.value.escape_default());
    let fix = "write 10ms to 60000ms, or 1s to 60s; without `answers-within` it may take any time";
    table.refuse(Kind::OutOfRange, &text.span, message, fix);
    None
}

/// `500ms`, `2s`.
fn milliseconds(text: &str) -> Option<u32> {
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => (text.strip_suffix('s')?, 1000),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse::<u32>().ok()?.checked_mul(unit)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_times_to_answer_have_a_unit() {
        for (text, ms) in [("10ms", 10), ("0500ms", 500), ("2s", 2000), ("4294967s", 4_294_967_000)]
        {
            assert_eq!(milliseconds(text), Some(ms), "{text}");
        }
        for text in ["", "s", "ms", "50", "+5s", "-5ms", "5 s", "5us", "5ss", "5mms", "4294968s"] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
