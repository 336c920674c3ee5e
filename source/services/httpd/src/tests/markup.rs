//! What somebody says is text, wherever it is shown.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::fixture::{said, snapshot};
use crate::{metrics, page};

const EVIL: [&str; 6] = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style></title></svg></textarea><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)\" x=\"",
    "' onfocus='alert(1)' '",
    "&lt;script&gt;&#60;script&#62;<!--",
];

/// The tags of a page, in order, with the names of their attributes: what a browser makes elements of. What the page
/// itself has of script and style is left out.
fn tags(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once('<') {
        let mut quoted = false;
        let end = after.find(|char| {
            quoted ^= char == '"';
            char == '>' && !quoted
        });
        let (tag, next) = after.split_at(end.unwrap());
        tags.push(names(tag));
        let raw = ["style", "script"].into_iter().find(|name| tag == *name);
        rest = raw.map_or(next, |name| next.split_once(&format!("</{name}>")).unwrap().1);
    }
    tags
}

/// The name of a tag, and of its attributes.
fn names(tag: &str) -> String {
    let unquoted: Vec<&str> = tag.split('"').step_by(2).collect();
    unquoted.concat()
}

/// However evil the text, the page has the same elements with the same attributes: none of it is markup.
// attack 106 U: markup in every text that a service, a rule or a record has; the page has the same elements with the same attributes; broken: page-rule-raw, page-record-raw
#[test]
fn the_page_has_the_same_elements_whatever_is_said() {
    let plain = tags(&page::page(&said("text")));
    assert!(plain.len() > 500 && plain.iter().any(|tag| tag.starts_with("rect x=")));
    for evil in EVIL {
        let evil = tags(&page::page(&said(evil)));
        let differ = plain.iter().zip(&evil).find(|(plain, evil)| plain != evil);
        assert_eq!((differ, plain.len()), (None, evil.len()));
    }
}

/// Of each field that somebody else writes, the page shows what it is.
#[test]
fn it_is_shown_as_it_is() {
    let page = page::page(&said(EVIL[0]));
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;";
    assert!(page.matches(escaped).count() > 100, "{page}");
    assert!(!page.contains(EVIL[0]));
}

#[test]
fn json_is_text_that_comes_back() {
    for evil in EVIL.into_iter().chain(["\u{2028}\0\n\"\\"]) {
        let said = said(evil);
        let value: serde_json::Value =
            serde_json::from_str(&serde_json::to_string(&said).unwrap()).unwrap();
        for field in
            ["/services/0/name", "/devices/0/name", "/rules/0/reason", "/ledger/last/0/why"]
        {
            assert_eq!(value.pointer(field).unwrap(), evil);
        }
    }
}

/// Name, labels and value.
type Sample = (String, Vec<(String, String)>, f64);

/// A line of the metrics, taken apart as Prometheus does.
fn sample(line: &str) -> Option<Sample> {
    let (name, mut rest) = line.split_at(line.find(['{', ' '])?);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, value) = rest.split_once("=\"")?;
            let (value, after) = unquoted(value)?;
            labels.push((label.trim_start_matches(',').to_string(), value));
            rest = after;
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
        }
    }
    Some((name.to_string(), labels, rest.strip_prefix(' ')?.parse().ok()?))
}

/// Up to the quote that ends it, without its escapes; and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\n' => return None,
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                char @ ('\\' | '"') => char,
                _ => return None,
            }),
            char => value.push(char),
        }
    }
    None
}

// attack 106 U: quotes, lines and samples in the text of labels; they come back as they were, and no sample is added; broken: page-metrics-raw
#[test]
fn labels_of_metrics_come_back() {
    for evil in EVIL.into_iter().chain(["a\"} 1\nevil 2\n", "\\", "\\n\n\\\\\"", "é"]) {
        let text = metrics::metrics(&said(evil));
        let lines = || text.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(
            lines().count(),
            metrics::metrics(&said("x")).lines().filter(|line| !line.starts_with('#')).count()
        );
        for line in lines() {
            let (name, labels, _) = sample(line).unwrap_or_else(|| panic!("{line}"));
            assert!(name.starts_with("nexus_"), "{line}");
            for (label, value) in labels {
                let ours =
                    ["of", "state", "direction", "kind", "priority"].contains(&label.as_str());
                assert!(ours || value == evil, "{line}");
            }
        }
    }
}

/// Format 0.0.4: each family once, its samples together, below help and type.
#[test]
fn families_of_metrics_stand_together() {
    let text = metrics::metrics(&snapshot());
    let mut families: Vec<&str> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
        assert!(help.ends_with('.') && !families.contains(&name), "{line}");
        let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        let mut samples = 0;
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            assert_eq!(sample(line).unwrap().0, name);
            samples += 1;
        }
        assert!(samples > 0, "{name}");
        families.push(name);
    }
    assert!(text.ends_with('\n') && families.len() > 20);
}
