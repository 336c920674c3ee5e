//! The short ways of `call`, `reply_recv` and `signal` look capabilities up by themselves. Each of
//! their checks is tried here in the state in which a short way would go through but for that check:
//! a partner is ready, and a good handle is then taken by the short way in the same place.

use crate::common::*;

/// A call of `actor` for which a partner is ready, and the handle that is good for it.
struct Ready {
    actor: Child,
    good: Handle,
    /// Init's own capability to the same object, with everything.
    top: Handle,
    kind: Kind,
    /// What a `reply_recv` answers.
    reply: Handle,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Call,
    ReplyRecv,
    Signal,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Call, Kind::ReplyRecv, Kind::Signal];

    fn right(self) -> Rights {
        if matches!(self, Kind::ReplyRecv) { Rights::RECV } else { Rights::SEND }
    }

    /// The right that this call does not need.
    fn other(self) -> Rights {
        if matches!(self, Kind::ReplyRecv) { Rights::SEND } else { Rights::RECV }
    }

    fn create(self, w: &mut World<'_>, user: User) -> Handle {
        match self {
            Kind::Signal => w.notification_create(user).unwrap(),
            Kind::Call | Kind::ReplyRecv => w.endpoint_create(user).unwrap(),
        }
    }
}

fn ready(w: &mut World<'_>, kind: Kind) -> Ready {
    let (actor, partner) = (w.child(7, 16, 64), w.child(8, 16, 64));
    let top = kind.create(w, w.init);
    let good = w.install(w.init, actor.process, top, kind.right() | Rights::DERIVE).unwrap();
    let theirs = w.install(w.init, partner.process, top, kind.other()).unwrap();
    let mut ready = Ready { actor, good, top, kind, reply: Handle::NONE };
    match kind {
        Kind::Call => {
            assert_eq!(w.receive(partner.user, theirs), Status::Blocked);
        }
        Kind::ReplyRecv => {
            w.receive(actor.user, good);
            w.send(partner.user, theirs, &Message::new(1, &[]), NO_DEADLINE);
            ready.reply = w.received(actor.user).unwrap().reply;
        }
        Kind::Signal => {
            w.start(partner.user, Syscall::Wait, &[theirs.0, NO_DEADLINE]);
            // Only who is less important signals the short way.
            ready.actor.user = w.thread_in(actor.process, 9).1;
        }
    }
    // So that the last handle of a slot is the actor's to make and drop.
    w.fast = true;
    ready
}

fn attempt(w: &mut World<'_>, ready: &Ready, handle: Handle) -> Status {
    let (user, message) = (ready.actor.user, Message::new(2, &[3]));
    match ready.kind {
        Kind::Call => w.send(user, handle, &message, NO_DEADLINE),
        Kind::Signal => w.start(user, Syscall::Signal, &[handle.0, 1]),
        Kind::ReplyRecv => {
            w.message(user, Syscall::ReplyRecv, handle, ready.reply, &message, NO_DEADLINE)
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
            let other = if matches!(kind, Kind::Signal) { Kind::Call } else { Kind::Signal };
            let wrong = other.create(w, ready.actor.user);
            refuses_but(w, &ready, wrong, Error::WrongKind);
        });
    }
}

// attack 77 U: an answer by another process, to another call, or twice, while the caller waits; `BadHandle`
#[test]
fn the_short_way_answers_only_the_call_that_was_received() {
    run(|w| {
        let ready = ready(w, Kind::ReplyRecv);
        // Another server, which holds the same right and has a call of its own to answer.
        let thief = w.child(9, 16, 64);
        let theirs = w.install(w.init, thief.process, ready.top, Rights::RECV).unwrap();
        let steal = |w: &mut World<'_>, reply| {
            w.message(
                thief.user,
                Syscall::ReplyRecv,
                theirs,
                reply,
                &Message::default(),
                NO_DEADLINE,
            )
        };
        let stolen = ready.reply;
        w.refused(thief.user, Error::BadHandle, |w| steal(w, stolen));
        for bent in [1 << 16, 1 << 62] {
            let bad = Ready { reply: Handle(ready.reply.0 ^ bent), ..ready };
            w.refused(bad.actor.user, Error::BadHandle, |w| attempt(w, &bad, bad.good));
        }
        let short = w.short;
        assert_eq!(attempt(w, &ready, ready.good), Status::Blocked);
        assert_eq!(w.short, short + 1);
    });
}
