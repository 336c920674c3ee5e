//! The short ways of `call`, `reply_recv` and `signal` look capabilities up by themselves. Each of
//! their checks is tried here in the state in which a short way would go through but for that check:
//! a partner is ready, and a good handle is then taken by the short way in the same place.

use crate::common::*;

/// A call of `actor` for which a partner is ready, and the handle that is good for it.
pub struct Ready {
    pub actor: Child,
    pub good: Handle,
    /// Init's own capability to the same object, with everything.
    pub top: Handle,
    pub kind: Kind,
    /// What a `reply_recv` answers.
    pub reply: Handle,
    /// Who is called, answered or woken.
    pub partner: User,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Call,
    ReplyRecv,
    /// `reply_recv` while one more caller waits.
    Next,
    Signal,
    /// `signal` to what is bound to an endpoint where a server waits.
    Bound,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Call, Kind::ReplyRecv, Kind::Next, Kind::Signal, Kind::Bound];

    fn receives(self) -> bool {
        matches!(self, Kind::ReplyRecv | Kind::Next)
    }

    fn signals(self) -> bool {
        matches!(self, Kind::Signal | Kind::Bound)
    }

    fn right(self) -> Rights {
        if self.receives() { Rights::RECV } else { Rights::SEND }
    }

    /// The right that this call does not need.
    fn other(self) -> Rights {
        if self.receives() { Rights::SEND } else { Rights::RECV }
    }

    fn create(self, w: &mut World<'_>, user: User) -> Handle {
        match self.signals() {
            true => w.notification_create(user).unwrap(),
            false => w.endpoint_create(user).unwrap(),
        }
    }
}

pub fn ready(w: &mut World<'_>, kind: Kind) -> Ready {
    let (actor, partner) = (w.child(7, 16, 64), w.child(8, 16, 64));
    let top = kind.create(w, w.init);
    let good = w.install(w.init, actor.process, top, kind.right() | Rights::DERIVE).unwrap();
    let theirs = w.install(w.init, partner.process, top, kind.other()).unwrap();
    let partner_user = partner.user;
    let mut ready = Ready { actor, good, top, kind, reply: Handle::NONE, partner: partner_user };
    match kind {
        Kind::Call => {
            assert_eq!(w.receive(partner.user, theirs), Status::Blocked);
        }
        Kind::ReplyRecv | Kind::Next => {
            w.receive(actor.user, good);
            w.send(partner.user, theirs, &Message::new(1, &[]), NO_DEADLINE);
            ready.reply = w.received(actor.user).unwrap().reply;
            if kind == Kind::Next {
                let (_, next) = w.thread_in(partner.process, 31);
                w.send(next, theirs, &Message::new(4, &[5]), NO_DEADLINE);
            }
        }
        Kind::Signal | Kind::Bound => {
            if kind == Kind::Signal {
                w.start(partner.user, Syscall::Wait, &[theirs.0, NO_DEADLINE]);
            } else {
                let endpoint = w.endpoint_create(partner.user).unwrap();
                w.endpoint_bind(partner.user, endpoint, theirs).unwrap();
                w.receive(partner.user, endpoint);
            }
            // Only who is less important signals the short way.
            ready.actor.user = w.thread_in(actor.process, 9).1;
        }
    }
    // So that the last handle of a slot is the actor's to make and drop.
    w.fast = true;
    ready
}

fn attempt(w: &mut World<'_>, ready: &Ready, handle: Handle) -> Status {
    attempt_with(w, ready, handle, &Message::new(2, &[3]), NO_DEADLINE)
}

/// The call of `ready`, with this message where it has one.
pub fn attempt_with(
    w: &mut World<'_>,
    ready: &Ready,
    handle: Handle,
    message: &Message,
    deadline: u64,
) -> Status {
    let user = ready.actor.user;
    match ready.kind {
        Kind::Call => w.send(user, handle, message, deadline),
        Kind::Signal | Kind::Bound => w.start(user, Syscall::Signal, &[handle.0, 1]),
        Kind::ReplyRecv | Kind::Next => {
            w.message(user, Syscall::ReplyRecv, handle, ready.reply, message, deadline)
        }
    }
}

/// Refused with `error`, with nothing changed; and then the good handle goes through.
fn refuses_but(w: &mut World<'_>, ready: &Ready, bad: Handle, error: Error) {
    w.refused(ready.actor.user, error, |w| attempt(w, ready, bad));
    let short = w.short;
    attempt(w, ready, ready.good);
    assert_eq!(w.short, short + 1, "no short way for {:?} with a good handle", ready.kind);
}

