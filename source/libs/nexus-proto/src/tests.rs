//! Properties that every protocol has, checked by drawing values of every payload.

extern crate std;

use std::string::String;
use std::vec::Vec;

use nexus_abi::{Handle, Message, Sender, Tag, WORDS};
use proptest::prelude::*;

use super::*;
use crate::bus::Prepared;
use crate::init::ServiceState;
use crate::log::{Entry, Event, Outcome};
use crate::policy::{Decide, Decision, NO_LINE, NO_RULE, Reason, Verdict};

/// Where values are drawn from: the same words give the same values.
pub(crate) struct Source {
    words: Vec<u64>,
    next: usize,
}

impl Source {
    fn word(&mut self) -> u64 {
        self.next += 1;
        let word = self.words[self.next % self.words.len()];
        word.wrapping_add(self.next as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    }

    pub(crate) fn choose<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.word() as usize % all.len()]
    }
}

/// A valid value, any of them.
pub(crate) trait Draw {
    fn draw(source: &mut Source) -> Self;
}

macro_rules! integers {
    ($($ty:ty),+) => { $(impl Draw for $ty {
        fn draw(source: &mut Source) -> $ty { source.word() as $ty }
    })+ };
}
integers!(u8, u16, u32, u64);

impl Draw for () {
    fn draw(_: &mut Source) {}
}

impl Draw for bool {
    fn draw(source: &mut Source) -> bool {
        source.choose(&[false, true])
    }
}

impl<T: Draw, const N: usize> Draw for [T; N] {
    fn draw(source: &mut Source) -> [T; N] {
        std::array::from_fn(|_| T::draw(source))
    }
}

impl<const N: usize> Draw for Zero<N> {
    fn draw(_: &mut Source) -> Zero<N> {
        Zero::ZERO
    }
}

impl<const N: usize> Draw for Name<N> {
    fn draw(source: &mut Source) -> Name<N> {
        let len = source.word() as usize % (N + 2);
        let name: String = (0..len).map(|_| source.choose(&['a', '0', '-', 'é', '€'])).collect();
        Name::new(&name)
    }
}

impl Draw for Asker {
    fn draw(source: &mut Source) -> Asker {
        Asker::new(u32::draw(source))
    }
}

impl Draw for Registers {
    fn draw(source: &mut Source) -> Registers {
        Registers::new(bool::draw(source).then(|| u64::draw(source)))
    }
}

impl Draw for Text {
    fn draw(source: &mut Source) -> Text {
        let len = source.word() as usize % (Text::MAX + 1);
        let bytes: Vec<u8> = (0..len).map(|_| u8::draw(source)).collect();
        Text::piece(&bytes).with_more(bool::draw(source))
    }
}

/// A protocol, for the tests below.
pub(crate) trait Checked: Protocol {
    fn check_operations(source: &mut Source);
}

/// The same message with other counts.
fn with_counts(message: &Message, words: u8, caps: u8) -> Message {
    Message { tag: Tag::new(message.tag.label(), words, caps), words: message.words }
}

/// What is sent of a message.
fn sent(message: &Message) -> (Tag, &[u64]) {
    (message.tag, &message.words[..message.tag.words() as usize])
}

/// Every bit of a payload is tried; under Miri, which looks at what one of them does, a few.
const STRIDE: usize = if cfg!(miri) { 67 } else { 1 };

/// What holds for one payload: it comes back as it was, other lengths are refused, and no two byte
/// patterns near it mean the same.
fn check_payload<T: Payload>(payload: T) {
    let message = encode_payload(7, &payload);
    assert!(message.tag.is_valid());
    assert_eq!(decode_payload(&message), Ok(payload));
    for words in 0..=WORDS as u8 {
        let refused =
            decode_payload::<T>(&with_counts(&message, words, 0)) == Err(Malformed::Length);
        assert_eq!(refused, words != T::WORDS);
    }
    assert_eq!(decode_payload::<T>(&with_counts(&message, T::WORDS, 1)), Err(Malformed::Length));
    for bit in (0..usize::from(T::WORDS) * 64).step_by(STRIDE) {
        let mut flipped = message;
        flipped.words[bit / 64] ^= 1 << (bit % 64);
        match decode_payload::<T>(&flipped) {
            Ok(other) => {
                assert_ne!(other, payload, "bit {bit} means nothing");
                assert_eq!(encode_payload(7, &other), flipped);
            }
            Err(error) => assert_eq!(error, Malformed::Value),
        }
    }
    // Words past the length are left over from something else, and do not matter.
    let mut longer = message;
    longer.words[usize::from(T::WORDS)..].fill(u64::MAX);
    assert_eq!(decode_payload(&longer), Ok(payload));
}

