//! The serial output, as the host tool reads it.

use nexus::protocol::{Line, PREFIX, Record, read};

// attack 46 Z: any bytes on the serial line; a record is one only whole, and at the start of a line
/// A line is text, a record or an error, and nothing in between.
pub fn serial(data: &[u8]) {
    for bytes in data.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(bytes);
        match read(&line) {
            Line::Text(text) => assert!(text == line && !text.starts_with(PREFIX)),
            Line::Malformed(text) => assert!(text == line && text.starts_with(PREFIX)),
            Line::Record { nonce, record } => {
                let number = line.strip_prefix(PREFIX).and_then(|rest| rest.get(..16));
                assert_eq!(number, Some(format!("{nonce:016x}").as_str()), "{line}");
                assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
                if let Record::Ledger(entry) = &record {
                    let again = read(&format!("{PREFIX}{nonce:016x} ledger {entry}"));
                    assert_eq!(again, Line::Record { nonce, record });
                }
            }
        }
    }
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let good = "@nx 0123456789abcdef proof selftest-client mmio-window-mapped 2\n\
                @nx 0123456789abcdef ready 6\n\
                @nx 0123456789abcdef ledger 3 decision 7 1 3 10008000 1000 7 allow 4\n\
                @nx 0123456789abcdef cap 7 6 7 10008000 1000 1\n\
                @nx 0123456789abcdef root 7 80400000\n\
                @nx 0123456789abcdef bench call-reply 439 100 100\n\
                @nx 0123456789abcdef refused rngd rng0 denied:no-rule\n\
                @nx 0123456789abcdef granted 0\n\
                @nx 0123456789abcdef witness-ready\n\
                @nx 0123456789abcdef verdict 12 0\n";
    let bad = "@nx 0123456789ABCDEF ready 6\n@nx 123 ready 6\n@nx  0123456789abcdef ready 6\n\
               @nx 0123456789abcdef ready 99999999999999999999\n@nx 0123456789abcdef ready 6 \n\
               @nx 0123456789abcdef proof nsh Upper\n @nx 0123456789abcdef ready 6\n@nx\n\
               SELFTEST: mmio map ok\r\n";
    vec![("good".into(), good.into()), ("bad".into(), bad.into())]
}
