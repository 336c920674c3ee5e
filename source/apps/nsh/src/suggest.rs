//! What somebody may have meant.

use alloc::vec;
use alloc::vec::Vec;

/// The known word that `word` was most likely meant to be: it begins so, or is at most two edits
/// away, and fewer than half its letters.
#[must_use]
pub fn suggest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let near = |name: &&str| {
        let distance = distance(&word, name);
        let begins = word.len() >= 2 && name.starts_with(word.as_str());
        let few = distance <= 2 && distance * 2 < name.len().max(2);
        (begins || few).then_some(if begins { 0 } else { distance })
    };
    known.filter_map(|name| Some((near(&name)?, name))).min_by_key(|(d, _)| *d).map(|(_, n)| n)
}

/// Letters to insert, delete, replace or swap with a neighbour to make one word the other.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().take(32).collect();
    let other: Vec<char> = other.chars().take(32).collect();
    let mut before = vec![0; other.len() + 1];
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let replace = last[j] + usize::from(a != b);
            let mut cost = replace.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && one[i - 1] == *b && other[j - 1] == *a {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = core::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("rgnd", "rngd"), 1);
        assert_eq!(distance("ledgr", "ledger"), 1);
        assert_eq!(distance("caps", "ps"), 2);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn finds_the_nearest_and_nothing_far() {
        let known = ["ledger", "log", "help", "ps", "owners", "poweroff", "rngd"];
        let meant = |word| suggest(word, known.into_iter());
        assert_eq!(meant("ledgr"), Some("ledger"));
        assert_eq!(meant("LEDGER"), Some("ledger"));
        assert_eq!(meant("rgnd"), Some("rngd"));
        assert_eq!(meant("power"), Some("poweroff"));
        assert_eq!(meant("hlep"), Some("help"));
        assert_eq!(meant("ls"), None);
        assert_eq!(meant("x"), None);
        assert_eq!(meant(""), None);
        assert_eq!(meant("rm -rf"), None);
    }
}
