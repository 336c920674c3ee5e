//! Names (DNS, RFC 1035): what the peer knows, and what others say who were not asked.

use smoltcp::wire::Ipv4Address;

use crate::peer::{DIRECT, PEER, STRANGE};
use crate::raw::{self, Came, Way};

/// The address of every name that there is.
pub const RIGHT: [u8; 4] = [192, 0, 2, 1];
/// The same of IPv6.
pub const RIGHT6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// What others say.
pub const LIE: [u8; 4] = [203, 0, 113, 66];

/// The server of names.
#[derive(Debug, Default)]
pub struct Names {
    /// Others say something before the peer does.
    pub others: bool,
    /// Questions: the number, and the port that they came from.
    pub asked: Vec<(u16, u16)>,
    /// Lies that were told.
    pub lies: u32,
}

impl Names {
    /// Takes what the guest asks; the answers, in their order.
    pub(crate) fn take(&mut self, came: &Came) -> Vec<Vec<u8>> {
        let Came::Udp4(_, PEER, (port, 53), question) = came else { return Vec::new() };
        let [high, low, ..] = question.as_slice() else { return Vec::new() };
        self.asked.push((u16::from_be_bytes([*high, *low]), *port));
        let mut all = Vec::new();
        if self.others {
            all = lies(question, *port);
            self.lies += u32::try_from(all.len()).unwrap_or(0);
        }
        all.push(raw::udp(DIRECT, 53, *port, &answer(question, None)));
        all
    }
}

/// Answers that are right but for one thing each.
fn lies(question: &[u8], port: u16) -> Vec<Vec<u8>> {
    let lie = answer(question, Some(LIE));
    let mut another = lie.clone();
    another[1] ^= 1;
    let mut renamed = lie.clone();
    renamed[13] ^= 0x02;
    let mut asks = lie.clone();
    asks[2] &= 0x7f;
    let third = Way { from: Ipv4Address::new(10, 0, 2, 3), ..STRANGE };
    vec![
        // Another number; a port that did not ask; a server that was not asked, near and from the peer's card; from another
        // port; of another name; a question; cut off.
        raw::udp(DIRECT, 53, port, &another),
        raw::udp(DIRECT, 53, port ^ 1, &lie),
        raw::udp(STRANGE, 53, port, &lie),
        raw::udp(third, 53, port, &lie),
        raw::udp(DIRECT, 54, port, &lie),
        raw::udp(DIRECT, 53, port, &renamed),
        raw::udp(DIRECT, 53, port, &asks),
        raw::udp(DIRECT, 53, port, &lie[..lie.len() - 3]),
    ]
}

/// The answer to a question; with this address, where one is said. A name that begins with `none` is none.
fn answer(question: &[u8], lie: Option<[u8; 4]>) -> Vec<u8> {
    let mut answer = question.to_vec();
    let six = question.len() > 3 && question[question.len() - 3] == 28;
    let none = question.get(12..).is_some_and(|name| name.starts_with(b"\x04none"));
    // A response; with recursion; one question; and an answer, unless there is no such name.
    (answer[2], answer[3]) = (0x81, if none { 0x83 } else { 0x80 });
    answer[7] = u8::from(!none);
    if none {
        return answer;
    }
    let address = match (six, lie) {
        (true, _) => RIGHT6.to_vec(),
        (false, lie) => lie.unwrap_or(RIGHT).to_vec(),
    };
    let (kind, len) = if six { (28, 16) } else { (1, 4) };
    answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, len]);
    answer.extend(address);
    answer
}
