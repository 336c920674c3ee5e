//! What comes to a server that waits in the middle of a request.

use alloc::collections::VecDeque;

use nexus_abi::{Error, Handle, Message, Received, Sender, Tag};
use nexus_proto::{ServiceError, encode_error};

use crate::server::{ReplyTo, drop_caps};
use crate::watch::Watch;
use crate::{Deadline, sys};

/// Calls and bits that came while the server waited for somebody else, for afterwards
/// ([`crate::Service::kept`]).
#[derive(Debug)]
pub struct Inbox {
    endpoint: Handle,
    watch: Watch,
    calls: VecDeque<Received>,
    /// Most calls that are kept.
    most: usize,
    bits: u64,
    /// Whoever asks the first meanwhile is answered the second.
    at_once: Option<(Message, Message)>,
}

impl Inbox {
    /// For the server of `endpoint`, with room for `most` calls.
    #[must_use]
    pub fn new(endpoint: Handle, most: usize) -> Inbox {
        let (watch, calls) = (Watch::of(endpoint), VecDeque::with_capacity(most));
        Inbox { endpoint, watch, calls, most, bits: 0, at_once: None }
    }

    /// From now on whoever asks the first of the two, to the letter, while the server waits is answered the second at
    /// once; with none, nobody is.
    pub const fn answer_at_once(&mut self, ask_and_answer: Option<(Message, Message)>) {
        self.at_once = ask_and_answer;
    }

