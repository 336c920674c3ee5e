//! Characters that people see: what a file of a system may hold, and what is printed of one.
//!
//! A reader must see what the checker reads. What moves the cursor, turns the direction of writing,
//! takes no room, or looks like a plain space and is none, is not visible.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Characters that are letters, marks or symbols by their category, and show nothing: fillers,
/// joiners and selectors (Unicode 16, `Default_Ignorable_Code_Point`), and two blank symbols.
const BLANK: &[RangeInclusive<char>] = &[
    '\u{34f}'..='\u{34f}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{1d159}'..='\u{1d159}',
    '\u{e0000}'..='\u{e0fff}',
];

/// True for a character that shows itself, and for the plain space.
#[must_use]
pub fn is_visible(c: char) -> bool {
    use GeneralCategory as Is;
    let hidden = matches!(
        c.general_category(),
        Is::Control
            | Is::Format
            | Is::LineSeparator
            | Is::ParagraphSeparator
            | Is::SpaceSeparator
            | Is::Surrogate
            | Is::PrivateUse
            | Is::Unassigned
    );
    c == ' ' || !hidden && !BLANK.iter().any(|range| range.contains(&c))
}

/// Where `text` holds what a line of a file must not: byte index and character. Tabs and the ends of
/// lines, also `\r\n`, are no such thing.
pub fn hidden(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    text.char_indices().filter(|(index, c)| match c {
        '\t' | '\n' => false,
        '\r' => !text.get(index + 1..).is_some_and(|rest| rest.starts_with('\n')),
        c => !is_visible(*c),
    })
}

/// `text` with `\u{…}` for each character that is not visible; tabs and newlines stay.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    let plain = |c: char| is_visible(c) || matches!(c, '\t' | '\n');
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if plain(c) {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 82 U: every control, format and separator character, tags and selectors; none is visible
    #[test]
    fn test_every_hidden_character_is_found() {
        let mut found = 0;
        for c in '\0'..=char::MAX {
            use GeneralCategory as Is;
            let must_hide = matches!(
                c.general_category(),
                Is::Control | Is::Format | Is::LineSeparator | Is::ParagraphSeparator
            );
            if must_hide {
                found += 1;
                assert!(!is_visible(c), "{c:?}");
                assert_eq!(shown(&c.to_string()).contains(c), matches!(c, '\t' | '\n'), "{c:?}");
                let alone = hidden(&c.to_string()).count();
                assert_eq!(alone, usize::from(!matches!(c, '\t' | '\n')), "{c:?}");
            }
        }
        assert!(found > 65 + 150, "{found}");
        for c in
            "\u{feff}\u{ad}\u{61c}\u{a0}\u{3000}\u{2800}\u{3164}\u{fe0f}\u{e0041}\u{e0100}\u{e000}"
                .chars()
        {
            assert!(!is_visible(c), "{c:?}");
        }
    }

    #[test]
    fn test_text_in_any_script_is_visible() {
        for text in ["policy", "größe", "Правила", "許可", "→ … ✓ é", "e\u{301}"]
        {
            assert_eq!(hidden(text).count(), 0, "{text}");
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn test_ends_of_lines_are_no_mistake() {
        assert_eq!(hidden("a\r\nb\tc\n").count(), 0);
        assert_eq!(hidden("a\rb\r").map(|(at, _)| at).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(shown("a\u{1b}[2J\u{202e}"), "a\\u{1b}[2J\\u{202e}");
    }
}
