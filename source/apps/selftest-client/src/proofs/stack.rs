//! The network stack: whose the frames are, the address of this machine, and who listens at it.

use nexus_proto::net::{AttachRings, Info as CardInfo, Net, Receive};
use nexus_proto::socket::{
    Address, Attach, Info, Kind, Link, NetInfo, Row, Socket, SocketInfo, Source,
};
use nexus_proto::{Operation, ServiceError, ids};
use nexus_rt::{CallError, Client, Deadline, startup};
use nexus_sysdesc::{Address as Given, NetDirection, NetProtocol, Ports, Reach, mapped, v4};
use nexus_test::SAFETY_MS;

use crate::check::{Check, Failure, ensure, in_time, same};
use crate::context::Context;
use crate::proofs::net;

/// Milliseconds between two looks.
const LOOK_MS: u64 = 20;

fn stack() -> Result<Client<Socket>, Failure> {
    Ok(startup().client(ids::NETSTACKD)?)
}

/// Frames are the stack's: who may have frames, and has no rings for them, has none by rings, and none without
/// taking them from the stack. Who shares no ring with the stack has no sockets.
pub(crate) fn has_the_frames(context: &Context) -> Check {
    let card: Client<Net> = startup().client(ids::VIRTIONETD)?;
    let consumer = || -> Result<u32, Failure> { Ok(context.ask(card, &CardInfo {})?.consumer) };
    same("who has the frames", &consumer()?, &ids::NETSTACKD)?;
    fails("the rings of the stack", context.ask(card, &AttachRings {}), ServiceError::Denied)?;
    fails("send", net::try_send(context, card, &[0; 60]), ServiceError::BadState)?;
    let receive = context.ask(card, &Receive { deadline: 0 });
    fails("receive", receive, ServiceError::BadState)?;
    fails("sockets", context.ask(stack()?, &Attach {}), ServiceError::Denied)?;
    same("who has the frames then", &consumer()?, &ids::NETSTACKD)
}

fn fails<T>(what: &str, seen: Result<T, CallError>, expected: ServiceError) -> Check {
    same(what, &seen.map(|_| ()), &Err(CallError::Service(expected)))
}

/// This machine has the address of IPv4 that the board says, or one by DHCP; it holds.
pub(crate) fn has_an_address(context: &Context) -> Check {
    let says = context.description.network.as_ref();
    let says = says.ok_or_else(|| Failure::new("a stack without a network"))?;
    let info = in_the_end(context, |context| {
        let info: NetInfo = context.ask(stack()?, &Info {})?;
        Ok((info.link == Link::Up).then_some(info))
    })?;
    let own = context.ask(stack()?, &Address { index: 0 })?;
    ensure!(v4(own.address).is_some(), "the first address is {own:?}");
    match &says.address {
        Given::Dhcp => {
            same("where it is from", &own.source, &Source::Dhcp)?;
            ensure!(info.lease > 0, "the address holds no more");
        }
        Given::Static { address, bits, .. } => {
            same("address", &own.address, &mapped(*address))?;
            same("bits", &own.prefix, &u32::from(*bits))?;
        }
    }
    Ok(())
}

/// At each port at which others may reach a service by TCP that service listens, and nobody listens anywhere else.
pub(crate) fn who_may_listens(context: &Context) -> Check {
    let description = &context.description;
    let lines = || {
        let let_in = |reach: &Reach| {
            (reach.protocol, reach.direction) == (NetProtocol::Tcp, NetDirection::In)
        };
        description.reaches().filter(move |(_, reach)| let_in(reach))
    };
    for (service, reach) in lines() {
        for ports in &reach.ports {
            let listens = in_the_end(context, |context| listens(context, service, *ports));
            same("listens", &listens.map_err(|late| late.at(service))?, &())?;
        }
    }
    let mut others = 0;
    for_each_listener(context, |info| {
        let at = |ports: &Ports| (ports.first..=ports.last).contains(&info.local_port);
        let own = |(who, reach): (u32, &Reach)| who == info.service && reach.ports.iter().any(at);
        others += u32::from(!lines().any(own));
    })?;
    same("who listens without a line", &others, &0)
}

/// Whether a service listens at one of these ports.
fn listens(context: &Context, service: u32, ports: Ports) -> Result<Option<()>, Failure> {
    let mut seen = None;
    for_each_listener(context, |info| {
        let at = (ports.first..=ports.last).contains(&info.local_port);
        if info.service == service && at {
            seen = Some(());
        }
    })?;
    Ok(seen)
}

/// Looks at each listening socket.
fn for_each_listener(context: &Context, mut look: impl FnMut(&SocketInfo)) -> Check {
    for index in 0.. {
        match ask(context, &Row { index }) {
            Ok(info) if info.kind == Kind::Listener => look(&info),
            Ok(_) => {}
            Err(CallError::Service(ServiceError::OutOfRange)) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn ask<O: Operation<Protocol = Socket>>(context: &Context, op: &O) -> Result<O::Reply, CallError> {
    let stack = stack().map_err(|_| CallError::Service(ServiceError::NoSuchService))?;
    context.ask(stack, op)
}

/// Looks until there is something.
fn in_the_end<T>(
    context: &Context,
    mut look: impl FnMut(&Context) -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let until = Deadline::after_ms(SAFETY_MS);
    loop {
        if let Some(seen) = look(context)? {
            return Ok(seen);
        }
        in_time!(!until.has_passed(), "not in time");
        context.waiter.pause(LOOK_MS);
    }
}
