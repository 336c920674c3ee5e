//! The startup block: one page that tells a new process what it holds.
//!
//! The kernel writes it for init, init writes it for every other process. It is mapped read-only,
//! and its address is the argument of the first thread.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First word of a startup block: "NXSTART1" in ASCII, little endian.
pub const STARTUP_MAGIC: u64 = 0x3154_5241_5453_584e;

/// What a startup capability is for. A role is how init tells a process about its handles; it
/// gives no authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The endpoint that this process serves (RECV). `index` is 0.
    Serve,
    /// An endpoint to call (SEND). `index` is the service id of its server.
    Service,
    /// A device window. `index` is the number of the device in the system description,
    /// `len` its bytes.
    Window,
    /// Memory with the compiled system description, read-only. `len` is its bytes.
    Description,
    /// Init only: a root window. `base` and `len` are physical.
    RootWindow,
    /// Init only: the authority to make processes.
    Spawn,
    /// Init only: the authority to write to the kernel's console.
    Console,
    /// Init only: memory with the boot archive, read-only. `len` is its bytes.
    BootArchive,
    /// Init only: memory with the device tree, read-only. `base` is the offset of its first byte
    /// in the memory object, `len` is its bytes.
    DeviceTree,
    /// The interrupt line of a device window. `index` is the number of the device.
    Line,
    /// Init only: every interrupt line that is not the kernel's. `base` is the number of the first,
    /// `len` how many.
    Lines,
    /// The pool of a device. `index` is the number of the device, `len` its bytes, and `base` the
    /// features that were agreed with the device.
    Pool,
    /// The used rings of a device, to be read. `index` is the number of the device, `len` its bytes.
    Used,
    /// Memory that is shared with one other service, for a ring: to be read and written. `index` is the
    /// service id of the peer, `len` its bytes, and `base` the bit by which this process is told of it.
    Ring,
    /// The notification of the peer in a ring (SEND). `index` is its service id, `base` the bit to signal.
    Tell,
    /// The notification by which this process is told of its rings, and of its line, and asked whether it
    /// answers. `index` is 0.
    Told,
    /// logd only: the memory that the ledger lies in, to be read and written. It outlives each life of
    /// logd. `len` is its bytes.
    Record,
    /// What this process signals when it is asked whether it answers (SEND). `base` is the bit.
    Answer,
}

impl Role {
    /// As it stands in the block.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Role::Serve => 1,
            Role::Service => 2,
            Role::Window => 3,
            Role::Description => 4,
            Role::RootWindow => 5,
            Role::Spawn => 6,
            Role::Console => 7,
            Role::BootArchive => 8,
            Role::DeviceTree => 9,
            Role::Line => 10,
            Role::Lines => 11,
            Role::Pool => 12,
            Role::Used => 13,
            Role::Ring => 14,
            Role::Tell => 15,
            Role::Told => 16,
            Role::Record => 17,
            Role::Answer => 18,
        }
    }
}

/// The bit of [`Role::Told`] by which a process is asked whether it answers.
pub const ASKED: u64 = 1 << 62;

/// One entry of the startup block.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StartupCap {
    /// [`Role::code`].
    pub role: u32,
    /// Meaning depends on the role.
    pub index: u32,
    /// The handle, valid in the process that gets the block.
    pub handle: u64,
    /// Meaning depends on the role; a physical address only in init's block.
    pub base: u64,
    /// Bytes, where the role has a size.
    pub len: u64,
}

/// The startup block. Exactly one page.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Startup {
    /// [`STARTUP_MAGIC`].
    pub magic: u64,
    /// Who this process is, as the kernel stamps it on its messages.
    pub service_id: u32,
    /// Which life it is.
    pub incarnation: u32,
    /// Ticks of the `time` CSR in a second.
    pub timebase_hz: u64,
    /// Number of this run, from the boot archive, so that records of two runs cannot be confused.
    pub nonce: u64,
    /// First virtual address past the image, startup block and stack: free for the heap.
    pub free_va: u64,
    /// Entries used in `caps`.
    pub count: u64,
    /// Reserved, zero.
    pub reserved: [u64; 2],
    /// What the process holds.
    pub caps: [StartupCap; 126],
}

impl Startup {
    /// An empty block.
    #[must_use]
    pub fn new(service_id: u32, incarnation: u32, timebase_hz: u64, nonce: u64) -> Startup {
        Startup {
            magic: STARTUP_MAGIC,
            service_id,
            incarnation,
            timebase_hz,
            nonce,
            free_va: 0,
            count: 0,
            reserved: [0; 2],
            caps: [StartupCap::default(); 126],
        }
    }

    /// Appends an entry; false when the block is full.
    pub fn push(&mut self, cap: StartupCap) -> bool {
        let slot = usize::try_from(self.count).ok().and_then(|index| self.caps.get_mut(index));
        let Some(slot) = slot else { return false };
        *slot = cap;
        self.count = self.count.wrapping_add(1);
        true
    }

    /// The entries with `role`.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &StartupCap> {
        let count = usize::try_from(self.count).unwrap_or(0);
        self.caps.iter().take(count).filter(move |cap| cap.role == role.code())
    }
}

const _: () = assert!(size_of::<Startup>() == 4096);
