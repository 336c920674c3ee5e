use super::*;
use crate::fixture::names;
use crate::specs::spec;
use alloc::vec;

fn ask(line: &str) -> Result<Ask, String> {
    parse(line, spec("state").unwrap(), &names())
}

fn own(key: &str) -> Place {
    Place::own(key)
}

#[test]
fn what_can_be_asked() {
    assert_eq!(ask("state"), Ok(Ask::Stat(own(""))));
    assert_eq!(ask("state stat"), Ok(Ask::Stat(own(""))));
    assert_eq!(ask(" state  stat a/b "), Ok(Ask::Stat(own("a/b"))));
    assert_eq!(ask("state ls"), Ok(Ask::List(own(""))));
    assert_eq!(ask("state ls a/"), Ok(Ask::List(own("a"))));
    assert_eq!(ask("state get a"), Ok(Ask::Get(own("a"))));
    assert_eq!(ask("state rm a"), Ok(Ask::Remove(own("a"))));
    assert_eq!(ask("state check"), Ok(Ask::Check));
    // A value is the rest of the line, as it stands there.
    let value = "two  words, \"quoted\" é";
    assert_eq!(ask(&format!("state put a   {value} ")), Ok(Ask::Put(own("a"), value.into())));
}

#[test]
fn trees_of_others_are_named_with_a_colon() {
    let rngd = Place { owner: 7, key: "a:b".into() };
    assert_eq!(ask("state get rngd:a:b"), Ok(Ask::Get(rngd)));
    assert_eq!(ask("state ls rngd:"), Ok(Ask::List(Place { owner: 7, key: String::new() })));
    assert_eq!(ask("state get :rngd:a"), Ok(Ask::Get(own("rngd:a"))));
    let error = "there is no service `a`; `:a:b` is a key of this shell's own";
    assert_eq!(ask("state get a:b"), Err(error.into()));
    // A number is no name here.
    assert!(ask("state get 7:a").is_err());
}

#[test]
fn what_is_missing_or_too_much_is_told() {
    let usage = "usage: state [WHAT [KEY [VALUE]]]; `help state` tells more";
    for (line, why) in [
        ("state get", "state get: which key?"),
        ("state get rngd:", "state get: which key?"),
        ("state rm", "state rm: which key?"),
        ("state put", "state put: which key?"),
        ("state put a", "state put: which value?"),
        ("state get a b", "state get: too many words;"),
        ("state ls a b", "state ls: too many words;"),
        ("state check a", "state check: too many words;"),
        ("state show a", "state: `show` is none of ls, get, put, rm, stat, check;"),
    ] {
        assert_eq!(ask(line), Err(format!("{why} {usage}")), "{line}");
    }
}

/// What Tab leads to behind `word`, where these keys are listed two at a time.
fn tab(word: &str, keys: &[&str]) -> Option<Vec<String>> {
    keys_begun(word, |under, after| {
        let is_under = |key: &&str| {
            under.is_empty() || key.strip_prefix(under).is_some_and(|rest| rest.starts_with('/'))
        };
        let left = keys.iter().copied().filter(is_under);
        let left: Vec<&str> = left.filter(|key| after.is_none_or(|after| *key > after)).collect();
        let page = left.iter().take(2).map(|key| (*key).to_string()).collect();
        Some((page, left.len() > 2))
    })
}

#[test]
fn keys_are_completed_part_by_part() {
    const KEYS: [&str; 6] = ["a", "b-c/x", "b/c/d", "b/c/e", "b/cd", "é/ü"];
    let words =
        |words: &[&str]| Some(words.iter().map(|word| (*word).into()).collect::<Vec<String>>());
    assert_eq!(tab("", &KEYS), words(&["a", "b-c/", "b/", "é/"]));
    assert_eq!(tab("b", &KEYS), words(&["b-c/", "b/"]));
    assert_eq!(tab("b/", &KEYS), words(&["b/c/", "b/cd"]));
    assert_eq!(tab("b/c/", &KEYS), words(&["b/c/d", "b/c/e"]));
    assert_eq!(tab("rngd:b/cd", &KEYS), words(&["rngd:b/cd"]));
    assert_eq!(tab(":é", &KEYS), words(&[":é/"]));
    assert_eq!(tab("x", &KEYS), Some(vec![]));
}

// attack 78 U: keys that another service has put, with characters that change how a line stands, or that part it; Tab offers none of them
#[test]
fn what_cannot_be_typed_as_it_stands_is_not_offered() {
    const KEYS: [&str; 6] = ["a", "a b/c", "a:b", "ab", "a\u{a0}b", "a\u{202e}b"];
    let words =
        |words: &[&str]| Some(words.iter().map(|word| (*word).into()).collect::<Vec<String>>());
    assert_eq!(tab("", &KEYS), words(&["a", "ab"]));
    assert_eq!(tab(":a", &KEYS), words(&[":a", ":a:b", ":ab"]));
}

#[test]
fn what_becomes_one_word_is_looked_at_once() {
    let mut asked = Vec::new();
    let keys = keys_begun("b", |under, after| {
        asked.push((under.to_string(), after.map(str::to_string)));
        let page = ["b-c/x", "b/c/a", "b/c/b"].map(str::to_string);
        Some(if asked.len() == 1 { (page.into(), true) } else { (vec!["b0".into()], false) })
    });
    assert_eq!(keys, Some(["b-c/", "b/", "b0"].map(str::to_string).into()));
    let all = (String::new(), None);
    assert_eq!(asked, [all, (String::new(), Some("b/\u{10ffff}".into()))]);
    // A key that would be too long with that is its own cursor.
    let long = "b".repeat(252) + "/c";
    assert_eq!((behind(&long, "b"), behind("a/b", "b")), (long.clone(), "a/b".into()));
}

#[test]
fn of_too_many_keys_none_is_completed() {
    let mut asked = 0;
    let endless = keys_begun("", |_, _| {
        asked += 1;
        Some((vec!["a".into(); 64], true))
    });
    assert_eq!((endless, asked), (None, PAGES_FOR_TAB));
    assert_eq!(keys_begun("", |_, _| None), None, "no answer");
    assert_eq!(
        keys_begun("", |_, _| Some((vec![], true))),
        Some(vec![]),
        "a page of nothing ends it"
    );
}
