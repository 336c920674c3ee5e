use super::*;

fn keys(bytes: &[u8]) -> Vec<Key> {
    let mut parser = KeyParser::default();
    bytes.iter().filter_map(|byte| parser.push(*byte)).collect()
}

fn text(keys: &[Key]) -> String {
    keys.iter().filter_map(|key| if let Key::Char(c) = key { Some(*c) } else { None }).collect()
}

#[test]
fn plain_text_and_control_codes() {
    assert_eq!(keys(b"a~"), [Key::Char('a'), Key::Char('~')]);
    assert_eq!(
        keys(b"\x01\x05\x0b\x15\x17\x0c"),
        [Key::Home, Key::End, Key::KillToEnd, Key::KillToStart, Key::KillWord, Key::Clear]
    );
    assert_eq!(
        keys(b"\x03\x04\x09\x08\x7f"),
        [Key::Interrupt, Key::EndOfInput, Key::Tab, Key::Backspace, Key::Backspace]
    );
    assert_eq!(keys(b"\x07\x12\x19"), [Key::Abandon, Key::Search, Key::Yank]);
}

#[test]
fn every_form_of_line_end_is_one_enter() {
    assert_eq!(keys(b"\r"), [Key::Enter]);
    assert_eq!(keys(b"\n"), [Key::Enter]);
    assert_eq!(keys(b"\r\n"), [Key::Enter]);
    assert_eq!(keys(b"\r\r\n\n"), [Key::Enter, Key::Enter, Key::Enter]);
}

#[test]
fn cursor_keys_in_each_terminal_dialect() {
    assert_eq!(keys(b"\x1b[A\x1b[B\x1b[C\x1b[D"), [Key::Up, Key::Down, Key::Right, Key::Left]);
    assert_eq!(keys(b"\x1bOA\x1bOB\x1bOC\x1bOD"), [Key::Up, Key::Down, Key::Right, Key::Left]);
    assert_eq!(keys(b"\x1b[H\x1bOH\x1b[1~\x1b[7~"), [Key::Home; 4]);
    assert_eq!(keys(b"\x1b[F\x1bOF\x1b[4~\x1b[8~"), [Key::End; 4]);
    assert_eq!(keys(b"\x1b[3~"), [Key::Delete]);
    assert_eq!(
        keys(b"\x1b[1;5C\x1b[1;5D\x1bf\x1bb"),
        [Key::WordRight, Key::WordLeft, Key::WordRight, Key::WordLeft]
    );
}

#[test]
fn unknown_sequences_are_swallowed_whole() {
    // Function keys, mouse, bracketed paste, cursor report, window title.
    let noise = b"x\x1b[15~\x1b[200~\x1b[24;80R\x1b[?25h\x1b]0;title\x07\x1bP1$r\x1b\\y";
    assert_eq!(text(&keys(noise)), "xy");
}

#[test]
fn an_interrupted_sequence_gives_way_to_the_control_code() {
    assert_eq!(keys(b"\x1b[12\x03"), [Key::Interrupt]);
    assert_eq!(keys(b"\x1b\r"), [Key::Enter]);
    assert_eq!(keys(b"\x1b]never ends\r"), [Key::Enter]);
    assert_eq!(keys(b"\x1b\x1b[A"), [Key::Up]);
}

#[test]
fn a_control_string_without_end_stops_swallowing() {
    let mut bytes = b"\x1b]".to_vec();
    bytes.extend([b'z'; 400]);
    assert!(text(&keys(&bytes)).len() >= 400 - usize::from(MAX_STRING) - 1);
}

#[test]
fn utf8_in_one_to_four_bytes() {
    assert_eq!(text(&keys("aé€🙂".as_bytes())), "aé€🙂");
}

#[test]
fn broken_utf8_is_dropped_and_the_next_byte_kept() {
    assert_eq!(text(&keys(b"\xc3x")), "x");
    assert_eq!(text(&keys(b"\xff\xfe\x80y")), "y");
    assert_eq!(text(&keys(b"\xe2\x82\x0d")), "");
    assert_eq!(keys(b"\xe2\x82\x0d"), [Key::Enter]);
    // Overlong, surrogate, beyond U+10FFFF, C1 control.
    assert_eq!(text(&keys(b"\xe0\x80\x80\xed\xa0\x80\xf4\x90\x80\x80\xc2\x9bz")), "z");
}
