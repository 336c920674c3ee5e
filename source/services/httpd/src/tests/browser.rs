//! What a browser does with the page.

use std::format;
use std::string::String;
use std::vec::Vec;

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use super::fixture::{said, snapshot};
use crate::answer::CSP;
use crate::page::page;

/// What stands between a tag and its end, each time.
fn inside<'a>(page: &'a str, tag: &str) -> Vec<&'a str> {
    let parts = page.split(&format!("<{tag}>")).skip(1).collect::<Vec<_>>();
    let end = format!("</{tag}>");
    parts.into_iter().map(|part| part.split_once(&end).unwrap().0).collect()
}

/// The hashes of the policy are those of what the page has: computed here anew.
// attack 106 U: another script or style in the page; the policy has the hashes of its own alone; broken: page-csp-other
#[test]
fn the_policy_lets_this_style_and_this_script_and_no_other() {
    for snapshot in [snapshot(), said("</style><script>alert(1)</script>")] {
        let page = page(&snapshot);
        for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
            let [text] = inside(&page, tag)[..] else { panic!("one {tag}") };
            let hash = Base64::encode_string(&Sha256::digest(text));
            let part = format!("; {directive} 'sha256-{hash}'; ");
            assert!(CSP.contains(&part), "{part} is not in {CSP}");
        }
    }
}

/// Of what the policy forbids the page has nothing: no style in an element, no handler, nothing from elsewhere.
#[test]
fn the_page_needs_nothing_that_the_policy_forbids() {
    let page = page(&snapshot());
    let style = inside(&page, "style").concat();
    for text in [" style=", " onclick=", " src=", "@import", "<iframe", "<form", "<base", "<link"] {
        assert!(!page.contains(text), "{text}");
    }
    assert!(!style.contains("url("));
    let links = page.split(" href=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0);
    for link in links.collect::<Vec<_>>() {
        assert!(
            link.starts_with('#') || ["/api", "/api/schema", "/metrics"].contains(&link),
            "{link}"
        );
    }
}

/// Each link within the page leads somewhere.
#[test]
fn links_lead_somewhere() {
    let page = page(&snapshot());
    let links = page.split(" href=\"#").skip(1).map(|rest| rest.split_once('"').unwrap().0);
    let links: Vec<&str> = links.collect();
    assert!(links.len() > 60);
    for link in links {
        assert_eq!(page.matches(&format!(" id=\"{link}\"")).count(), 1, "{link}");
    }
}

/// Each field that the script is to keep fresh is in the JSON.
#[test]
fn what_the_script_asks_for_is_there() {
    let snapshot = snapshot();
    let page = page(&snapshot);
    let json = serde_json::to_value(&snapshot).unwrap();
    let mut fields: Vec<&str> = Vec::new();
    for name in [" data-v=\"", " data-w=\"", " data-rows=\""] {
        let paths = page.split(name).skip(1).map(|rest| rest.split_once('"').unwrap().0);
        fields.extend(paths);
    }
    assert!(fields.len() > 100);
    for field in fields {
        let pointer: String = field.split('.').map(|part| format!("/{part}")).collect();
        assert!(json.pointer(&pointer).is_some_and(|value| !value.is_null()), "{field}");
    }
}