// attack 77 U: call, answer and signal by the handle of another process, with a partner ready; `BadHandle`; broken: fast-owner
// attack 38 U: call, answer and signal by the handle of another process on the short way, with a partner ready; `BadHandle`
#[test]
fn the_short_way_takes_no_handle_of_another() {
    for kind in Kind::ALL {
        run(|w| {
            let ready = ready(w, kind);
            let other = w.child(9, 16, 64);
            let foreign = w.install(w.init, other.process, ready.top, kind.right()).unwrap();
            refuses_but(w, &ready, foreign, Error::BadHandle);
        });
    }
}

// attack 77 U: the same by a handle whose slot holds a good capability of the same process by now; `BadHandle`; broken: fast-generation
#[test]
fn the_short_way_takes_no_stale_handle() {
    for kind in Kind::ALL {
        run(|w| {
            let mut ready = ready(w, kind);
            let (_, second) = w.thread_in(ready.actor.process, 31);
            let derive = |w: &mut World<'_>| w.derive(second, ready.good, kind.right()).unwrap();
            let stale = derive(w);
            w.cap_drop(second, stale).unwrap();
            let again = derive(w);
            assert_eq!((stale.slot(), stale != again), (again.slot(), true));
            ready.good = again;
            refuses_but(w, &ready, stale, Error::BadHandle);
        });
    }
}

// attack 77 U: the same by a capability without the right; `Denied`; broken: fast-right
#[test]
fn the_short_way_needs_the_right() {
    for kind in Kind::ALL {
        run(|w| {
            let ready = ready(w, kind);
            let all = Rights::all().difference(kind.right());
            let weak = w.install(w.init, ready.actor.process, ready.top, all & kind.other());
            refuses_but(w, &ready, weak.unwrap(), Error::Denied);
        });
    }
}

// attack 77 U: the same by a capability of another kind; `WrongKind`
#[test]
fn the_short_way_needs_the_kind() {
    for kind in Kind::ALL {
        run(|w| {
            let ready = ready(w, kind);
            let other = if kind.signals() { Kind::Call } else { Kind::Signal };
            let wrong = other.create(w, ready.actor.user);
            refuses_but(w, &ready, wrong, Error::WrongKind);
        });
    }
}

// attack 77 U: an answer by another process while the caller waits; `BadHandle`; broken: fast-reply
#[test]
fn the_short_way_takes_no_answer_of_another() {
    for kind in [Kind::ReplyRecv, Kind::Next] {
        run(|w| {
            let ready = ready(w, kind);
            // Another server, which holds the same right.
            let thief = w.child(9, 16, 64);
            let theirs = w.install(w.init, thief.process, ready.top, Rights::RECV).unwrap();
            let stolen = Ready { actor: thief, ..ready };
            w.refused(thief.user, Error::BadHandle, |w| attempt(w, &stolen, theirs));
            goes_through(w, &ready);
        });
    }
}

// attack 77 U: an answer to another call of the same caller; `BadHandle`; broken: fast-reply
#[test]
fn the_short_way_answers_only_the_call_that_was_received() {
    for kind in [Kind::ReplyRecv, Kind::Next] {
        run(|w| bent(w, kind, &[1 << 16, 1 << 62]));
    }
}

// attack 77 U: an answer by what is no handle of an answer; `BadHandle`; broken: fast-reply
#[test]
fn the_short_way_answers_by_handles_of_answers_only() {
    for kind in [Kind::ReplyRecv, Kind::Next] {
        run(|w| bent(w, kind, &[1 << 63]));
    }
}

/// Answers by handles that differ from the good one in one bit are refused.
fn bent(w: &mut World<'_>, kind: Kind, bits: &[u64]) {
    let ready = ready(w, kind);
    for bit in bits {
        let bad = Ready { reply: Handle(ready.reply.0 ^ bit), ..ready };
        w.refused(bad.actor.user, Error::BadHandle, |w| attempt(w, &bad, bad.good));
    }
    goes_through(w, &ready);
}

fn goes_through(w: &mut World<'_>, ready: &Ready) {
    let short = w.short;
    let status = if ready.kind == Kind::Next { Status::Done } else { Status::Blocked };
    assert_eq!(attempt(w, ready, ready.good), status);
    assert_eq!(w.short, short + 1);
}
