use super::*;
use crate::key::KeyParser;
use proptest::prelude::*;

/// Types bytes at an empty line with two lines of history, as a person would.
fn typed(bytes: &[u8]) -> (Editor, Vec<Outcome>, Vec<u8>) {
    let mut history = History::default();
    history.add("first");
    history.add("second");
    let (mut parser, mut out, mut outcomes) = (KeyParser::default(), Vec::new(), Vec::new());
    let mut editor = Editor::new(render::USUAL);
    editor.set_prompt("> ");
    for byte in bytes {
        if let Some(key) = parser.push(*byte) {
            outcomes.push(editor.apply(key, &mut history, &mut out));
        }
    }
    (editor, outcomes, out)
}

/// The text with a `|` where the cursor is.
fn after(bytes: &[u8]) -> String {
    let (editor, ..) = typed(bytes);
    let mut text = String::from(editor.text());
    text.insert(editor.cursor(), '|');
    text
}

#[test]
fn typing_echoes_only_the_character() {
    let (editor, outcomes, out) = typed(b"hi\r");
    assert_eq!(editor.text(), "hi");
    assert_eq!(out, b"hi\r\n");
    assert_eq!(outcomes.last(), Some(&Outcome::Line));
}

#[test]
fn insert_and_delete_in_the_middle() {
    assert_eq!(after(b"abc\x1b[D\x1b[DX"), "aX|bc");
    assert_eq!(after(b"abc\x1b[D\x7f"), "a|c");
    assert_eq!(after(b"abc\x01\x1b[3~"), "|bc");
    assert_eq!(after(b"abc\x01\x04"), "|bc");
    assert_eq!(after(b"abc\x7f"), "ab|");
}

#[test]
fn ends_of_the_line_hold() {
    assert_eq!(after(b"ab\x1b[C\x1b[C\x05"), "ab|");
    assert_eq!(after(b"ab\x1b[D\x1b[D\x1b[D\x1b[D"), "|ab");
    assert_eq!(after(b"\x7f\x1b[3~\x0b\x15\x17"), "|");
}

#[test]
fn kills() {
    assert_eq!(after(b"one two\x1b[D\x0b"), "one tw|");
    assert_eq!(after(b"one two\x1b[D\x15"), "|o");
    assert_eq!(after(b"one two  \x17"), "one |");
    assert_eq!(after(b"one two\x17\x17"), "|");
}

#[test]
fn words() {
    assert_eq!(after(b"one two three\x1bb\x1bb"), "one |two three");
    assert_eq!(after(b"one two three\x01\x1bf\x1bf"), "one two| three");
    assert_eq!(after("a\u{3000}b\x17".as_bytes()), "a\u{3000}|");
}

#[test]
fn characters_of_several_bytes_are_one_step() {
    assert_eq!(after("a€é\x1b[D\x7f".as_bytes()), "a|é");
    assert_eq!(after("é\x7f".as_bytes()), "|");
    assert_eq!(after("é\x01\x1b[3~".as_bytes()), "|");
}

#[test]
fn history_keeps_the_draft() {
    assert_eq!(after(b"dr\x1b[A"), "second|");
    assert_eq!(after(b"dr\x1b[A\x1b[A"), "first|");
    assert_eq!(after(b"dr\x1b[A\x1b[A\x1b[A"), "first|");
    assert_eq!(after(b"dr\x1b[A\x1b[A\x1b[B"), "second|");
    assert_eq!(after(b"dr\x1b[A\x1b[B"), "dr|");
    assert_eq!(after(b"dr\x1b[B"), "dr|");
}

#[test]
fn what_was_cut_is_put_back() {
    assert_eq!(after(b"one two\x17\x01\x19"), "two|one ");
    assert_eq!(after(b"one two\x15\x19\x19"), "one twoone two|");
    assert_eq!(after(b"one\x1b[D\x0b\x19\x19"), "onee|");
    // What was cut last, and not what was deleted; where nothing was there is nothing.
    assert_eq!(after(b"one two\x17\x7f\x15\x0b\x19"), "one|");
    assert_eq!((after(b"a\x19"), typed(b"a\x19").2.last()), ("a|".into(), Some(&BELL)));
    let (editor, _, out) = typed(&[vec![b'x'; MAX_LINE - 1], b"\x15\x19\x19".to_vec()].concat());
    assert_eq!((editor.text().len(), out.last()), (MAX_LINE - 1, Some(&BELL)));
}

