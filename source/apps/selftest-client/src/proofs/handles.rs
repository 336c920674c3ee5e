//! Capabilities and the tree of their derivation.

use alloc::vec::Vec;

use nexus_abi::{
    CapInfo, Error, Handle, KindCode, Message, NO_DEADLINE, PAGE_SIZE, Prot, Rights,
    SYSCALL_CAP_DERIVE,
};
use nexus_rt::{Deadline, startup, sys, thread};
use nexus_test::bare;

use super::window::FREE;
use crate::check::{Check, ensure, passed, refused, same};
use crate::context::Context;

/// Slots and generations that are tried: more than there are capabilities in the system.
const SLOTS: u32 = 4096;
const GENERATIONS: u32 = 6;
/// Generations of each slot by which calls are made.
const CALLED: u32 = 2;

/// Derivations below the first capability to an object, at most.
const DEPTH: usize = 63;

/// No guessed handle names a capability of another process. Of the kinds that give authority over
/// others, this one holds exactly what its startup block says.
pub(crate) fn guessed(context: &Context) -> Check {
    let block = startup().block();
    let count = usize::try_from(block.count).unwrap_or(0);
    let given = |handle: Handle| block.caps.iter().take(count).any(|cap| cap.handle == handle.0);
    let mut found = 0;
    for slot in 0..SLOTS {
        for generation in 1..=GENERATIONS {
            let handle = Handle::new(slot, generation);
            let Ok(CapInfo { kind, rights, .. }) = sys::cap_query(handle) else {
                if generation <= CALLED {
                    called(handle)?;
                }
                passed(1);
                continue;
            };
            found += 1;
            let own = matches!(kind, KindCode::Vmo | KindCode::Notification | KindCode::Thread);
            ensure!(own || given(handle), "a guess names a {kind:?} with {rights:?}");
        }
    }
    let (used, _) = context.usage()?.objects;
    ensure!(found >= block.count, "{found} found, {} given", block.count);
    ensure!(found <= u64::from(used), "{found} found, {used} objects in use");
    Ok(())
}

/// Neither does a call, a signal or an acknowledgement by the number, which look it up in their own way,
/// nor what else is done with devices. Whoever serves an endpoint would answer at once.
fn called(guess: Handle) -> Check {
    let message = Message::default();
    refused("call by a guess", sys::call(guess, &message, NO_DEADLINE), Error::BadHandle)?;
    refused("signal by a guess", sys::signal(guess, 1), Error::BadHandle)?;
    refused("acknowledge by a guess", sys::irq_ack(guess, u64::MAX), Error::BadHandle)?;
    let bound = sys::irq_bind(guess, guess, 1, Handle::NONE, 0);
    refused("bind by a guess", bound, Error::BadHandle)?;
    refused("inspect a line by a guess", sys::irq_stat(guess), Error::BadHandle)?;
    refused("limit by a guess", sys::cap_limit(guess, 0), Error::BadHandle)?;
    refused("write a register by a guess", sys::mmio_write(guess, 0, 0), Error::BadHandle)
}

/// Calls go by the present handle alone, while a server waits for one.
fn stale_while_served(context: &Context) -> Check {
    let endpoint = sys::endpoint_create()?;
    let priority = context.own_service()?.priority;
    // It waits for ever.
    thread::spawn(priority, 1, move || {
        let (mut reply, mut message) = (Handle::NONE, Message::default());
        while let Ok(got) = sys::reply_recv(endpoint, reply, &message, NO_DEADLINE) {
            (reply, message) = (got.reply, got.message);
        }
    })?;
    let call = |handle| sys::call(handle, &Message::new(7, &[]), NO_DEADLINE);
    let old = sys::cap_derive(endpoint, Rights::SEND, 0, 0)?;
    same("answer", &call(old)?.message.tag.label(), &7)?;
    sys::cap_drop(old)?;
    let present = sys::cap_derive(endpoint, Rights::SEND, 0, 0)?;
    same("slot", &present.slot(), &old.slot())?;
    refused("call by an old handle", call(old), Error::BadHandle)?;
    let weak = sys::cap_derive(endpoint, Rights::RECV, 0, 0)?;
    refused("call without the right", call(weak), Error::Denied)?;
    same("answer", &call(present)?.message.tag.label(), &7)?;
    sys::cap_drop(present)?;
    sys::cap_drop(weak)?;
    Ok(())
}

