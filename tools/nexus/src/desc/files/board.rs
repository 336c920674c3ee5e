//! `boards/NAME.toml`: how QEMU is started, and which devices there are.

use super::lines::read_irq;
use super::net::read_network;
use super::state::read_store;
use crate::desc::kind::Kind;
use crate::desc::model::{Device, DmaMark, Machine};
use crate::desc::net::BoardNetwork;
use crate::desc::report::Reporter;
use crate::desc::source::{At, Source};
use crate::desc::table::{Key, Parsed, Table, key};
use nexus_sysdesc::{Danger, Says, Serial, bounds};
use std::sync::Arc;

const QEMU: Key = key("qemu", "{ machine = \"virt\" }");
const MACHINE: Key = key("machine", "\"virt\"");
const CPU: Key = key("cpu", "\"rv64\"");
const MEMORY: Key = key("memory", "\"128M\"");
const HARTS: Key = key("harts", "1");
const OPTIONS: Key = key("options", "[\"-nodefaults\"]");

pub(super) const NETWORK: Key = key("network", "{ address = \"dhcp\" }");
const DEVICE: Key = key("device", "[]");
const NAME: Key = key("name", "\"uart0\"");
const COMPATIBLE: Key = key("compatible", "\"ns16550a\"");
const VIRTIO_ID: Key = key("virtio-id", "4");
const INSTANCE: Key = key("instance", "0");
const BASE: Key = key("base", "0x1000_0000");
const MAC: Key = key("mac", "\"52:54:00:12:34:56\"");
const CAPACITY: Key = key("capacity", "16777216");
const SERIAL: Key = key("serial", "\"nexus-1\"");
const WINDOW: Key = key("window", "0x1000");
const DMA: Key = key("dma", "\"sealed\"");
const DANGER: Key = key("danger", "\"low\"");
const SLOT: Key = key("slot", "0");
const QEMU_DEVICE: Key = key("qemu", "\"virtio-rng-device,rng=rng0-source\"");
const BACKEND: Key = key("backend", "[\"-object\", \"rng-builtin,id=rng0-source\"]");

/// The highest slot of QEMU's `virt` machine.
const MAX_SLOT: u8 = 7;

/// What one board file says.
#[derive(Debug)]
pub(crate) struct BoardFile {
    /// Absent where the devices are more of those of the board below.
    pub(crate) qemu: Option<Machine>,
    /// There is a `[qemu]`, or should be.
    pub(crate) has_qemu: bool,
    pub(crate) devices: Vec<Device>,
    /// Absent where that of the board below counts, if it has one.
    pub(crate) network: Option<BoardNetwork>,
    /// There may be a network, which could not be read.
    pub(crate) network_unread: bool,
    /// Names of devices that could not be read whole.
    pub(crate) unread: Vec<String>,
    /// There may be more devices, of which not even the name could be read.
    pub(crate) more: bool,
}

/// Reads it. Above another file of its name, it may leave out `[qemu]`; `above` says whether it is.
pub(crate) fn read_board(reporter: &Reporter, source: &Arc<Source>, above: bool) -> BoardFile {
    let parsed = Parsed::new(source);
    let mut table = parsed.root("a board file", reporter);
    if !above {
        table.must_have(QEMU);
    }
    let asked = table.has(QEMU);
    let qemu = table.table(QEMU, "[qemu]").and_then(read_machine);
    let (mut devices, mut unread, mut more) = (Vec::new(), Vec::new(), source.has_mistakes());
    for device in table.tables(DEVICE, "[[device]]") {
        match read_device(device) {
            (_, Some(device)) => devices.push(device),
            (Some(name), None) => unread.push(name),
            (None, None) => more = true,
        }
    }
    let has_network = table.has(NETWORK);
    let network = read_network(&mut table);
    let network_unread = has_network && network.is_none();
    table.finish();
    let has_qemu = asked || !above;
    BoardFile { qemu, has_qemu, devices, network, network_unread, unread, more }
}

fn read_machine(mut table: Table<'_>) -> Option<Machine> {
    table.must_have(MACHINE);
    table.must_have(CPU);
    table.must_have(MEMORY);
    let machine = table.string(MACHINE);
    let cpu = table.string(CPU);
    let memory_mib = read_memory(&mut table);
    let harts = table.number(HARTS, 1..=64u8).map_or(1, |harts| harts.value);
    let options = table.strings(OPTIONS);
    table.finish();
    Some(Machine { machine: machine?, cpu: cpu?.value, memory_mib: memory_mib?, harts, options })
}

/// Memory as QEMU writes it: a number of mebibytes with `M`, or of gibibytes with `G`.
fn read_memory(table: &mut Table<'_>) -> Option<At<u32>> {
    const MAX_MIB: u32 = 16 * 1024;
    let text = table.string(MEMORY)?;
    let mebibytes = match text.value.split_at_checked(text.len().saturating_sub(1)) {
        Some((digits, "M")) => digits.parse::<u32>().ok(),
        Some((digits, "G")) => digits.parse::<u32>().ok().and_then(|gib| gib.checked_mul(1024)),
        _ => None,
    };
    if let Some(value) = mebibytes.filter(|mib| (16..=MAX_MIB).contains(mib)) {
        return Some(At { value, span: text.span });
    }
    let message = format!("`{}` is not an amount of memory for a board", text.value);
    table.refuse(Kind::OutOfRange, &text.span, message, "write 16M to 16384M, or 1G to 16G");
    None
}

