//! Completion at Tab.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::command::permission_names;
use crate::names::Names;
use crate::specs::{Arg, SPECS, spec};
use crate::state::VERBS;

/// What Tab leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Text to insert at the cursor.
    pub insert: String,
    /// What could stand there, when nothing could be inserted and there is more than one.
    pub candidates: Vec<String>,
}

/// Completes the word that ends at byte `cursor` of `text`. `keys` says what the key could become that was begun.
pub fn complete(
    text: &str,
    cursor: usize,
    names: &Names,
    keys: impl FnOnce(&str) -> Vec<String>,
) -> Completion {
    let before = text.get(..cursor).unwrap_or(text);
    let mut words: Vec<&str> = before.split_whitespace().collect();
    let begun = if before.ends_with(char::is_whitespace) { "" } else { words.pop().unwrap_or("") };
    let mut fitting = if is_key(&words) { keys(begun) } else { known(&words, names) };
    fitting.retain(|word| word.starts_with(begun));
    fitting.sort_unstable();
    fitting.dedup();
    let insert = match fitting.as_slice() {
        [] => return Completion::default(),
        // More follows in the same word.
        [only] if only.ends_with(['/', ':']) => rest(only, begun).to_string(),
        [only] => rest(only, begun).to_string() + " ",
        [first, others @ ..] => {
            let shared =
                others.iter().fold(first.len(), |shared, other| common(first, other).min(shared));
            rest(first.get(..shared).unwrap_or(first), begun).to_string()
        }
    };
    let candidates = if insert.is_empty() { fitting } else { Vec::new() };
    Completion { insert, candidates }
}

/// Whether a key of the store stands after `words`.
fn is_key(words: &[&str]) -> bool {
    matches!(words, ["state", verb] if *verb != "check" && VERBS.contains(verb))
}

/// Words that can stand after `words`.
fn known(words: &[&str], names: &Names) -> Vec<String> {
    let commands = || SPECS.iter().map(|spec| spec.name.to_string());
    let services = || names.service_names().map(ToString::to_string);
    let Some((name, args)) = words.split_first() else { return commands().collect() };
    let arg = spec(name).and_then(|spec| spec.args.get(args.len()));
    match arg {
        None => Vec::new(),
        Some(Arg::Service) => services().collect(),
        Some(Arg::Device) => names.device_names().map(ToString::to_string).collect(),
        Some(Arg::Ruled) => {
            let others = permission_names().chain(names.service_names());
            names.device_names().chain(others).map(ToString::to_string).collect()
        }
        Some(Arg::Command) => commands().collect(),
        Some(Arg::Bytes | Arg::Key | Arg::Value | Arg::Host | Arg::HostName | Arg::Url) => {
            Vec::new()
        }
        Some(Arg::State) => VERBS.map(ToString::to_string).into(),
        Some(Arg::HowMany) => ["all".to_string()].into(),
        Some(Arg::LedgerPart) => match args.last() {
            Some(&"--device") => names.device_names().map(ToString::to_string).collect(),
            Some(&("--at" | "--boot")) => Vec::new(),
            _ => ["all", "--boots", "--boot", "--device", "--at"].map(String::from).into(),
        },
        Some(Arg::Read) => ["read".to_string()].into(),
        Some(Arg::Sector) => Vec::new(),
        Some(Arg::LogPart) => services().chain(["-f".to_string(), "all".to_string()]).collect(),
    }
}

fn rest<'a>(word: &'a str, begun: &str) -> &'a str {
    word.get(begun.len()..).unwrap_or("")
}