/// What holds for one operation.
pub(crate) fn check_operation<O>(source: &mut Source)
where
    O: Operation<Reply: Draw> + Draw + Into<<O::Protocol as Protocol>::Request>,
{
    let request = O::draw(source);
    check_payload(request);
    let message = request.encode();
    let any: <O::Protocol as Protocol>::Request = request.into();
    assert_eq!(Request::decode(&message), Ok(any));
    assert_eq!(any.encode(), message);
    assert_eq!(message.tag.label() >> 16, O::Protocol::NUMBER.into());

    let reply = O::Reply::draw(source);
    check_payload(reply);
    let message = request.answer(Ok(reply));
    assert_eq!(message.tag.label(), 0);
    assert_eq!(O::decode_reply(&message), Ok(reply));
    let wrong = with_counts(&message, O::Reply::WORDS.wrapping_sub(1).min(8), 0);
    assert_eq!(O::decode_reply(&wrong), Err(ReplyError::Malformed(Malformed::Length)));
    for error in ServiceError::ALL {
        let message = request.answer(Err(*error));
        assert_eq!(O::decode_reply(&message), Err(ReplyError::Service(*error)));
        let wrong = with_counts(&message, 1, 0);
        assert_eq!(O::decode_reply(&wrong), Err(ReplyError::Malformed(Malformed::Length)));
    }
    let unknown = Message::new(1000, &[]);
    assert_eq!(O::decode_reply(&unknown), Err(ReplyError::Malformed(Malformed::Label)));
}

/// A message of anything: label near the protocol's, any counts, words of small and large numbers.
fn check_any_message<P: Protocol>(op: u16, words: u8, caps: u8, payload: [u64; WORDS]) {
    let label = (u32::from(P::NUMBER) << 16) | u32::from(op);
    let message = Message { tag: Tag::new(label, words, caps), words: payload };
    let known = P::OPERATIONS.iter().any(|(number, _)| *number == op);
    match P::Request::decode(&message) {
        Ok(request) => {
            let encoded = request.encode();
            assert_eq!(sent(&encoded), sent(&message));
        }
        Err(error) => assert_eq!(error == Malformed::Label, !known),
    }
}

macro_rules! protocols {
    ($($Protocol:path),+) => {
        #[test]
        fn numbers_are_used_once() {
            let protocols = [$(<$Protocol>::NUMBER),+];
            for (index, number) in protocols.iter().enumerate() {
                assert!(!protocols[..index].contains(number) && *number != 0);
            }
            for operations in [$(<$Protocol>::OPERATIONS),+] {
                for (index, (number, name)) in operations.iter().enumerate() {
                    let others = &operations[..index];
                    assert!(!others.iter().any(|(other, also)| other == number || also == name));
                }
            }
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 24 }))]
            #[test]
            fn every_payload_has_one_encoding(words in proptest::collection::vec(any::<u64>(), 8)) {
                let mut source = Source { words, next: 0 };
                $(<$Protocol>::check_operations(&mut source);)+
            }
        }

        proptest! {
            // attack 31 P: any message to any protocol; refused, or it is the one encoding of what is read
            #[test]
            fn any_message_is_refused_or_comes_back(
                op in 0u16..16,
                words in 0u8..10,
                caps in 0u8..6,
                payload: [u64; WORDS],
                mask in prop_oneof![Just(u64::MAX), Just(0xff), Just(0x0101_0101_0101_0101), Just(0)],
            ) {
                let payload = payload.map(|word| word & mask);
                $(check_any_message::<$Protocol>(op, words, caps, payload);)+
            }
        }
    };
}

protocols!(
    console::Console,
    device::Device,
    disk::Disk,
    entropy::Entropy,
    init::Init,
    log::Log,
    net::Net,
    policy::Policy,
    power::Power,
    rtc::Rtc,
    state::State
);

// attack 31 U: a message of another protocol; refused
#[test]
fn other_protocols_labels_are_refused() {
    let message = rtc::Now {}.encode();
    assert_eq!(power::Request::decode(&message), Err(Malformed::Label));
    assert_eq!(rtc::Request::decode(&Message::default()), Err(Malformed::Label));
}

