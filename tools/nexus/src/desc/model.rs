//! What the files say, before it is checked: each value with its place.

use super::classes::{Dma, dma_of};
use super::net::{AllowNet, BoardNetwork, Sockets, Terms};
use super::source::{At, Span};
use super::unread::Unread;
use nexus_abi::Rights;
use nexus_sysdesc::{
    Danger, GUID_LEN, Permission, Profile, Queue, Restart, Says, Serial, Shape, bounds, registers,
};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A whole system, all its layers merged.
#[derive(Clone, Debug)]
pub(crate) struct System {
    pub(crate) name: At<String>,
    pub(crate) board: Board,
    /// Those of the base first, so that a refusal points to what was added.
    pub(crate) services: Vec<Service>,
    /// Services of the base that a layer above has removed.
    pub(crate) removed: Vec<At<String>>,
    pub(crate) policy: Policy,
    /// Those of the base first.
    pub(crate) profiles: Vec<ProfileFile>,
    /// What is not known of all this.
    pub(crate) unread: Unread,
}

impl System {
    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name.value == name)
    }

    pub(crate) fn service_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.services.iter().map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Mebibytes of memory.
    pub(crate) fn memory_mib(&self) -> u32 {
        self.board.qemu.as_ref().map_or(0, |qemu| qemu.memory_mib.value)
    }

    pub(crate) fn was_removed(&self, name: &str) -> bool {
        self.removed.iter().any(|removed| removed.value == name)
    }
}

/// A board file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board {
    /// Absent after a mistake.
    pub(crate) qemu: Option<Machine>,
    /// In the order of the file.
    pub(crate) devices: Vec<Device>,
    /// How its network is, where services have to do with one.
    pub(crate) network: Option<BoardNetwork>,
}

impl Board {
    pub(crate) fn device(&self, name: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.name.value == name)
    }

    pub(crate) fn device_names(&self) -> Vec<&str> {
        self.devices.iter().map(|device| device.name.as_str()).collect()
    }
}

/// How QEMU is started.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) machine: At<String>,
    pub(crate) cpu: String,
    /// Mebibytes of memory, and where that is said.
    pub(crate) memory_mib: At<u32>,
    pub(crate) harts: u8,
    pub(crate) options: Vec<At<String>>,
}

/// A device of a board.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) span: Span,
    pub(crate) name: At<String>,
    pub(crate) compatible: At<String>,
    pub(crate) virtio_id: Option<At<u32>>,
    pub(crate) instance: Option<At<u8>>,
    pub(crate) base: Option<At<u64>>,
    pub(crate) says: Option<At<Says>>,
    /// The GUID of the partition that is the store.
    pub(crate) store: Option<At<[u8; GUID_LEN]>>,
    pub(crate) window: Option<At<u64>>,
    /// It has an interrupt line.
    pub(crate) irq: bool,
    pub(crate) dma: Option<At<DmaMark>>,
    pub(crate) danger: At<Danger>,
    pub(crate) slot: Option<At<u8>>,
    pub(crate) qemu: Option<At<String>>,
    pub(crate) backend: Vec<At<String>>,
}

/// Bytes of a window that does not say how long it is.
pub(crate) const DEFAULT_WINDOW: u64 = 0x1000;

impl Device {
    pub(crate) fn instance(&self) -> u8 {
        self.instance.as_ref().map_or(0, |instance| instance.value)
    }

    pub(crate) fn window(&self) -> u64 {
        self.window.as_ref().map_or(DEFAULT_WINDOW, |window| window.value)
    }

    pub(crate) fn has_dma(&self) -> bool {
        self.dma.as_ref().is_some_and(|dma| dma.value == DmaMark::Sealed)
    }

    /// It says of itself that it reaches memory, whatever may come of that.
    pub(crate) fn may_have_dma(&self) -> bool {
        self.dma.as_ref().is_some_and(|dma| dma.value != DmaMark::None)
            || dma_of(self) == Dma::Always
    }

    /// Where it says what it is found by.
    pub(crate) fn class_span(&self) -> &Span {
        self.virtio_id.as_ref().map_or(&self.compatible.span, |id| &id.span)
    }

