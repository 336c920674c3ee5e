//! `/api` is what its schema says.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use serde_json::Value;

use super::fixture::{said, snapshot};
use crate::model::{Chain, Snapshot, VERSION};
use crate::site::SCHEMA;

/// Where a value is not what a schema says; the keywords that ours has (JSON Schema 2020-12), and no others. Validators
/// that know all of them would bring fifty packages.
fn faults(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let fault = |what: &str| std::vec![format!("{at}: {what}")];
    let mut found = Vec::new();
    for (keyword, says) in schema.as_object().unwrap() {
        found.extend(match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => Vec::new(),
            "$ref" => {
                let name = says.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                faults(root, &root["$defs"][name], value, at)
            }
            "anyOf" => {
                let mut ways = says.as_array().unwrap().iter();
                let fits = ways.any(|way| faults(root, way, value, at).is_empty());
                if fits { Vec::new() } else { fault("none of them") }
            }
            "type" if has_type(says, value) => Vec::new(),
            "const" if says == value => Vec::new(),
            "enum" if says.as_array().unwrap().contains(value) => Vec::new(),
            "minimum" if value.is_null() || value.as_u64() >= says.as_u64() => Vec::new(),
            "pattern" if is_hash_or_nothing(says, value) => Vec::new(),
            "type" | "const" | "enum" | "minimum" | "pattern" => fault(keyword),
            "properties" => inside(root, says, value, at),
            "required" => absent(says, value).map(|name| format!("{at}: no {name}")).collect(),
            "additionalProperties" if *says == Value::Bool(false) => {
                let known = |name: &String| schema["properties"].get(name).is_some();
                let names = value.as_object().into_iter().flat_map(|fields| fields.keys());
                names.filter(|name| !known(name)).map(|name| format!("{at}: {name}")).collect()
            }
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                items
                    .flat_map(|(index, item)| faults(root, says, item, &format!("{at}/{index}")))
                    .collect()
            }
            other => panic!("{other} is not looked at"),
        });
    }
    found
}

fn has_type(says: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "null" => value.is_null(),
        other => panic!("{other} is no type of ours"),
    };
    says.as_array().map_or_else(|| is(says), |names| names.iter().any(is))
}

/// The one pattern that there is.
fn is_hash_or_nothing(says: &Value, value: &Value) -> bool {
    assert_eq!(says, "^([0-9a-f]{64})?$");
    let Some(text) = value.as_str() else { return false };
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.is_empty() || text.len() == 64 && text.bytes().all(hex)
}

fn inside(root: &Value, says: &Value, value: &Value, at: &str) -> Vec<String> {
    let fields = says.as_object().unwrap().iter();
    let there = fields.filter_map(|(name, says)| Some((name, says, value.get(name)?)));
    there
        .flat_map(|(name, says, value)| faults(root, says, value, &format!("{at}/{name}")))
        .collect()
}

fn absent<'a>(says: &'a Value, value: &'a Value) -> impl Iterator<Item = &'a str> {
    let names = says.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    names.filter(|name| value.get(name).is_none())
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

#[test]
fn answers_fit_the_schema() {
    let schema = schema();
    let check = |snapshot: &Snapshot| {
        faults(&schema, &schema, &serde_json::to_value(snapshot).unwrap(), "")
    };
    let none: Vec<String> = Vec::new();
    // A machine of which everything is known, and one of which nothing is.
    assert_eq!(check(&snapshot()), none);
    let chain = Chain { state: "checking", ..Chain::default() };
    let mut nothing = Snapshot { version: VERSION, ..Snapshot::default() };
    nothing.ledger.chain = chain;
    assert_eq!(check(&nothing), none);
    // What is not as it says is noticed.
    nothing.version += 1;
    assert_eq!(check(&nothing), ["/version: const"]);
    assert_eq!(check(&said("<b>")), ["/ledger/head: pattern"]);
    let mut other = serde_json::to_value(snapshot()).unwrap();
    other["more"] = Value::Null;
    other["services"][0]["id"] = "1".into();
    other["ledger"].as_object_mut().unwrap().remove("read");
    other["disk"] = true.into();
    let found = faults(&schema, &schema, &other, "");
    for fault in [": more", "/services/0/id: type", "/ledger: no read", "/disk: none of them"] {
        assert!(found.contains(&fault.to_string()), "{fault}: {found:?}");
    }
}

/// Every field is described in words.
#[test]
fn every_field_is_described() {
    let schema = schema();
    let parts = schema["$defs"].as_object().unwrap().values();
    let parts: Vec<_> = parts.chain([&schema]).collect();
    let described =
        |value: &Value| value["description"].as_str().is_some_and(|text| text.ends_with('.'));
    for part in parts {
        assert!(described(part), "{part}");
        assert!(part["properties"].as_object().unwrap().values().all(described), "{part}");
    }
}
