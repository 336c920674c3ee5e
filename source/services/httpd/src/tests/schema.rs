//! `/api` is what its schema says.

use boon::{Compiler, Schemas};
use std::vec::Vec;

use super::fixture::{said, snapshot};
use crate::model::{Chain, Snapshot, VERSION};
use crate::site::SCHEMA;

#[test]
fn answers_fit_the_schema() {
    let mut compiler = Compiler::new();
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    compiler.add_resource("page", schema).unwrap();
    let mut schemas = Schemas::new();
    let schema = compiler.compile("page", &mut schemas).unwrap();
    let check = |snapshot: &Snapshot| {
        let value = serde_json::to_value(snapshot).unwrap();
        schemas.validate(&value, schema).map_err(|error| std::format!("{error:#}"))
    };
    // A machine of which everything is known, and one of which nothing is.
    assert_eq!(check(&snapshot()), Ok(()));
    let chain = Chain { state: "checking", ..Chain::default() };
    let mut nothing = Snapshot { version: VERSION, ..Snapshot::default() };
    nothing.ledger.chain = chain;
    assert_eq!(check(&nothing), Ok(()));
    // What is not as it says is noticed.
    nothing.version += 1;
    assert!(check(&nothing).is_err());
    assert!(check(&said("<b>")).unwrap_err().contains("/ledger/head"));
}

/// Every field is described in words.
#[test]
fn every_field_is_described() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let parts = schema["$defs"].as_object().unwrap().values();
    let parts: Vec<_> = parts.chain([&schema]).collect();
    let described = |value: &serde_json::Value| {
        value["description"].as_str().is_some_and(|text| text.ends_with('.'))
    };
    for part in parts {
        assert!(described(part), "{part}");
        assert!(part["properties"].as_object().unwrap().values().all(described), "{part}");
    }
}