fn asked() -> Decide {
    Decide {
        subject: Subject { id: 7, incarnation: 1 },
        asker: Asker::new(1),
        device: 3,
        rights: 7,
        base: 0x1000_8000,
        nonce: 42,
        pages: 1,
        pool: 0,
        line: 8,
        registers: Registers::new(Some(0x11)),
        zero: Zero::ZERO,
    }
}

fn allow(asked: Decide) -> Decision {
    let (verdict, reason) = (Verdict::Allow, Reason::Allowed);
    Decision { asked, epoch: 1, rule: 0, verdict, reason, record: 1, interval: 50 }
}

// attack 38 U: an allow for another question; allows nothing
#[test]
fn an_allow_is_for_its_question_only() {
    let asked = asked();
    assert!(allow(asked).allows(&asked));
    let others = [
        Decide { subject: Subject { id: 8, incarnation: 1 }, ..asked },
        Decide { subject: Subject { id: 7, incarnation: 2 }, ..asked },
        Decide { asker: Asker::new(10), ..asked },
        Decide { device: 4, ..asked },
        Decide { rights: 3, ..asked },
        Decide { base: 0x1000_7000, ..asked },
        Decide { pages: 2, ..asked },
        Decide { line: 9, ..asked },
        Decide { line: NO_LINE, ..asked },
        Decide { registers: Registers::new(Some(0x13)), ..asked },
        Decide { registers: Registers::UNMASKED, ..asked },
        Decide { nonce: 43, ..asked },
    ];
    for other in others {
        assert!(!allow(other).allows(&asked));
    }
}

#[test]
fn a_decision_that_contradicts_itself_allows_nothing() {
    let asked = asked();
    let good = allow(asked);
    let bad = [
        Decision { verdict: Verdict::Deny, ..good },
        Decision { reason: Reason::NoRule, ..good },
        Decision { rule: NO_RULE, ..good },
        Decision { epoch: 0, ..good },
        Decision { record: 0, ..good },
    ];
    let lineless = Decide { line: NO_LINE, ..asked };
    assert!(!allow(lineless).allows(&lineless), "an interval of no line");
    assert!(Decision { interval: 0, ..allow(lineless) }.allows(&lineless));
    for decision in bad {
        assert!(!decision.allows(&asked));
    }
}

#[test]
fn names_are_cut_at_characters() {
    assert_eq!(Name::<4>::new("abcd").as_str(), "abcd");
    assert_eq!(Name::<4>::new("abcde").as_str(), "abcd");
    assert_eq!(Name::<4>::new("abcé").as_str(), "abc");
    assert_eq!(Name::<4>::new("ab\0cd").as_str(), "ab");
    assert_eq!(Name::<4>::default().as_str(), "");
}

#[test]
fn text_goes_in_pieces() {
    for len in [0, 1, 47, 48, 49, 95, 96, 97, 1000] {
        let bytes: Vec<u8> = (0..len).map(|n: u32| n as u8).collect();
        let pieces: Vec<Text> = Text::pieces(&bytes).collect();
        assert_eq!(pieces.len(), bytes.len().div_ceil(Text::MAX).max(1));
        let (last, others) = pieces.split_last().unwrap();
        assert!(!last.more() && others.iter().all(Text::more));
        let joined: Vec<u8> = pieces.iter().flat_map(|text| text.as_bytes().to_vec()).collect();
        assert_eq!(joined, bytes);
    }
}

/// The message with byte `at` of its payload set to `value`.
fn with_byte(message: &Message, at: usize, value: u8) -> Message {
    let mut words = message.words;
    let shift = 8 * (at % 8);
    words[at / 8] = words[at / 8] & !(0xff << shift) | u64::from(value) << shift;
    Message { tag: message.tag, words }
}

// attack 31 U: bytes hidden behind the end of a text, and a length beyond it; refused; broken: text-hidden
#[test]
fn a_text_has_no_bytes_behind_its_end() {
    // A text is its length, whether more follows, padding, and 48 bytes.
    for len in 0..=Text::MAX {
        let message = encode_payload(0, &Text::piece(&[b'x'; Text::MAX][..len]));
        for at in 8 + len..8 + Text::MAX {
            let hidden = with_byte(&message, at, b'y');
            assert_eq!(decode_payload::<Text>(&hidden), Err(Malformed::Value), "{len} {at}");
        }
        let inside = with_byte(&message, 8 + len.saturating_sub(1), b'y');
        assert_eq!(decode_payload::<Text>(&inside).is_ok(), len > 0);
    }
    let whole = encode_payload(0, &Text::piece(&[b'x'; Text::MAX]));
    for len in Text::MAX + 1..=usize::from(u8::MAX) {
        let longer = with_byte(&whole, 0, u8::try_from(len).unwrap());
        assert_eq!(decode_payload::<Text>(&longer), Err(Malformed::Value), "{len}");
    }
}

