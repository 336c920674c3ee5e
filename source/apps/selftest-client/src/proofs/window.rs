//! The refusals of RFC-0002, through the real system calls, on the window that this service owns.

use nexus_abi::{
    CapInfo, Error, Handle, KindCode, Message, PAGE_SIZE, Prot, Rights, SYSCALL_MMIO_MAP, USER_END,
};
use nexus_rt::{Deadline, child, peek, startup, sys};
use nexus_test::{SAFETY_MS, bare};

use crate::check::{Check, ensure, refused, same};
use crate::context::Context;
use crate::proofs::register::REGISTERS;

/// An address at which nothing is mapped.
pub(crate) const FREE: u64 = 0x30_0000_0000;
/// Readable, as bits: with a mask of registers, nobody maps the window writable.
const READ: u64 = 0b001;

/// MagicValue, Version and DeviceID of an empty virtio slot (virtio 1.2, 4.2.2).
const EMPTY_SLOT: [u32; 3] = [0x7472_6976, 2, 0];

/// What a call asks for, in its four words.
#[derive(Clone, Copy)]
struct Ask {
    offset: u64,
    len: u64,
    va: u64,
    prot: u64,
}

/// A request that is granted.
const GOOD: Ask = Ask { offset: 0, len: PAGE_SIZE, va: FREE, prot: READ };

/// `mmio_map` with any words.
fn map_raw(window: Handle, ask: Ask) -> Result<u64, Error> {
    let Ask { offset, len, va, prot } = ask;
    match bare::raw(SYSCALL_MMIO_MAP, [window.0, offset, len, va, prot, 0]) {
        (0, mapped) => Ok(mapped),
        (code, _) => Err(Error::from_code(code).unwrap_or(Error::BadSyscall)),
    }
}

/// Runs calls that must all be refused, and sees that nothing has changed.
pub(crate) fn unchanged(context: &Context, calls: impl FnOnce() -> Check) -> Check {
    let before = (context.usage()?, sys::cap_query(context.window())?);
    calls()?;
    let after = (context.usage()?, sys::cap_query(context.window())?);
    same("state after refusals", &after, &before)
}

/// Refuses each of these on the own window.
fn all_refused(context: &Context, asks: &[(&str, Ask, Error)]) -> Check {
    unchanged(context, || {
        for (what, ask, error) in asks {
            refused(what, map_raw(context.window(), *ask), *error)?;
        }
        Ok(())
    })
}

/// The own window can be mapped, and the device is what it must be.
pub(crate) fn map(context: &Context) -> Check {
    let seen = peek(context.window(), [0, 4, 8])?;
    same("identity registers", &seen, &EMPTY_SLOT)?;
    same("address", &map_raw(context.window(), GOOD)?, &FREE)?;
    same("pages mapped", &sys::cap_query(context.window())?.mapped_pages, &1)?;
    bare::unmap(FREE)?;
    same("pages mapped", &sys::cap_query(context.window())?.mapped_pages, &0)
}

/// Outside the window, by one page and by all there is; nothing; and past the end of numbers.
pub(crate) fn range(context: &Context) -> Check {
    let len = context.window.len;
    let last = u64::MAX - (PAGE_SIZE - 1);
    let ask = |offset, len| Ask { offset, len, ..GOOD };
    all_refused(
        context,
        &[
            ("from the end", ask(len, PAGE_SIZE), Error::OutOfRange),
            ("from a page past the end", ask(len + PAGE_SIZE, PAGE_SIZE), Error::OutOfRange),
            ("a page more than there is", ask(0, len + PAGE_SIZE), Error::OutOfRange),
            ("nothing", ask(0, 0), Error::OutOfRange),
            ("nothing at the end", ask(len, 0), Error::OutOfRange),
            ("an end that wraps to zero", ask(last, PAGE_SIZE), Error::OutOfRange),
            ("an end that wraps into the window", ask(last, 2 * PAGE_SIZE), Error::OutOfRange),
            ("half of all addresses", ask(1 << 63, PAGE_SIZE), Error::OutOfRange),
            ("everything", ask(0, last), Error::OutOfRange),
        ],
    )
}