    /// Waits at the endpoint until one of the bits of `mine` is told, or until `deadline`, which may have passed:
    /// then it only looks. True when it was told. Whoever asks meanwhile whether this process answers is
    /// answered; calls are kept, as far as there is room, and the others told `Busy`; other bits are kept.
    ///
    /// # Errors
    /// As `reply_recv`: the endpoint is gone.
    pub fn wait(&mut self, mine: u64, deadline: Deadline) -> Result<bool, Error> {
        loop {
            let nothing = Message::default();
            let received = sys::reply_recv(self.endpoint, Handle::NONE, &nothing, deadline.ticks());
            match received {
                Ok(received) if received.message.tag.is_notification() => {
                    let [bits, ..] = received.message.words;
                    let bits = self.watch.answer(bits);
                    self.bits |= bits & !mine;
                    if bits & mine != 0 {
                        return Ok(true);
                    }
                }
                Ok(call) => self.keep(call),
                Err(Error::TimedOut) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next of what was kept, as it was received: the bits, then the calls as they came.
    pub fn take(&mut self) -> Option<Received> {
        let bits = core::mem::take(&mut self.bits);
        if bits == 0 {
            return self.calls.pop_front();
        }
        let words = [bits, 0, 0, 0, 0, 0, 0, 0];
        let message = Message { tag: Tag(Tag::NOTIFICATION), words };
        Some(Received { message, sender: Sender::default(), reply: Handle::NONE })
    }

    /// Who asked `ask`, to the letter, by the first call of that content which was kept, ahead of all else that was; and
    /// the right to answer it.
    pub fn take_call(&mut self, ask: &Message) -> Option<(Sender, ReplyTo)> {
        let at = self.calls.iter().position(|call| call.message == *ask)?;
        let call = self.calls.remove(at)?;
        Some((call.sender, ReplyTo::of(&call)))
    }

    fn keep(&mut self, call: Received) {
        if let Some((ask, answer)) = &self.at_once
            && call.message == *ask
        {
            // Nobody to tell when the caller is gone.
            let _ = ReplyTo::of(&call).send(answer);
            return;
        }
        if self.calls.len() < self.most {
            return self.calls.push_back(call);
        }
        drop_caps(&call.message);
        // Nobody to tell when the caller is gone.
        let _ = ReplyTo::of(&call).send(&encode_error(ServiceError::Busy));
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::host::{deliver, received, signals};

    const ENDPOINT: Handle = Handle(3);

    fn reply(number: u64) -> Handle {
        Handle(Handle::REPLY_BIT | number)
    }

    fn call(number: u64) -> Result<Received, Error> {
        Ok(received(10, reply(number), Message::new(7, &[number])))
    }

    fn bits(bits: u64) -> Result<Received, Error> {
        let message = Message { tag: Tag(Tag::NOTIFICATION), words: [bits, 0, 0, 0, 0, 0, 0, 0] };
        Ok(received(0, Handle::NONE, message))
    }

    fn kept(inbox: &mut Inbox) -> Vec<u64> {
        core::iter::from_fn(|| inbox.take()).map(|received| received.message.words[0]).collect()
    }

    #[test]
    fn what_comes_while_it_waits_is_kept_in_order() {
        let delivery = deliver([call(1), bits(0b100), call(2), bits(0b1001), call(3)]);
        let mut inbox = Inbox::new(ENDPOINT, 8);
        assert_eq!(inbox.wait(0b1, Deadline::at(77)), Ok(true));
        assert_eq!(delivery.deadlines(), [77; 4]);
        assert_eq!(kept(&mut inbox), [0b1100, 1, 2]);
        assert_eq!(inbox.wait(0b1, Deadline::NEVER), Err(Error::PeerGone), "the endpoint is gone");
        assert_eq!(kept(&mut inbox), [3]);
        assert_eq!(delivery.sent(), []);
    }

    #[test]
    fn calls_of_one_content_are_taken_ahead_of_others() {
        let mut asked = call(1).unwrap();
        asked.reply = reply(9);
        let delivery = deliver([call(1), bits(0b100), call(2), Ok(asked), bits(1)]);
        let mut inbox = Inbox::new(ENDPOINT, 8);
        assert_eq!(inbox.wait(0b1, Deadline::NEVER), Ok(true));
        let ask = Message::new(7, &[1]);
        while let Some((who, call)) = inbox.take_call(&ask) {
            assert_eq!((who.service_id, call.send(&ask)), (10, Ok(())));
        }
        assert_eq!(delivery.sent(), [(reply(1), ask), (reply(9), ask)]);
        assert_eq!(kept(&mut inbox), [0b100, 2], "in their order");
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let _delivery = deliver([call(1), Err(Error::TimedOut)]);
        let mut inbox = Inbox::new(ENDPOINT, 8);
        assert_eq!(inbox.wait(0b1, Deadline::at(0)), Ok(false));
        assert_eq!(kept(&mut inbox), [1]);
    }

    // attack 60 U: more calls than there is room for come while a request waits for the disk; the last are refused, none is lost; broken: inbox-room
    #[test]
    fn calls_beyond_the_room_are_refused() {
        let delivery = deliver([call(1), call(2), call(3), bits(1)]);
        let mut inbox = Inbox::new(ENDPOINT, 2);
        assert_eq!(inbox.wait(0b1, Deadline::NEVER), Ok(true));
        assert_eq!(delivery.sent(), [(reply(3), encode_error(ServiceError::Busy))]);
        assert_eq!(kept(&mut inbox), [1, 2]);
    }

    // attack 60 U: a server is asked how it stands while it waits for long; it says so at once, and keeps everything else; broken: inbox-at-once
    #[test]
    fn what_is_known_is_answered_from_within() {
        let delivery = deliver([call(1), call(2), call(1), bits(1)]);
        let (ask, answer) = (Message::new(7, &[1]), Message::new(0, &[9]));
        let mut inbox = Inbox::new(ENDPOINT, 2);
        inbox.answer_at_once(Some((ask, answer)));
        assert_eq!(inbox.wait(0b1, Deadline::NEVER), Ok(true));
        assert_eq!(delivery.sent(), [(reply(1), answer), (reply(1), answer)]);
        assert_eq!(kept(&mut inbox), [2]);
        let _delivery = deliver([call(1), bits(1)]);
        inbox.answer_at_once(None);
        assert_eq!(inbox.wait(0b1, Deadline::NEVER), Ok(true));
        assert_eq!(kept(&mut inbox), [1], "once it is not known any more");
    }

    // attack 60 U: init asks whether a server lives that waits for a slow disk; it answers from within; broken: inbox-answers
    #[test]
    fn who_asks_whether_it_lives_is_answered_from_within() {
        let _delivery = deliver([bits(nexus_abi::ASKED | 2), bits(1)]);
        let mut inbox = Inbox::new(ENDPOINT, 2);
        inbox.watch = Watch::for_test(Handle(9), 4);
        assert_eq!(inbox.wait(0b1, Deadline::NEVER), Ok(true));
        assert_eq!(signals(), [(Handle(9), 4)]);
        assert_eq!(kept(&mut inbox), [2], "the question is for nobody else");
    }
}