// attack 31 U: bytes hidden behind the end of a name, or that are no text; refused; broken: name-hidden
#[test]
fn a_name_has_no_bytes_behind_its_end() {
    use crate::init::ServiceInfo;
    let mut source = Source { words: std::vec![7], next: 0 };
    let info = ServiceInfo { name: Name::new("rngd"), ..ServiceInfo::draw(&mut source) };
    let message = encode_payload(0, &info);
    // The name is the last field.
    let start = size_of::<ServiceInfo>() - 32;
    assert_eq!(decode_payload::<ServiceInfo>(&message), Ok(info));
    for at in start + 5..start + 32 {
        let hidden = with_byte(&message, at, b'y');
        assert_eq!(decode_payload::<ServiceInfo>(&hidden), Err(Malformed::Value), "{at}");
    }
    let no_text = with_byte(&message, start, 0xff);
    assert_eq!(decode_payload::<ServiceInfo>(&no_text), Err(Malformed::Value));
}

// attack 31 U: bytes behind the word that there is no mask; refused; broken: registers-hidden
#[test]
fn where_there_is_no_mask_its_bytes_are_zero() {
    let asked = Decide { registers: Registers::UNMASKED, ..asked() };
    let message = encode_payload(0, &asked);
    assert_eq!(decode_payload::<Decide>(&message), Ok(asked));
    // The mask is the eight bytes before the last one, behind whether there is one.
    for at in 39..47 {
        let hidden = with_byte(&message, at, 1);
        assert_eq!(decode_payload::<Decide>(&hidden), Err(Malformed::Value), "{at}");
    }
    let empty = Decide { registers: Registers::new(Some(0)), ..asked };
    assert_eq!(decode_payload(&with_byte(&message, 38, 1)), Ok(empty), "a mask of no register");
    assert_eq!(decode_payload::<Decide>(&with_byte(&message, 38, 2)), Err(Malformed::Value));
}

#[test]
fn registers_are_within_what_has_them_all() {
    let [none, some, more, all] = [Some(0), Some(1), Some(5), None].map(Registers::new);
    let order = [none, some, more, all];
    for (place, one) in order.iter().enumerate() {
        for (other_place, other) in order.iter().enumerate() {
            assert_eq!(one.is_within(*other), place <= other_place, "{one} in {other}");
        }
    }
    let everything = Registers::new(Some(u64::MAX));
    assert!(!all.is_within(everything), "written one at a time is less than mapped");
    assert_eq!(std::format!("{all} {none} {more}"), "- 0 5");
}

/// What is hashed of a record, and all of it.
fn hashed(entry: &Entry) -> (usize, usize) {
    let message = encode_payload(0, entry);
    assert_eq!(decode_payload(&message), Ok(*entry));
    (entry.hashed().len(), size_of::<Entry>())
}

// attack 47 U: a record is changed in what it says of registers, line or interval; that is hashed; broken: registers-unhashed
#[test]
fn what_a_record_says_of_registers_and_lines_is_hashed() {
    let plain = Entry::about(Event::Grant, Outcome::Allow, Subject::default());
    assert_eq!(hashed(&plain), (49, 64));
    let others = [
        Entry { registers: Registers::new(Some(0)), ..plain },
        Entry { registers: Registers::new(Some(1 << 63)), ..plain },
        Entry { line: 1, ..plain },
        Entry { interval: 1, ..plain },
        Entry { interval: 1 << 31, ..plain },
    ];
    for other in others {
        assert_eq!(hashed(&other), (64, 64), "{other:?}");
    }
    assert_eq!(hashed(&Entry { reason: u8::MAX, ..plain }), (49, 64));
}

#[test]
fn a_service_lives_while_it_has_a_process() {
    let lives: Vec<_> = ServiceState::ALL.iter().copied().filter(|one| one.lives()).collect();
    assert_eq!(lives, [ServiceState::Started, ServiceState::Ready, ServiceState::Failed]);
}