#[test]
fn a_line_is_found_by_a_part_of_it() {
    assert_eq!(after(b"dr\x12s"), "second|");
    assert_eq!(after(b"dr\x12st"), "first|");
    assert_eq!(after(b"dr\x12s\x12"), "first|");
    // What is not there is told, and what was found stays.
    assert_eq!(after(b"dr\x12s\x12\x12"), "first|");
    assert_eq!(
        (after(b"dr\x12sx"), typed(b"dr\x12sx").2.contains(&BELL)),
        ("second|".into(), true)
    );
    assert_eq!(after(b"dr\x12st\x7f"), "second|");
    assert_eq!(after(b"dr\x12st\x7f\x7f"), "dr|");
    // Any other key is one for the line, which is that of the history from there on.
    assert_eq!(after(b"dr\x12st\x01"), "|first");
    assert_eq!(after(b"dr\x12sec\x1b[A"), "first|");
    assert_eq!(after(b"dr\x12st\x1b[B\x1b[B"), "dr|");
    assert_eq!(after(b"dr\x12st\x05s"), "firsts|");
    assert_eq!(typed(b"dr\x12st\r").1.last(), Some(&Outcome::Line));
    assert_eq!(typed(b"dr\x12st\r").0.text(), "first");
    assert_eq!(typed(b"\x12st\x03").1.last(), Some(&Outcome::Interrupt));
    // Ctrl-G goes back to what was typed.
    assert_eq!(after(b"dr\x12st\x07"), "dr|");
    assert_eq!(after(b"d\x12\x07r"), "dr|");
    assert_eq!(typed(b"dr\x07").2, b"dr\x07");
}

#[test]
fn the_row_says_what_is_looked_for() {
    let said = |bytes: &[u8]| String::from_utf8(typed(bytes).2).unwrap();
    assert!(said(b"dr\x12").ends_with("\r\x1b[K(search ``) dr"), "{:?}", said(b"dr\x12"));
    assert!(said(b"\x12st").ends_with("\r\x1b[K(search `st`) first"));
    assert!(said(b"\x12st\x1b[40;40R").ends_with("\r\x1b[K(search `st`) first"));
    assert!(said(b"\x12st\x05").ends_with("\r\x1b[K> first"));
    // No longer than a line.
    let (editor, _, out) = typed(&[b"\x12".to_vec(), vec![b's'; MAX_LINE + 9]].concat());
    assert_eq!((editor.text(), out.contains(&BELL)), ("second", true));
}

#[test]
fn ctrl_c_and_ctrl_d() {
    assert_eq!(typed(b"ab\x03").1.last(), Some(&Outcome::Interrupt));
    assert_eq!(typed(b"ab\x03").2, b"ab^C\r\n");
    assert_eq!(typed(b"\x04").1, [Outcome::EndOfInput]);
    assert_eq!(typed(b"a\x04").1.last(), Some(&Outcome::Editing));
}

#[test]
fn tab_changes_nothing_by_itself() {
    let (editor, outcomes, out) = typed(b"he\t");
    assert_eq!((editor.text(), outcomes.last()), ("he", Some(&Outcome::Tab)));
    assert_eq!(out, b"he");
}

#[test]
fn a_full_line_rings_the_bell() {
    let (editor, _, out) = typed(&[b'x'; MAX_LINE + 1]);
    assert_eq!(editor.text().len(), MAX_LINE);
    assert_eq!(out.last(), Some(&BELL));
}

#[test]
fn a_line_that_is_too_long_is_refused_and_not_cut() {
    let long = [vec![b'x'; MAX_LINE + 1], b"\r".to_vec()].concat();
    let (editor, outcomes, out) = typed(&long);
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Editing), "{outcomes:?}");
    assert_eq!(editor.text(), "");
    let said = String::from_utf8(out).unwrap();
    assert!(said.contains("\x07\r\n(not run: ") && said.ends_with("\r\x1b[K> "), "{said}");
    assert!(TOO_LONG.windows(3).any(|part| part == MAX_LINE.to_string().as_bytes()));
    // The next line is one of its own, and what fits is run.
    let (editor, outcomes, _) = typed(&[long.as_slice(), b"ps\r"].concat());
    assert_eq!((editor.text(), outcomes.last()), ("ps", Some(&Outcome::Line)));
    let (editor, outcomes, _) = typed(&[vec![b'x'; MAX_LINE], b"\r".to_vec()].concat());
    assert_eq!((editor.text().len(), outcomes.last()), (MAX_LINE, Some(&Outcome::Line)));
}

