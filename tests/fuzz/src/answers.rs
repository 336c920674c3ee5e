//! What must be true of a server's answers, whatever it was sent.

use std::collections::BTreeMap;

use nexus_abi::{Handle, Message, Received};
use nexus_proto::{
    Operation, ReplyError, Request, ServiceError, console, device, encode_error, entropy, init,
    log, net, policy, power, rtc, state,
};
use nexus_rt::host::Delivery;

/// A request that knows what an answer to it looks like.
pub trait Answered: Request {
    /// True for a refusal in the protocol's terms, and for the payload that the protocol names.
    fn is_answer(&self, answer: &Message) -> bool;
}

fn is_answer_to<O: Operation>(answer: &Message) -> bool {
    !matches!(O::decode_reply(answer), Err(ReplyError::Malformed(_)))
}

macro_rules! answered {
    ($($protocol:ident: $($Op:ident),+;)+) => { $(
        impl Answered for $protocol::Request {
            fn is_answer(&self, answer: &Message) -> bool {
                match self {
                    $($protocol::Request::$Op(_) => is_answer_to::<$protocol::$Op>(answer),)+
                }
            }
        }
    )+ };
}

answered! {
    policy: Decide, Explain, ExplainPermit, ExplainRing, ExplainState, StatePrefix, ExplainNet, NetTerms, RuleText, Epoch, RuleReason;
    log: Write, Append, Proof, SetClock, FindLine, LineText, ReadEntry, ReadStamp, ReadHashes, Verify, Stats, Head, Await, Anchor, Refuse, ReadCount;
    init: Services, Owners, Caps, Stat, Mem, Try, Ready, Board, Report, Irqs, Dma, Lives, Restart, Stop, Kill, Times;
    console: Write, Prompt, ReadLine, LineText, Insert, ReadKey;
    rtc: Now;
    power: Off, Reboot, Exit;
    device: Identify, Read, Write, Flush;
    entropy: Random;
    net: Info, Stats, Attach, Send, Receive, AttachRings;
    state: Info, Attach, Stats, Wait;
}

/// Checks all answers to `frames`: none twice, none for a message that never came, each in the form
/// that the protocol gives it; a message that is no request is refused as such, and what it carried
/// is let go. `all`: the server may keep no answer for later.
pub fn check<R: Answered>(frames: &[Received], delivery: &Delivery, all: bool) {
    let mut answers: BTreeMap<u64, Message> = BTreeMap::new();
    for (Handle(reply), message) in delivery.sent() {
        assert!(answers.insert(reply, message).is_none(), "{reply} was used twice");
    }
    let dropped = delivery.dropped();
    for frame in frames {
        let answer = answers.remove(&frame.reply.0);
        match R::decode(&frame.message) {
            Ok(request) => {
                assert_eq!(read_back::<R>(&request), frame.message.tag, "one encoding a request");
                match answer {
                    Some(answer) => assert!(request.is_answer(&answer), "{request:?}: {answer:?}"),
                    None => assert!(!all, "no answer to {request:?}"),
                }
            }
            Err(_) => {
                assert_eq!(answer, Some(encode_error(ServiceError::Malformed)), "{frame:?}");
                let kept = frame.message.caps().find(|cap| !dropped.contains(cap));
                assert_eq!(kept, None, "a capability of a refused message is kept");
            }
        }
    }
    assert!(answers.is_empty(), "answers to nobody: {answers:?}");
}

fn read_back<R: Request>(request: &R) -> nexus_abi::Tag {
    let message = request.encode();
    assert_eq!(R::decode(&message).as_ref(), Ok(request));
    message.tag
}