// attack 48 U: the mask of who sets devices up; no register that holds an address is in it
#[test]
fn the_registers_of_the_bus_hold_no_address() {
    let has = |offset: u32| crate::bus::REGISTERS >> (offset / 4) & 1 == 1;
    for address in [0x40, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4] {
        assert!(!has(address), "{address:#x}");
    }
    let written: Vec<u32> = (0..256).step_by(4).filter(|offset| has(*offset)).collect();
    assert_eq!(written, [0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64, 0x70]);
}

#[test]
fn capabilities_stand_in_the_last_words_and_are_as_many_as_expected() {
    let payload = Prepared { nonce: 1, features: 2, digest: 3 };
    let message = encode_with_caps(7, &payload, [Handle(8), Handle(9)]);
    assert_eq!(message.tag, Tag::new(7, 8, 2));
    assert_eq!(message.words, [1, 2, 3, 0, 0, 0, 8, 9]);
    assert_eq!(decode_with_caps(&message), Ok((payload, [Handle(8), Handle(9)])));
    assert_eq!(decode_with_caps::<Prepared, 1>(&message), Err(Malformed::Length));
    assert_eq!(decode_with_caps::<Prepared, 3>(&message), Err(Malformed::Length));
    let shorter = Message { tag: Tag::new(7, 7, 2), ..message };
    assert_eq!(decode_with_caps::<Prepared, 2>(&shorter), Err(Malformed::Length));
    for between in 3..6 {
        let mut hidden = message;
        hidden.words[between] = 1;
        assert_eq!(decode_with_caps::<Prepared, 2>(&hidden), Err(Malformed::Value), "{between}");
    }
}

#[test]
fn a_window_has_the_bytes_of_its_pages() {
    let ask = Decide::draw(&mut Source { words: std::vec![5], next: 0 });
    let len = |pages| Decide { pages, ..ask }.window_len();
    assert_eq!([len(0), len(1), len(3), len(u16::MAX)], [0, 4096, 3 * 4096, 65_535 * 4096]);
}

#[test]
fn what_is_told_of_a_sender_and_of_a_mask_is_what_there_is() {
    let sender = Sender { service_id: 7, incarnation: 3 };
    assert_eq!(Subject::from(sender), Subject { id: 7, incarnation: 3 });
    assert_eq!(Asker::from(sender), Asker::new(7));
    assert_eq!(Registers::from(Some(5)).mask(), Some(5));
    assert_eq!(Registers::from(None), Registers::UNMASKED);
}

// attack 57 U: an operation that does something once more when it is asked once more is asked again; none is; broken: proto-once
#[test]
fn what_is_not_the_same_twice_is_asked_once() {
    let once = [
        bus::Take::AGAIN,
        bus::Prepare::AGAIN,
        bus::Release::AGAIN,
        console::Write::AGAIN,
        console::ReadLine::AGAIN,
        console::LineText::AGAIN,
        console::Insert::AGAIN,
        console::ReadKey::AGAIN,
        device::Read::AGAIN,
        device::Write::AGAIN,
        init::Try::AGAIN,
        init::Restart::AGAIN,
        init::Stop::AGAIN,
        init::Kill::AGAIN,
        log::Write::AGAIN,
        log::Append::AGAIN,
        log::Proof::AGAIN,
        log::Refuse::AGAIN,
        net::Send::AGAIN,
        net::Receive::AGAIN,
        policy::Decide::AGAIN,
        power::Off::AGAIN,
        power::Reboot::AGAIN,
    ];
    assert!(!once.contains(&true), "{once:?}");
    let again = [disk::Read::AGAIN, disk::Write::AGAIN, disk::Flush::AGAIN, disk::Attach::AGAIN];
    assert!(!again.contains(&false), "{again:?}");
}

#[test]
fn a_payload_is_read_from_the_front_of_bytes() {
    use zerocopy::IntoBytes;
    let answer = state::ring::Answer { version: 7, more: true, ..state::ring::Answer::default() };
    let mut bytes = [answer.as_bytes(), b"rest"].concat();
    let read = |bytes: &[u8]| {
        read_payload::<state::ring::Answer>(bytes).map(|(read, rest)| (read, rest.to_vec()))
    };
    assert_eq!(read(&bytes), Some((answer, b"rest".to_vec())));
    assert_eq!(read(&bytes[..size_of_val(&answer) - 1]), None);
    // Padding is zero, and a truth value is one.
    let places = 0..size_of_val(&answer);
    let odd = places.filter(|at| {
        let before = core::mem::replace(&mut bytes[*at], 0xff);
        let is_none = read(&bytes).is_none();
        bytes[*at] = before;
        is_none
    });
    assert!(odd.count() >= 2);
}
