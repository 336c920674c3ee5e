//! The picture of a session.

use std::fmt::Write as _;

/// What is typed in docs/prompt.svg.
pub(super) const COMMANDS: [&str; 4] = ["owners", "why nsh uart0", "try nsh uart0", "ledger 3"];

const FIRST: usize = 52;
const ROW: usize = 18;
/// Tenths of a pixel that a character takes.
const CELL: usize = 84;
const LEFT: usize = 20;

/// The lines as a picture; `nexus>` before what is typed.
pub(super) fn draw(lines: &[String]) -> String {
    let widest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let width = 2 * LEFT + (widest * CELL).div_ceil(10).max(600);
    let height = FIRST + ROW * lines.len() + 12;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"Nexus at its prompt\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#10151c\"/>\n\
         <circle cx=\"22\" cy=\"20\" r=\"6\" fill=\"#3a4657\"/><circle cx=\"42\" cy=\"20\" r=\"6\" \
         fill=\"#3a4657\"/><circle cx=\"62\" cy=\"20\" r=\"6\" fill=\"#3a4657\"/>\n\
         <g font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\" \
         xml:space=\"preserve\">\n"
    );
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let y = FIRST + ROW * index;
        let length = line.chars().count() * CELL;
        let (whole, tenth) = (length / 10, length % 10);
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{y}\" textLength=\"{whole}.{tenth}\" fill=\"{}\">{}</text>",
            colour(line),
            coloured(line)
        );
    }
    svg + "</g></svg>\n"
}

fn colour(line: &str) -> &'static str {
    let heading = line.chars().all(|c| c.is_ascii_uppercase() || c == ' ');
    match line {
        _ if line.starts_with("nexus>") => "#ffffff",
        _ if heading => "#7f93a8",
        _ if line.starts_with("denied") || line.starts_with("refused") => "#e69a80",
        _ if line.starts_with("Chain whole") => "#6cc7a1",
        _ => "#c9d4e0",
    }
}

fn coloured(line: &str) -> String {
    let text = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    match text.strip_prefix("nexus&gt;") {
        Some(typed) => format!("<tspan fill=\"#6cc7a1\">nexus&gt;</tspan>{typed}"),
        None => text,
    }
}

/// The lines of such a picture.
pub(super) fn lines(svg: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for text in svg.lines().filter(|line| line.starts_with("<text ")) {
        let after = text.split_once("y=\"").map_or("", |(_, after)| after);
        let y: usize = after.split('"').next().and_then(|y| y.parse().ok()).unwrap_or(FIRST);
        lines.resize(y.saturating_sub(FIRST) / ROW, String::new());
        let mut line = String::new();
        for part in text.split('>').map(|part| part.split('<').next().unwrap_or_default()) {
            line += part;
        }
        lines.push(line.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_what_is_drawn_is_read() {
        let shown = ["nexus> owners", "DEVICE  OWNER", "a & b < c", "", "Chain whole: x", "nexus>"];
        let shown = shown.map(str::to_owned);
        assert_eq!(lines(&draw(&shown)), shown);
    }
}