/// A handle never names what comes to its slot later.
pub(crate) fn stale(context: &Context) -> Check {
    stale_while_served(context)?;
    let mut old = Vec::new();
    for _ in 0..64 {
        let handle = sys::notification_create()?;
        sys::signal(handle, 1)?;
        sys::cap_drop(handle)?;
        ensure!(!old.contains(&handle), "handle {:#x} came twice", handle.0);
        old.push(handle);
    }
    let live = sys::notification_create()?;
    for handle in &old {
        refused("signal by an old handle", sys::signal(*handle, 2), Error::BadHandle)?;
        refused("drop by an old handle", sys::cap_drop(*handle), Error::BadHandle)?;
    }
    let soon = Deadline::after_ms(1).ticks();
    refused("bits", sys::wait(live, soon, Handle::NONE), Error::TimedOut)?;
    sys::cap_drop(live)?;
    Ok(())
}

/// A child has no right that its parent lacks, in any call.
pub(crate) fn shrink(_: &Context) -> Check {
    let endpoint = sys::endpoint_create()?;
    let child = sys::cap_derive(endpoint, Rights::SEND | Rights::DERIVE, 0, 0)?;
    for more in [Rights::RECV, Rights::GRANT, Rights::REVOKE, Rights::MANAGE, Rights::MAP] {
        let derived = sys::cap_derive(child, Rights::SEND | more, 0, 0);
        refused("a right more", derived, Error::Denied)?;
    }
    let (code, _) = bare::raw(SYSCALL_CAP_DERIVE, [child.0, u64::MAX, 0, 0, 0, 0]);
    same("all bits as rights", &Error::from_code(code), &Some(Error::Denied))?;
    let part = sys::cap_derive(child, Rights::SEND, 0, PAGE_SIZE);
    refused("a part of an endpoint", part, Error::OutOfRange)?;
    let soon = Deadline::after_ms(1).ticks();
    let received = sys::reply_recv(child, Handle::NONE, &Message::default(), soon);
    refused("receive", received, Error::Denied)?;
    refused("install", sys::cap_install(Handle::NONE, child, Rights::SEND), Error::Denied)?;
    refused("revoke", sys::cap_revoke(child), Error::Denied)?;
    let leaf = sys::cap_derive(child, Rights::SEND, 0, 0)?;
    refused("derive", sys::cap_derive(leaf, Rights::SEND, 0, 0), Error::Denied)?;
    sys::cap_revoke(endpoint)?;
    refused("child of what is revoked", sys::cap_query(child), Error::BadHandle)?;
    refused("its child", sys::cap_query(leaf), Error::BadHandle)?;
    sys::cap_drop(endpoint)?;
    Ok(())
}

/// A chain of derivations has an end, and all of it ends with its root.
pub(crate) fn depth(_: &Context) -> Check {
    let root = sys::notification_create()?;
    let mut chain = Vec::from([root]);
    let error = loop {
        let last = *chain.last().unwrap_or(&root);
        match sys::cap_derive(last, Rights::SEND | Rights::DERIVE | Rights::REVOKE, 0, 0) {
            Ok(child) => chain.push(child),
            Err(error) => break error,
        }
    };
    same("the end of the chain", &error, &Error::TooDeep)?;
    same("derivations", &(chain.len() - 1), &DEPTH)?;
    sys::cap_revoke(root)?;
    for handle in chain.iter().skip(1) {
        refused("below what is revoked", sys::cap_query(*handle), Error::BadHandle)?;
    }
    sys::cap_drop(root)?;
    Ok(())
}

/// Revoking ends many children, and what is mapped through them.
pub(crate) fn revoke(context: &Context) -> Check {
    let before = context.usage()?;
    let vmo = sys::vmo_create(1)?;
    let mut children = Vec::with_capacity(16);
    for n in 0..16 {
        let child = sys::cap_derive(vmo, Rights::MAP | Rights::READ, 0, 0)?;
        let va = FREE + n * PAGE_SIZE;
        bare::vmo_map(child, 0, PAGE_SIZE, va, Prot::READ)?;
        children.push((child, va));
    }
    sys::cap_revoke(vmo)?;
    for (child, va) in children {
        refused("capability", sys::cap_query(child), Error::BadHandle)?;
        refused("mapping", bare::unmap(va), Error::BadAddress)?;
    }
    same("children", &sys::cap_query(vmo)?.children, &0)?;
    sys::cap_drop(vmo)?;
    same("objects in use", &context.usage()?.objects, &before.objects)
}
