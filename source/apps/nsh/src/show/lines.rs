//! `log`: what the services said.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::log::{Level, LineInfo, LineKind};
use nexus_words::amount::{of_ticks, seconds};

use crate::names::Names;
use crate::table::wrap;

/// A line of the log, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// What logd tells of it.
    pub info: LineInfo,
    /// Its text, control characters and all.
    pub text: String,
}

/// A line: seconds since start, who, and the text, wrapped.
#[must_use]
pub fn log_line(line: &LogLine, names: &Names) -> String {
    let when = seconds(of_ticks(line.info.ticks));
    let who = names.service(line.info.sender.id);
    let mark = match (line.info.kind, line.info.level) {
        (LineKind::Proof, _) => "proof: ",
        (LineKind::Line, Level::Error) => "error: ",
        (LineKind::Line, Level::Warn) => "warning: ",
        (LineKind::Line, Level::Info | Level::Debug) => "",
    };
    let visible = |c: char| if c.is_control() { '?' } else { c };
    let text: String = line.text.chars().map(visible).collect();
    let cut = if line.info.cut { "…" } else { "" };
    wrap(&format!("{when:>9}  {who:<11} "), &format!("{mark}{text}{cut}"))
}

/// There are no lines.
#[must_use]
pub fn no_lines(service: Option<u32>, names: &Names) -> String {
    match service {
        None => "the log is empty\n".to_string(),
        Some(id) => format!("nothing from {} in the log\n", names.service(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::names;
    use crate::table::{columns, width};
    use nexus_proto::{Subject, Zero};

    fn line(level: Level, kind: LineKind, text: &str) -> String {
        let info = LineInfo {
            line: 1,
            ticks: 2_145_000,
            unix_ns: 0,
            sender: Subject { id: 7, incarnation: 1 },
            len: 0,
            level,
            kind,
            cut: false,
            zero: Zero::ZERO,
        };
        log_line(&LogLine { info, text: text.into() }, &names())
    }

    #[test]
    fn who_when_what() {
        assert_eq!(
            line(Level::Info, LineKind::Line, "mmio window mapped ok"),
            "    0.214  rngd        mmio window mapped ok\n"
        );
        assert_eq!(line(Level::Error, LineKind::Line, "no"), "    0.214  rngd        error: no\n");
        assert_eq!(
            line(Level::Info, LineKind::Proof, "mmio-window-mapped"),
            "    0.214  rngd        proof: mmio-window-mapped\n"
        );
    }

    #[test]
    fn a_long_line_is_wrapped_and_a_wild_one_tamed() {
        let text = line(Level::Warn, LineKind::Line, &"many words ".repeat(20));
        assert!(text.lines().all(|line| width(line) <= columns()), "{text}");
        assert!(line(Level::Info, LineKind::Line, "a\x1b[2J\nb").contains("a?[2J?b"));
    }

    #[test]
    fn nothing_to_show() {
        assert_eq!(no_lines(None, &names()), "the log is empty\n");
        assert_eq!(no_lines(Some(7), &names()), "nothing from rngd in the log\n");
    }
}