/// Bytes that both words begin with.
fn common(one: &str, other: &str) -> usize {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
    same.map(|(c, _)| c.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::names;

    fn tab(text: &str) -> (String, String) {
        let completion = complete(text, text.len(), &names(), |_| Vec::new());
        (completion.insert, completion.candidates.join(" "))
    }

    fn inserted(text: &str) -> String {
        tab(text).0
    }

    #[test]
    fn commands() {
        assert_eq!(inserted("he"), "lp ");
        assert_eq!(inserted("led"), "ger ");
        assert_eq!(inserted("help"), " ");
        assert_eq!(tab("xyz"), (String::new(), String::new()));
        assert_eq!(tab("p"), (String::new(), "ping poweroff ps".into()));
        assert_eq!(inserted("po"), "weroff ");
    }

    #[test]
    fn an_empty_line_lists_every_command() {
        let (insert, candidates) = tab("");
        assert_eq!((insert.as_str(), candidates.split(' ').count()), ("", SPECS.len()));
    }

    #[test]
    fn services_and_devices_where_they_belong() {
        assert_eq!(inserted("caps rn"), "gd ");
        assert_eq!(inserted("why rngd bl"), "k0 ");
        assert_eq!(tab("why r"), (String::new(), "rngd rtcd".into()));
        assert_eq!(inserted("why v"), "irtio");
        assert_eq!(inserted("why n"), "sh ");
        assert_eq!(inserted("why virtion"), "etd ");
        assert_eq!(tab("try rngd r"), (String::new(), "rng0 rtc0".into()));
        assert_eq!(
            tab("why rngd r"),
            (String::new(), "record refuse report resolve rng0 rngd rtc0 rtcd".into())
        );
        assert_eq!(inserted("kill rn"), "gd ");
        assert_eq!(tab("restart r"), (String::new(), "rngd rtcd".into()));
        assert_eq!(inserted("why nsh vie"), "w ");
        assert_eq!(inserted("why nsh virtiob"), "lkd ");
        assert_eq!(inserted("help le"), "dger ");
        assert_eq!(inserted("log -"), "f ");
        assert_eq!(inserted("log -f rn"), "gd ");
        assert_eq!(inserted("ledger a"), "ll ");
        assert_eq!(inserted("ledger --b"), "oot");
        assert_eq!(inserted("ledger --device bl"), "k0 ");
    }

    #[test]
    fn what_several_share_is_inserted_first() {
        let mut names = names();
        names.services = [(1, "disk-a".into()), (2, "disk-b".into())].into();
        let completion = complete("caps d", 6, &names, |_| Vec::new());
        assert_eq!((completion.insert.as_str(), completion.candidates.len()), ("isk-", 0));
    }

    #[test]
    fn nothing_after_the_last_argument_or_an_unknown_command() {
        assert_eq!(tab("ps "), (String::new(), String::new()));
        assert_eq!(tab("why rngd blk0 "), (String::new(), String::new()));
        assert_eq!(tab("frob r"), (String::new(), String::new()));
    }

    #[test]
    fn only_what_stands_before_the_cursor_counts() {
        assert_eq!(complete("he rest", 2, &names(), |_| Vec::new()).insert, "lp ");
        assert_eq!(complete("é", 1, &names(), |_| Vec::new()).insert, "");
        assert_eq!(complete("he", 99, &names(), |_| Vec::new()).insert, "lp ");
    }

    /// What Tab inserts behind `text`, in a tree with these keys.
    fn inserted_key(text: &str) -> String {
        let keys = ["boots/", "rngd:", "rules"].map(ToString::to_string);
        complete(text, text.len(), &names(), |_| keys.into()).insert
    }

    #[test]
    fn keys_where_the_store_is_asked() {
        assert_eq!(inserted("state g"), "et ");
        assert_eq!(tab("state "), (String::new(), "check get ls put rm stat".into()));
        for verb in ["ls", "get", "put", "rm", "stat"] {
            assert_eq!(inserted_key(&format!("state {verb} b")), "oots/", "{verb}");
        }
        assert_eq!(
            (inserted_key("state get ru"), inserted_key("state get rn")),
            ("les ".into(), "gd:".into())
        );
        assert_eq!(inserted_key("state get r"), "");
        for none in ["state check b", "state put a b", "state b", "caps b"] {
            assert_eq!(inserted_key(none), "", "{none}");
        }
    }
}