    /// `compatible`, with the DeviceID where there is one: what the device is found by.
    pub(crate) fn class(&self) -> String {
        match &self.virtio_id {
            Some(id) => format!("{} with DeviceID {}", self.compatible.value, id.value),
            None => self.compatible.value.clone(),
        }
    }

    /// The serial number that it is known by, and where that is said.
    pub(crate) fn serial(&self) -> Option<(Serial, &Span)> {
        match self.says.as_ref()? {
            At { value: Says::Serial(serial), span } => Some((*serial, span)),
            _ => None,
        }
    }

    pub(crate) fn same_class(&self, other: &Device) -> bool {
        let id = |device: &Device| device.virtio_id.as_ref().map(|id| id.value);
        self.compatible.value == other.compatible.value && id(self) == id(other)
    }
}

/// What a device says about DMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DmaMark {
    /// It has none.
    None,
    /// It reaches memory by itself, and what it reaches is fixed before its owner starts.
    Sealed,
    /// What is refused: it would reach all memory.
    Unconfined,
}

/// A service file.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// Of the file; its place is the first byte.
    pub(crate) name: At<String>,
    /// 0 after a mistake.
    pub(crate) id: At<u32>,
    /// Absent after a mistake.
    pub(crate) binary: Option<Binary>,
    /// True for init.
    pub(crate) by_kernel: bool,
    pub(crate) priority: At<u8>,
    /// Absent for init, which has what is left.
    pub(crate) budget: Option<Budget>,
    pub(crate) stack_pages: u32,
    pub(crate) needs: Vec<Need>,
    pub(crate) talks_to: Vec<At<String>>,
    pub(crate) serves: bool,
    pub(crate) restart: At<Restart>,
    /// Milliseconds within which it is back at its endpoint.
    pub(crate) answers_within: Option<At<u32>>,
    pub(crate) asks: Vec<At<Permission>>,
    pub(crate) rings: Vec<Ring>,
    /// What it keeps in the store.
    pub(crate) state: Option<Tree>,
    /// What it opens of the trees of others.
    pub(crate) opens: Vec<Opens>,
    /// What it may have of the network stack.
    pub(crate) sockets: Option<Sockets>,
    /// Whom it reaches by the network, and who reaches it.
    pub(crate) reaches: Vec<Terms>,
    pub(crate) must_prove: Vec<MustProve>,
    /// What it proves in the first of two boots.
    pub(crate) first_boot: Vec<MustProve>,
    /// What it has beside that in a system that has certain other services.
    pub(crate) beside: Vec<Beside>,
}

impl Service {
    /// The proofs that its file and `profile` want of it, and the checks that each rests on; of a
    /// proof in both, the larger number counts.
    pub(crate) fn proofs_in<'a>(&'a self, profile: &'a ProfileFile) -> BTreeMap<&'a str, u32> {
        let mut proofs = BTreeMap::new();
        if profile.kind.value == Profile::Prod {
            return proofs;
        }
        let more = profile.must_prove.iter().filter(|(name, _)| name.value == self.name.value);
        let more = more.flat_map(|(_, proofs)| proofs).map(|name| (name, 1));
        let own = self.must_prove.iter().map(|proof| (&proof.name, proof.checks));
        for (name, checks) in own.chain(more) {
            let most = proofs.entry(name.as_str()).or_default();
            *most = checks.max(*most);
        }
        proofs
    }
}

/// What a service of the system of tests has where there is another one.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    pub(crate) service: At<String>,
    pub(crate) talks_to: Vec<At<String>>,
    pub(crate) must_prove: Vec<MustProve>,
    pub(crate) first_boot: Vec<MustProve>,
    /// A ring with it, where nobody else has one with it, and what is proved by that.
    pub(crate) ring: Option<(Ring, Vec<MustProve>)>,
    /// What it may have of the network stack there.
    pub(crate) sockets: Option<Sockets>,
    /// What it does with the network there.
    pub(crate) reaches: Vec<Terms>,
}

/// A request for memory that is shared with a driver, for a ring.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    /// The driver.
    pub(crate) with: At<String>,
    /// Pages of all of the memory.
    pub(crate) pages: At<u16>,
}

impl Ring {
    /// `rings = [{ with = "virtioblkd", pages = 65 }]`.
    pub(crate) fn toml(with: &str, pages: u16) -> String {
        format!("rings = [{{ with = \"{with}\", pages = {pages} }}]")
    }
}