/// Not on a page.
pub(crate) fn alignment(context: &Context) -> Check {
    let mut asks = [("", GOOD, Error::Misaligned); 9];
    let bad = [1, 8, PAGE_SIZE - 1];
    for (index, slot) in asks.iter_mut().enumerate() {
        let by = bad.get(index % 3).copied().unwrap_or(1);
        *slot = match index / 3 {
            0 => ("offset", Ask { offset: by, ..GOOD }, Error::Misaligned),
            1 => ("length", Ask { len: by, ..GOOD }, Error::Misaligned),
            _ => ("address", Ask { va: FREE + by, ..GOOD }, Error::Misaligned),
        };
    }
    all_refused(context, &asks)?;
    let ask = Ask { len: PAGE_SIZE + 1, ..GOOD };
    all_refused(context, &[("a byte more than a page", ask, Error::Misaligned)])
}

/// Executable in any way; write without read; nothing; bits that mean nothing. What would be written
/// through a mapping is denied first, because there is a mask.
pub(crate) fn protection(context: &Context) -> Check {
    let ask = |prot| Ask { prot, ..GOOD };
    all_refused(
        context,
        &[
            ("execute", ask(0b100), Error::ExecDenied),
            ("read and execute", ask(0b101), Error::ExecDenied),
            ("write and execute", ask(0b110), Error::Denied),
            ("everything", ask(0b111), Error::Denied),
            ("all bits", ask(u64::MAX), Error::Denied),
            ("all bits but the right to write", ask(!0b010), Error::ExecDenied),
            ("write only", ask(0b010), Error::Denied),
            ("nothing", ask(0), Error::InvalidProt),
            ("a bit that means nothing", ask(0b1001), Error::InvalidProt),
            ("a bit past a byte", ask(0x101), Error::InvalidProt),
            ("a bit past a word", ask((1 << 32) | READ), Error::InvalidProt),
        ],
    )
}

/// Outside the user half, and where something is.
pub(crate) fn address(context: &Context) -> Check {
    let ask = |va| Ask { va, ..GOOD };
    let block = core::ptr::from_ref(startup().block()).addr() as u64;
    all_refused(
        context,
        &[
            ("page zero", ask(0), Error::BadAddress),
            ("the end of the user half", ask(USER_END), Error::BadAddress),
            ("no address of Sv39", ask(1 << 46), Error::BadAddress),
            ("the direct map", ask(hostile::place::KERNEL_DATA), Error::BadAddress),
            ("kernel text", ask(hostile::place::KERNEL_TEXT), Error::BadAddress),
            ("the last page", ask(u64::MAX - (PAGE_SIZE - 1)), Error::BadAddress),
            ("own instructions", ask(0x10_0000), Error::Exists),
            ("the startup block", ask(block), Error::Exists),
            ("the stack", ask(0x3000_0000 - PAGE_SIZE), Error::Exists),
        ],
    )?;
    map_raw(context.window(), GOOD)?;
    let again = map_raw(context.window(), GOOD);
    bare::unmap(FREE)?;
    refused("where the window is mapped", again, Error::Exists)
}

/// Handles that name nothing, something else, or what is no more.
pub(crate) fn handle(context: &Context) -> Check {
    let gone = sys::notification_create()?;
    sys::cap_drop(gone)?;
    let other = sys::notification_create()?;
    let checked = unchanged(context, || {
        for (what, handle) in [
            ("none", Handle::NONE),
            ("a slot without generation", Handle(1)),
            ("the highest slot", Handle::new(u32::MAX, 1)),
            ("the highest handle", Handle(u64::MAX)),
            ("a reply", Handle::reply(0, 1)),
            ("the window of another life", Handle(context.window.handle ^ (1 << 32))),
            ("what is dropped", gone),
        ] {
            refused(what, map_raw(handle, GOOD), Error::BadHandle)?;
        }
        refused("a notification", map_raw(other, GOOD), Error::WrongKind)?;
        refused("an endpoint", map_raw(context.init.endpoint(), GOOD), Error::WrongKind)
    });
    sys::cap_drop(other)?;
    checked
}

