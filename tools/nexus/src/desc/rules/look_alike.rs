//! Names that people could mistake for each other.

/// Letters that look like others, after the pairs of letters that look like one.
const PAIRS: &[(&str, &str)] = &[("rn", "m"), ("vv", "w"), ("cl", "d"), ("nn", "m")];
const LETTERS: &[(char, char)] = &[
    ('0', 'o'),
    ('1', 'l'),
    ('i', 'l'),
    ('5', 's'),
    ('2', 'z'),
    ('8', 'b'),
    ('q', 'g'),
    ('9', 'g'),
];

/// What is left of a name when everything is made equal that looks alike.
fn skeleton(name: &str) -> String {
    let mut text: String = name.chars().filter(|c| *c != '-').collect();
    for (pair, one) in PAIRS {
        text = text.replace(pair, one);
    }
    text.chars()
        .map(|c| LETTERS.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to))
        .collect()
}

/// The stem of a service's name: without a number at its end, and without the `d` of a daemon.
fn stem(name: &str) -> &str {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    match name.strip_suffix('d') {
        Some(stem) if !stem.is_empty() => stem.trim_end_matches('-'),
        _ => name,
    }
}

/// True for two devices that could be mistaken for each other. They may differ in a number alone.
pub(super) fn devices(one: &str, other: &str) -> bool {
    skeleton(one) == skeleton(other)
}

/// True for two services that could be mistaken for each other: also `log`, `logd` and `logd2`.
pub(super) fn services(one: &str, other: &str) -> bool {
    skeleton(one) == skeleton(other) || skeleton(stem(one)) == skeleton(stem(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_look_alikes() {
        for (one, other) in [("logd", "l0gd"), ("logd", "1ogd"), ("rngd", "rn-gd"), ("mem", "rnem")]
        {
            assert!(services(one, other), "{one} {other}");
            assert!(devices(one, other), "{one} {other}");
        }
        for (one, other) in
            [("logd", "log"), ("logd", "logd2"), ("logd", "log-d"), ("rngd", "rngd-1")]
        {
            assert!(services(one, other), "{one} {other}");
        }
    }

    #[test]
    fn leaves_others_alone() {
        for (one, other) in [("uart0", "uart1"), ("rng0", "rtc0"), ("net0", "net1")] {
            assert!(!devices(one, other), "{one} {other}");
        }
        for (one, other) in [("logd", "rtcd"), ("nsh", "nshell"), ("netd", "virtionetd")] {
            assert!(!services(one, other), "{one} {other}");
        }
    }
}