/// Its name, and the whole device, as far as they can be read.
fn read_device(mut table: Table<'_>) -> (Option<String>, Option<Device>) {
    let span = table.span.clone();
    for needed in [NAME, COMPATIBLE, DANGER] {
        table.must_have(needed);
    }
    let dangers = Danger::ALL.map(|danger| (danger.name(), danger));
    let name = table.name(NAME);
    let compatible = table.text(COMPATIBLE, bounds::MAX_COMPATIBLE);
    let virtio_id = table.number(VIRTIO_ID, 0..=u32::MAX);
    let instance = table.number(INSTANCE, 0..=u8::MAX);
    let base = table.number(BASE, 0..=u64::MAX);
    let base = base.filter(|base| whole_pages(&table, BASE, base));
    let says = read_says(&mut table);
    let store = read_store(&mut table);
    let window = table.number(WINDOW, bounds::PAGE..=bounds::MAX_WINDOW);
    let window = window.filter(|window| whole_pages(&table, WINDOW, window));
    let irq = read_irq(&mut table).is_some();
    let dma = read_dma(&mut table);
    let danger = table.choice(DANGER, "a danger class", &dangers);
    let slot = table.number(SLOT, 0..=MAX_SLOT);
    let qemu = table.string(QEMU_DEVICE);
    let backend = table.strings(BACKEND);
    table.finish();
    let called = name.as_ref().map(|name| name.value.clone());
    let device = (|| {
        let (name, compatible, danger) = (name?, compatible?, danger?);
        Some(Device {
            span,
            name,
            compatible,
            virtio_id,
            instance,
            base,
            says,
            store,
            window,
            irq,
            dma,
            danger,
            slot,
            qemu,
            backend,
        })
    })();
    (called, device)
}

/// What it says about DMA. The word of old is refused with the rest of what cannot be sealed.
fn read_dma(table: &mut Table<'_>) -> Option<At<DmaMark>> {
    let word = table.string(DMA)?;
    if word.value == "unconfined" {
        return Some(At { value: DmaMark::Unconfined, span: word.span });
    }
    let marks = [("none", DmaMark::None), ("sealed", DmaMark::Sealed)];
    let value = table.choose(&word, "what a device can say about DMA", &marks)?;
    Some(At { value, span: word.span })
}

/// What tells the device from others of its class: one thing.
fn read_says(table: &mut Table<'_>) -> Option<At<Says>> {
    let all =
        [(MAC, read_mac(table)), (CAPACITY, read_capacity(table)), (SERIAL, read_serial(table))];
    let mut said = all.into_iter().filter_map(|(key, says)| Some((key, says?)));
    let first = said.next();
    if let (Some((key, says)), Some((other, _))) = (said.next(), &first) {
        let message =
            format!("a device is told from others by `{}` or by `{}`", other.name, key.name);
        table.refuse(Kind::UnknownKey, &says.span, message, format!("remove `{}`", key.name));
    }
    first.map(|(_, says)| says)
}

fn read_mac(table: &mut Table<'_>) -> Option<At<Says>> {
    let text = table.string(MAC)?;
    let bytes: Option<Vec<u8>> = text.value.split(':').map(hex_byte).collect();
    if let Some(Ok(mac)) = bytes.map(<[u8; 6]>::try_from) {
        return Some(At { value: Says::Mac(mac), span: text.span });
    }
    let message = format!("`{}` is no address of a network device", text.value);
    let fix = "write six bytes, as `mac = \"52:54:00:12:34:56\"`";
    table.refuse(Kind::OutOfRange, &text.span, message, fix);
    None
}

fn read_capacity(table: &mut Table<'_>) -> Option<At<Says>> {
    let capacity = table.number(CAPACITY, 512..=u64::MAX)?;
    if !capacity.is_multiple_of(512) {
        let message = format!("{} bytes are not whole sectors of 512", capacity.value);
        let fix = "write the bytes of the disk, as `blockdev --getsize64` counts them";
        table.refuse(Kind::OutOfRange, &capacity.span, message, fix);
        return None;
    }
    Some(At { value: Says::Capacity(capacity.value), span: capacity.span })
}

fn read_serial(table: &mut Table<'_>) -> Option<At<Says>> {
    let text = table.string(SERIAL)?;
    if let Ok(serial) = Serial::new(&text.value) {
        return Some(At { value: Says::Serial(serial), span: text.span });
    }
    let message = format!("`{}` is no serial number of a disk", text.value);
    let fix = "write 1 to 20 printable ASCII characters, as `serial = \"nexus-1\"`";
    table.refuse(Kind::OutOfRange, &text.span, message, fix);
    None
}

fn hex_byte(text: &str) -> Option<u8> {
    (text.len() == 2).then(|| u8::from_str_radix(text, 16).ok())?
}

/// Reports a number of bytes that is not whole pages; true when it is.
fn whole_pages(table: &Table<'_>, key: Key, bytes: &At<u64>) -> bool {
    let good = bytes.is_multiple_of(bounds::PAGE);
    if !good {
        let message = format!("{:#x} is not a whole number of pages", bytes.value);
        let fix = format!("write `{}` as a multiple of {:#x}", key.name, bounds::PAGE);
        table.refuse(Kind::OutOfRange, &bytes.span, message, fix);
    }
    good
}