/// To another process, by message or by install, or as a part of it.
pub(crate) fn passing_on(context: &Context) -> Check {
    let window = context.window();
    unchanged(context, || {
        let gift = Message::with_cap(0, &[], window);
        let sent = sys::call(context.logd.endpoint(), &gift, Deadline::after_ms(SAFETY_MS).ticks());
        refused("by message", sent, Error::Denied)?;
        for rights in [Rights::MAP, Rights::MAP | Rights::READ, Rights::all(), Rights::empty()] {
            let installed = sys::cap_install(Handle::NONE, window, rights);
            refused("by install", installed, Error::Denied)?;
            let derived = sys::cap_derive(window, rights, 0, PAGE_SIZE);
            refused("as a part", derived, Error::Denied)?;
        }
        refused("revoke", sys::cap_revoke(window), Error::Denied)
    })
}

/// As anything but a window.
pub(crate) fn other_use(context: &Context) -> Check {
    let window = context.window();
    let soon = Deadline::after_ms(10).ticks();
    let empty = Message::default();
    let prot = Prot::READ;
    unchanged(context, || {
        let memory = bare::vmo_map(window, 0, PAGE_SIZE, FREE, prot);
        refused("as memory", memory, Error::WrongKind)?;
        let into = child::map(window, window, 0, PAGE_SIZE, FREE, prot);
        refused("as a process to map into", into, Error::WrongKind)?;
        refused("seal", sys::vmo_seal(window), Error::WrongKind)?;
        refused("signal", sys::signal(window, 1), Error::WrongKind)?;
        refused("wait", sys::wait(window, soon, Handle::NONE), Error::WrongKind)?;
        refused("call", sys::call(window, &empty, soon), Error::WrongKind)?;
        let received = sys::reply_recv(window, Handle::NONE, &empty, soon);
        refused("receive", received, Error::WrongKind)?;
        refused("reply", sys::reply(window, &empty), Error::BadHandle)?;
        refused("bind", sys::endpoint_bind(window, window), Error::WrongKind)?;
        refused("as a line", sys::irq_ack(window, u64::MAX), Error::WrongKind)?;
        let child = sys::process_create(window, 99, 1, Handle::NONE, 0);
        refused("as the authority to make processes", child, Error::WrongKind)?;
        refused("end a process", sys::process_end(window, 0), Error::WrongKind)?;
        refused("process state", sys::process_stat(window), Error::WrongKind)?;
        refused("process capabilities", sys::cap_inspect(window, 0), Error::WrongKind)?;
        let thread = child::start(window, 0x10_0000, 0, 0, 0);
        refused("as a process to run in", thread, Error::WrongKind)?;
        let written = sys::console_write(window, 1, 0, 0, 0, 0);
        refused("as the console", written, Error::WrongKind)
    })
}

/// The owner learns what its window is, and not where; its length it has from its startup block.
pub(crate) fn address_hidden(context: &Context) -> Check {
    let CapInfo { kind, rights, base, len, object, children, registers, .. } =
        sys::cap_query(context.window())?;
    same("kind", &kind, &KindCode::DeviceMmio)?;
    same("rights", &rights, &(Rights::MAP | Rights::READ | Rights::WRITE))?;
    same("registers", &registers, &Some(REGISTERS))?;
    let told = [base, len, object];
    ensure!(told == [0; 3], "the kernel tells address, length and object {told:#x?}");
    same("address in the startup block", &context.window.base, &0)?;
    let wanted = context.device_of(context.own_id)?.window_len;
    same("length in the startup block", &context.window.len, &wanted)?;
    same("children", &children, &0)
}
