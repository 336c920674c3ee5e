//! What the host compares: ledger, capabilities and page-table roots of everybody, while all of
//! them are alive, and then the memory of the guest itself.

use nexus_proto::Zero;
use nexus_proto::init::{Caps, Stat};
use nexus_rt::Deadline;
use nexus_test::records;

use crate::check::{Check, Failure};
use crate::context::Context;
use crate::ledger;

/// Milliseconds that the host has to read the guest's memory.
const HOST_MS: u64 = 60_000;

/// Shows everything, and waits until the host has read the memory.
pub(crate) fn show(context: &Context) -> Check {
    show_ledger(context)?;
    for service in &context.description.services {
        show_capabilities(context, service.id).map_err(|error| error.at(&service.name))?;
        show_root(context, service.id).map_err(|error| error.at(&service.name))?;
    }
    context.host.record(records::WITNESS_READY)?;
    let typed = context.host.console.wait_for(records::WITNESS_DONE, Deadline::after_ms(HOST_MS));
    typed.map_err(|error| Failure::from(error).at("the host"))
}

fn show_ledger(context: &Context) -> Check {
    for one in ledger::read_all(context)? {
        context.host.record(&records::ledger(&one.stamp, &one.entry))?;
    }
    Ok(())
}

fn show_capabilities(context: &Context, service: u32) -> Check {
    let mut cursor = 0;
    loop {
        let ask = Caps { service, zero: Zero::ZERO, cursor };
        let cap = context.ask(context.init, &ask).map_err(Failure::from)?;
        context.host.record(&records::capability(service, &cap))?;
        if cap.next == 0 {
            return Ok(());
        }
        cursor = cap.next;
    }
}

fn show_root(context: &Context, service: u32) -> Check {
    let stat = context.ask(context.init, &Stat { service, zero: Zero::ZERO })?;
    Ok(context.host.record(&records::root(service, stat.root))?)
}