#[test]
fn who_shortens_a_line_that_was_too_long_may_run_it() {
    let long = [vec![b'x'; MAX_LINE + 9], b"\x7f\r".to_vec()].concat();
    let (editor, outcomes, _) = typed(&long);
    assert_eq!((editor.text().len(), outcomes.last()), (MAX_LINE - 1, Some(&Outcome::Line)));
    let (editor, outcomes, _) = typed(&[vec![b'x'; MAX_LINE + 9], b"\x1b[A\r".to_vec()].concat());
    assert_eq!((editor.text(), outcomes.last()), ("second", Some(&Outcome::Line)));
}

#[test]
fn completion_fits_whole_or_not_at_all() {
    let (mut editor, ..) = typed(&[b'x'; MAX_LINE - 3]);
    let mut out = Vec::new();
    editor.insert("word", &mut out);
    assert_eq!((editor.text().len(), out.as_slice()), (MAX_LINE - 3, [BELL].as_slice()));
    editor.insert("abc", &mut out);
    assert_eq!(editor.text().len(), MAX_LINE);
}

#[test]
fn completion_text_cannot_smuggle_control_characters() {
    let (mut editor, ..) = typed(b"he");
    editor.insert("lp\x1b[2J\r\n ", &mut Vec::new());
    assert_eq!(editor.text(), "help[2J ");
}

/// A terminal of one row, as far as the editor uses one.
#[derive(Default)]
struct Row {
    cells: Vec<char>,
    column: usize,
}

impl Row {
    fn show(&mut self, out: &str) {
        let mut chars = out.chars();
        while let Some(c) = chars.next() {
            match c {
                '\r' => self.column = 0,
                '\x08' => self.column -= 1,
                '\x07' => {}
                '\x1b' => self.escape(&mut chars),
                c => {
                    self.cells.resize(self.cells.len().max(self.column + 1), ' ');
                    self.cells[self.column] = c;
                    self.column += 1;
                }
            }
        }
    }

    fn escape(&mut self, chars: &mut core::str::Chars<'_>) {
        assert_eq!(chars.next(), Some('['));
        let mut number = 0;
        loop {
            match chars.next().unwrap() {
                digit @ '0'..='9' => number = number * 10 + digit.to_digit(10).unwrap() as usize,
                'D' => return self.column -= number,
                'K' => return self.cells.truncate(self.column),
                'H' => return self.column = 0,
                'J' => return self.cells.clear(),
                other => panic!("unexpected {other:?}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_leave_a_sound_line(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (editor, ..) = typed(&bytes);
        prop_assert!(editor.text().len() <= MAX_LINE);
        prop_assert!(editor.text().is_char_boundary(editor.cursor()));
        prop_assert!(!editor.text().chars().any(char::is_control));
    }

    #[test]
    fn the_row_shows_the_text_and_the_cursor(
        keys in proptest::collection::vec(prop_oneof![
            4 => (b' '..=b'~').prop_map(|byte| vec![byte]),
            1 => proptest::sample::select(vec![
                b"\x1b[D".to_vec(), b"\x1b[C".to_vec(), b"\x1b[A".to_vec(), b"\x1b[B".to_vec(),
                b"\x01".to_vec(), b"\x05".to_vec(), b"\x17".to_vec(), b"\x7f".to_vec(),
                b"\x1b[3~".to_vec(), b"\x0c".to_vec(), b"\x1bb".to_vec(), b"\x1bf".to_vec(),
                b"\x12".to_vec(), b"\x19".to_vec(), b"\x07".to_vec(),
            ]),
        ], 0..60)
    ) {
        // Whatever was looked for, it is over.
        let (editor, _, out) = typed(&[keys.concat(), b"\x05".to_vec()].concat());
        prop_assume!(render::fits(render::USUAL, "> ", editor.text()));
        let mut row = Row::default();
        row.show("> ");
        row.show(core::str::from_utf8(&out).unwrap());
        let shown: String = row.cells.iter().collect();
        let expected = format!("> {}", editor.text());
        prop_assert_eq!(shown.trim_end(), expected.trim_end());
        prop_assert_eq!(row.column, 2 + editor.cursor());
    }
}