/// The tree of a service.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) span: Span,
    pub(crate) id: At<u128>,
    pub(crate) keys: u64,
    pub(crate) bytes: u64,
}

/// A request to open the tree of another.
#[derive(Clone, Debug)]
pub(crate) struct Opens {
    pub(crate) keys: Keys,
    /// Bits of [`nexus_sysdesc::StateRight`].
    pub(crate) rights: At<u8>,
}

/// Keys in the tree of a service.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// Whose.
    pub(crate) tree: At<String>,
    /// Empty for every key.
    pub(crate) prefix: At<String>,
}

impl Keys {
    pub(crate) fn are(&self, other: &Keys) -> bool {
        (&self.tree.value, &self.prefix.value) == (&other.tree.value, &other.prefix.value)
    }

    /// For people.
    pub(crate) fn shown(&self) -> String {
        match self.prefix.value.as_str() {
            "" => format!("the tree of {}", self.tree.value),
            prefix => format!("`{prefix}` in the tree of {}", self.tree.value),
        }
    }

    /// The key `prefix` after `between`, where there is one.
    pub(crate) fn prefix_toml(&self, between: &str) -> String {
        match self.prefix.value.as_str() {
            "" => String::new(),
            prefix => format!("{between}prefix = {prefix:?}"),
        }
    }
}

/// A proof, and how many checks it rests on at least.
#[derive(Clone, Debug)]
pub(crate) struct MustProve {
    pub(crate) name: At<String>,
    pub(crate) checks: u32,
}

/// Which program a service is.
#[derive(Clone, Debug)]
pub(crate) struct Binary {
    /// The crate's directory, as the file says it.
    pub(crate) path: At<String>,
    /// The directory that `path` is relative to.
    pub(crate) relative_to: PathBuf,
    /// The program of the crate.
    pub(crate) bin: String,
}

/// What a service may use up.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    pub(crate) span: Span,
    pub(crate) frames: u32,
    pub(crate) objects: u32,
}

/// A request for a device.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    pub(crate) span: Span,
    pub(crate) device: At<String>,
    pub(crate) rights: At<Rights>,
    /// Where it asks for the interrupt line.
    pub(crate) irq: Option<Span>,
    /// Where it says that it works without one.
    pub(crate) polls: Option<Span>,
    /// The registers that it asks to write; with WRITE and without a mask, the whole window.
    pub(crate) registers: Option<At<u64>>,
    /// What it asks the device to reach.
    pub(crate) queues: Option<At<Vec<Queue>>>,
}

impl Need {
    /// True when the rights, and the registers that go with them, are those of a window.
    pub(crate) fn has_window_rights(&self) -> bool {
        let (rights, registers) = (self.rights.value, self.registers.as_ref());
        let mask = registers.map(|registers| registers.value);
        bounds::is_window_rights(rights.bits()) && bounds::is_mask_for(rights, mask)
    }
}

/// The policy files of all layers.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) epoch: u32,
    /// The file that the top layer's lines are in, for advice.
    pub(crate) shown: String,
    pub(crate) allows: Vec<Allow>,
    pub(crate) permits: Vec<Permit>,
    pub(crate) shares: Vec<Share>,
    pub(crate) states: Vec<AllowState>,
    pub(crate) nets: Vec<AllowNet>,
}

/// Lets a service receive a device.
#[derive(Clone, Debug)]
pub(crate) struct Allow {
    pub(crate) span: Span,
    pub(crate) id: At<String>,
    pub(crate) subject: At<String>,
    pub(crate) device: At<String>,
    pub(crate) rights: At<Rights>,
    /// Where it allows the interrupt line.
    pub(crate) irq: Option<Span>,
    /// The registers that may be written, as in [`Need::registers`].
    pub(crate) registers: Option<At<u64>>,
    /// Microseconds between two interrupts, at least.
    pub(crate) interval: Option<At<u32>>,
    /// What the device may be made to reach.
    pub(crate) queues: Option<At<Vec<Queue>>>,
    pub(crate) reason: String,
}

/// Lets a service ask others for something.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    pub(crate) span: Span,
    pub(crate) id: At<String>,
    pub(crate) subject: At<String>,
    pub(crate) permission: At<Permission>,
    pub(crate) reason: String,
}

