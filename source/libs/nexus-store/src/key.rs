//! Names: which tree, and which key in it.

use core::fmt;

/// Bytes of the longest key.
pub const MAX_KEY: usize = 255;

/// Whose tree: declared by a service, unique, never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeId(pub u128);

impl fmt::Display for TreeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

impl fmt::Debug for TreeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TreeId({self})")
    }
}

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// No bytes, or more than [`MAX_KEY`].
    Length,
    /// Not UTF-8.
    NotText,
    /// A control character.
    Control,
    /// A part between slashes that is empty, `.` or `..`.
    Part,
}

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Length => "a key has 1 to 255 bytes",
            Self::NotText => "a key is UTF-8",
            Self::Control => "a key has no control characters",
            Self::Part => "no part of a key is empty, `.` or `..`",
        })
    }
}

/// A key as it may be: 1 to 255 bytes of UTF-8 as given, parts separated by `/`, none of them empty, `.` or `..`,
/// no control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key<'a>(&'a str);

impl<'a> Key<'a> {
    /// Checks a key.
    ///
    /// # Errors
    /// The first of [`KeyError`] that holds.
    pub fn new(text: &'a str) -> Result<Self, KeyError> {
        if text.is_empty() || text.len() > MAX_KEY {
            return Err(KeyError::Length);
        }
        if text.bytes().any(|byte| !(b' '..0x7f).contains(&byte))
            && text.chars().any(char::is_control)
        {
            return Err(KeyError::Control);
        }
        let mut parts = text.as_bytes().split(|byte| *byte == b'/');
        if parts.any(|part| matches!(part, b"" | b"." | b"..")) {
            return Err(KeyError::Part);
        }
        Ok(Self(text))
    }

    /// Checks a key in bytes.
    ///
    /// # Errors
    /// The first of [`KeyError`] that holds.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, KeyError> {
        if bytes.is_empty() || bytes.len() > MAX_KEY {
            return Err(KeyError::Length);
        }
        Self::new(core::str::from_utf8(bytes).map_err(|_| KeyError::NotText)?)
    }

    /// The key.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether `prefix` is this key, or whole parts at its beginning.
    #[must_use]
    pub fn is_under(self, prefix: Key<'_>) -> bool {
        self.0.strip_prefix(prefix.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    // attack 92 U: path tricks: empty parts, dots, control characters, what is not UTF-8, lengths; refused; broken: store-key-parts
    #[test]
    fn keys_are_as_they_must_be() {
        for good in ["a", "a/b", "...", "a/.b", "ä/ß", "a b", "e\u{301}", "a\\..\\b", "%2e%2e/x"]
        {
            assert_eq!(Key::new(good).map(Key::as_str), Ok(good));
        }
        for (bad, error) in [
            ("", KeyError::Length),
            ("/", KeyError::Part),
            ("/a", KeyError::Part),
            ("a/", KeyError::Part),
            ("a//b", KeyError::Part),
            (".", KeyError::Part),
            ("a/..", KeyError::Part),
            ("../a", KeyError::Part),
            ("a/./b", KeyError::Part),
            ("a\0", KeyError::Control),
            ("a\n", KeyError::Control),
            ("\u{7f}", KeyError::Control),
            ("\u{85}", KeyError::Control),
        ] {
            assert_eq!(Key::new(bad), Err(error), "{bad:?}");
        }
        let long = "x".repeat(MAX_KEY + 1);
        assert_eq!(Key::new(&long), Err(KeyError::Length));
        assert!(Key::new(&long[1..]).is_ok());
        assert_eq!(Key::from_bytes(b"a\xff"), Err(KeyError::NotText));
        assert_eq!(Key::from_bytes(&[0xff; 256]), Err(KeyError::Length));
        assert_eq!(Key::from_bytes(&[b'x'; MAX_KEY]).map(|key| key.as_str().len()), Ok(MAX_KEY));
        assert_eq!(Key::from_bytes(b""), Err(KeyError::Length));
        assert_eq!(std::format!("{}", Key::new("a/b").unwrap()), "a/b");
    }

    // attack 92 U: keys that begin like a prefix and are not under it; told apart by whole parts
    #[test]
    fn a_prefix_is_whole_parts() {
        let under =
            |key: &str, prefix: &str| Key::new(key).unwrap().is_under(Key::new(prefix).unwrap());
        assert!(under("a/b", "a") && under("a", "a") && under("a/b/c", "a/b"));
        assert!(!under("ab", "a") && !under("a-/b", "a") && !under("a", "a/b"));
        assert_eq!(
            std::format!("{}", TreeId(0xab)),
            String::from("000000000000000000000000000000ab")
        );
    }
}
