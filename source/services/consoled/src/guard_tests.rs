use super::*;

const BEGINNINGS: [&str; 3] = ["@nx 0 verdict 9 0", "SELFTEST: mmio map ok", "neuron: panic: x"];

// attack 78 U: a line that begins a record, a test or a kernel line; marked; broken: console-record
#[test]
fn only_reporters_begin_records_and_nobody_a_kernel_line() {
    for text in BEGINNINGS {
        assert_eq!(Line::new(text.as_bytes(), false).as_str(), format!("? {text}"));
        let of_kernel = text.starts_with("neuron:");
        let marked = Line::new(text.as_bytes(), true).as_str() != text;
        assert_eq!(marked, of_kernel, "{text}");
    }
    for text in ["", "x @nx 0", " @nx 0", "nexus> ", "neuron", "selftest: ok", "SELFTEST"] {
        assert_eq!(Line::new(text.as_bytes(), false).as_str(), text, "what nobody takes for one");
    }
}

// attack 78 U: bytes that a terminal does not show before a record; shown as question marks
#[test]
fn nothing_hides_before_a_beginning() {
    let hidden = ["\r", "\x08", "\x1b[K", "\0", "\u{200b}", "\u{feff}", "\u{202e}", "\u{2028}"];
    for before in hidden {
        let line = Line::new(format!("{before}@nx 0").as_bytes(), false);
        assert!(line.as_str().starts_with('?'), "{before:?}: {line:?}");
    }
    assert_eq!(Line::new(b"a\x08\x08@nx\r", false).as_str(), "a??@nx");
}

// attack 78 U: a prompt that begins a record, or that what is typed behind it completes; marked; broken: console-prompt
#[test]
fn no_prompt_and_no_piece_of_one_begins_a_record() {
    for text in BEGINNINGS {
        for end in 0..=text.len() {
            let begun = &text[..end];
            assert_eq!(prompt(begun, false), format!("? {begun}"));
        }
    }
    assert_eq!(prompt("@n", true), "@n");
    assert_eq!(prompt("neu", true), "? neu");
    assert_eq!(prompt("nexus> ", false), "nexus> ");
}

// attack 46 U: control characters in output; shown as question marks
#[test]
fn control_characters_and_bad_utf8_lose_their_power() {
    assert_eq!(clean(b"a\x1b[2Jb\tc\r"), "a?[2Jb c");
    assert_eq!(clean(b"a\rb"), "a?b");
    assert_eq!(clean(b"\xff\xc2\x9b"), "\u{fffd}?");
}
