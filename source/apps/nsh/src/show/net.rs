//! `net`: the network card, and what went through it.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::net::{Card, Counters};
use nexus_words::amount::hex;

use crate::names::Names;
use crate::table::{Table, left, right, wrap};

/// The card, who has its frames, and what came in and went out.
#[must_use]
pub fn net(card: &Card, input: &Counters, output: &Counters, names: &Names) -> String {
    let link = if card.link { "up" } else { "down" };
    let whose = match card.consumer {
        0 => "nobody has its frames".to_string(),
        id => format!("its frames are {}'s", names.service(id)),
    };
    let what = format!("link {link}, address {}, MTU {}; {whose}", hex(&card.mac, ":"), card.mtu);
    let mut table = Table::new(&[left(""), right("IN"), right("OUT")]);
    for (name, of) in COUNTERS {
        table.row([name.to_string(), of(input).to_string(), of(output).to_string()]);
    }
    wrap("", &what) + "\n" + &table.render()
}

type Of = fn(&Counters) -> u64;

/// What is counted, in words.
const COUNTERS: [(&str, Of); 7] = [
    ("frames", |counters| counters.frames),
    ("bytes", |counters| counters.bytes),
    ("dropped: no buffer", |counters| counters.no_buffer),
    ("dropped: too short", |counters| counters.too_short),
    ("dropped: too long", |counters| counters.too_long),
    ("dropped: for another", |counters| counters.not_for_us),
    ("dropped: in pieces", |counters| counters.split),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::names;
    use crate::table::{columns, width};
    use nexus_proto::Zero;

    const CARD: Card = Card {
        mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
        mtu: 1500,
        consumer: 0,
        link: true,
        zero: Zero::ZERO,
    };

    fn counters(frames: u64) -> Counters {
        Counters {
            frames,
            bytes: 60 * frames,
            no_buffer: 1,
            too_short: 2,
            too_long: 3,
            not_for_us: 4,
            split: 5,
        }
    }

    #[test]
    fn the_card_and_its_counters() {
        let out = Counters { frames: 7, ..Counters::default() };
        assert_eq!(
            net(&CARD, &counters(20), &out, &names()),
            "\
link up, address 52:54:00:12:34:56, MTU 1500; nobody has its frames

                        IN  OUT
frames                  20    7
bytes                 1200    0
dropped: no buffer       1    0
dropped: too short       2    0
dropped: too long        3    0
dropped: for another     4    0
dropped: in pieces       5    0
"
        );
        let down = Card { link: false, consumer: 8, ..CARD };
        let text = net(&down, &out, &out, &names());
        assert!(text.starts_with("link down,") && text.contains("are virtioblkd's"), "{text}");
    }

    #[test]
    fn the_largest_numbers_fit_the_terminal() {
        let most = Counters { bytes: u64::MAX, ..counters(1) };
        let text = net(&CARD, &most, &most, &names());
        assert!(text.lines().all(|line| width(line) <= columns()), "{text}");
    }
}