/// Lets a service share memory with a driver, for a ring.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    pub(crate) span: Span,
    pub(crate) id: At<String>,
    pub(crate) subject: At<String>,
    pub(crate) with: At<String>,
    pub(crate) pages: At<u16>,
    pub(crate) reason: String,
}

/// Lets a service open the tree of another.
#[derive(Clone, Debug)]
pub(crate) struct AllowState {
    pub(crate) span: Span,
    pub(crate) id: At<String>,
    pub(crate) subject: At<String>,
    pub(crate) keys: Keys,
    pub(crate) rights: At<u8>,
    pub(crate) reason: String,
}

/// A profile file.
#[derive(Clone, Debug)]
pub(crate) struct ProfileFile {
    /// Of the file; its place is the first byte.
    pub(crate) name: At<String>,
    pub(crate) kind: At<Profile>,
    /// What tests it: its own services, and not the system of tests.
    pub(crate) own_tests: bool,
    pub(crate) without: Vec<At<String>>,
    pub(crate) without_devices: Vec<At<String>>,
    /// After each of whose calls the kernel checks itself.
    pub(crate) watch: Vec<At<String>>,
    /// After which of those that write no page table: each, or one in so many.
    pub(crate) watch_every: u32,
    /// Where it says that programs may count instructions.
    pub(crate) count: Option<Span>,
    /// Where it says that services are started again without end.
    pub(crate) unlimited_restarts: Option<Span>,
    /// More proofs than those in the services' files, by service.
    pub(crate) must_prove: Vec<(At<String>, Vec<At<String>>)>,
}

impl ProfileFile {
    /// Adds what a file of the same name above this one says.
    pub(crate) fn add(&mut self, above: ProfileFile) {
        self.kind = above.kind;
        self.own_tests |= above.own_tests;
        self.without.extend(above.without);
        self.without_devices.extend(above.without_devices);
        self.watch.extend(above.watch);
        self.watch_every = self.watch_every.max(above.watch_every);
        self.unlimited_restarts = self.unlimited_restarts.take().or(above.unlimited_restarts);
        self.must_prove.extend(above.must_prove);
    }

    pub(crate) fn leaves_out(&self, service: &str) -> bool {
        self.without.iter().any(|name| name.value == service)
    }

    pub(crate) fn watches(&self, service: &str) -> bool {
        self.watch.iter().any(|name| name.value == service)
    }

    pub(crate) fn leaves_out_device(&self, device: &str) -> bool {
        self.without_devices.iter().any(|name| name.value == device)
    }
}

/// `map|read|write`.
pub(crate) fn rights_text(rights: Rights) -> String {
    let names: Vec<String> = rights.iter_names().map(|(name, _)| name.to_lowercase()).collect();
    names.join("|")
}

/// `["map", "read", "write"]`.
pub(crate) fn rights_toml(rights: Rights) -> String {
    let names: Vec<String> =
        rights.iter_names().map(|(name, _)| format!("\"{}\"", name.to_lowercase())).collect();
    format!("[{}]", names.join(", "))
}

/// `[0x00, 0x10]`.
pub(crate) fn registers_toml(mask: u64) -> String {
    let offsets: Vec<String> =
        registers::offsets(mask).map(|offset| format!("{offset:#04x}")).collect();
    format!("[{}]", offsets.join(", "))
}

/// `queues = [{ heads = [{ count = 4, writes = [64] }] }]`.
pub(crate) fn queues_toml(queues: &[Queue]) -> String {
    let queues: Vec<String> = queues.iter().map(queue_toml).collect();
    format!("queues = [{}]", queues.join(", "))
}

fn queue_toml(queue: &Queue) -> String {
    let shapes: Vec<String> = queue.shapes.iter().map(shape_toml).collect();
    format!("{{ heads = [{}] }}", shapes.join(", "))
}

fn shape_toml(shape: &Shape) -> String {
    let lists = [("reads", &shape.reads), ("writes", &shape.writes)];
    let lists = lists.into_iter().filter(|(_, pieces)| !pieces.is_empty());
    let lists: String = lists.map(|(name, pieces)| format!(", {name} = {pieces:?}")).collect();
    format!("{{ count = {}{lists} }}", shape.heads)
}
