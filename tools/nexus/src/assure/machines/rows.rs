//! The rows of the matrix.

use super::edit::Edit::{self, Add, Cells, Cut, Harts, Reserve, ReserveNode, Text, Texts, Without};

/// What must hold.
#[derive(Debug)]
pub(super) enum Holds {
    /// The prompt comes, all devices have their owners but those it lacks, and each text is said.
    Boots { says: &'static [&'static str], lacks: &'static [&'static str] },
    /// There is no prompt, and each text says why.
    Ends { says: &'static [&'static str] },
}

/// One machine.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// QEMU 7.2 cannot make it.
    pub(super) only_new: bool,
    /// The firmware of QEMU 10 does not run on it: it needs `riscv,isa`, and believes it.
    pub(super) only_old: bool,
    machine: &'static str,
    cpu: &'static str,
    memory: &'static str,
    harts: &'static str,
    legacy: &'static str,
    /// virtio devices: slot, and which.
    plugged: &'static [(u8, Virtio)],
    more: &'static [&'static str],
    pub(super) edits: &'static [Edit],
    pub(super) holds: Holds,
}

#[derive(Clone, Copy, Debug)]
enum Virtio {
    Disk,
    Net,
    Rng,
    Console,
}

use Virtio::{Console, Disk, Net, Rng};

impl Row {
    /// QEMU's arguments, but for kernel, archive, tree and serial port.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = vec![
            "-machine".into(),
            format!("virt{}", self.machine),
            "-cpu".into(),
            self.cpu.into(),
            "-m".into(),
            self.memory.into(),
            "-smp".into(),
            self.harts.into(),
            "-nodefaults".into(),
            "-global".into(),
            format!("virtio-mmio.force-legacy={}", self.legacy),
        ];
        for (slot, kind) in self.plugged {
            let (backend, device) = match kind {
                Disk => (
                    ["-blockdev".into(), format!("driver=null-co,node-name=d{slot},size=16777216")],
                    format!("virtio-blk-device,drive=d{slot}"),
                ),
                Net => (
                    ["-netdev".into(), format!("user,id=n{slot},restrict=on")],
                    format!("virtio-net-device,netdev=n{slot}"),
                ),
                Rng => (
                    ["-object".into(), format!("rng-builtin,id=r{slot}")],
                    format!("virtio-rng-device,rng=r{slot}"),
                ),
                Console => (
                    ["-chardev".into(), format!("null,id=c{slot}")],
                    format!("virtio-serial-device,id=s{slot}"),
                ),
            };
            arguments.extend(backend);
            let device = format!("{device},bus=virtio-mmio-bus.{slot}");
            arguments.extend(["-device".into(), device]);
        }
        arguments.extend(self.more.iter().map(|&more| more.into()));
        arguments
    }
}

const STANDARD: &[(u8, Virtio)] = &[(5, Rng), (0, Disk), (3, Net)];
const ALL: Holds = Holds::Boots { says: &[], lacks: &[] };
/// The budgets of the system and the memory of its devices come to more: who comes too late is not
/// started, and the system ends.
const TOO_LITTLE: Holds = Holds::Ends {
    says: &[
        "consoled is not started: the kernel refused: NoMemory",
        "nobody has the console: giving up",
    ],
};
/// Without a PLIC nobody has a line: who cannot work without one gets nothing, and the console polls.
const NO_LINES: Holds = Holds::Boots {
    says: &[
        "rng0 does not go to rngd: the device tree gives it no single interrupt line",
        "blk0 does not go to virtioblkd: the device tree gives it no single interrupt line",
        "net0 does not go to virtionetd: the device tree gives it no single interrupt line",
    ],
    lacks: &["rng0", "blk0", "net0"],
};
const NO_RTC: Holds = Holds::Boots { says: &[], lacks: &["rtc0"] };

const fn row(name: &'static str) -> Row {
    Row {
        name,
        only_new: false,
        only_old: false,
        machine: "",
        cpu: "rv64",
        memory: "128M",
        harts: "1",
        legacy: "off",
        plugged: STANDARD,
        more: &[],
        edits: &[],
        holds: ALL,
    }
}

const fn memory(name: &'static str, memory: &'static str) -> Row {
    Row { memory, ..row(name) }
}

const fn harts(name: &'static str, harts: &'static str) -> Row {
    Row { harts, ..row(name) }
}

const fn cpu(name: &'static str, cpu: &'static str, says: &'static [&'static str]) -> Row {
    Row { cpu, holds: Holds::Boots { says, lacks: &[] }, ..row(name) }
}

const fn machine(name: &'static str, machine: &'static str) -> Row {
    Row { machine, ..row(name) }
}

const fn plugged(
    name: &'static str,
    plugged: &'static [(u8, Virtio)],
    lacks: &'static [&'static str],
) -> Row {
    Row { plugged, holds: Holds::Boots { says: &[], lacks }, ..row(name) }
}

const fn edited(name: &'static str, edits: &'static [Edit], holds: Holds) -> Row {
    Row { edits, holds, ..row(name) }
}

const fn boots(says: &'static [&'static str]) -> Holds {
    Holds::Boots { says, lacks: &[] }
}

/// A second device of the kind is plugged in: neither is given, and init says so of both.
const fn second(
    name: &'static str,
    all: &'static [(u8, Virtio)],
    lacks: &'static [&'static str],
) -> Row {
    let says = &["goes to nobody"];
    Row { plugged: all, holds: Holds::Boots { says, lacks }, ..row(name) }
}

const RTC: &str = "/soc/rtc@101000";
const MEMORY: &str = "/memory@80000000";
const CPU: &str = "/cpus/cpu@0";
const PLIC: &str = "plic@c000000";

pub(super) const ROWS: &[Row] = &[
    // RAM.
    Row { holds: TOO_LITTLE, ..memory("ram-16m", "16M") },
    memory("ram-32m", "32M"),
    memory("ram-33m", "33M"),
    memory("ram-64m", "64M"),
    memory("ram-128m", "128M"),
    memory("ram-1g", "1G"),
    memory("ram-2g", "2G"),
    memory("ram-3g", "3G"),
    memory("ram-4g", "4G"),
    memory("ram-8g", "8G"),
    // Harts.
    harts("harts-2", "2"),
    harts("harts-4", "4"),
    harts("harts-8", "8"),
    Row { memory: "32M", ..harts("harts-8-ram-32m", "8") },
    edited("harts-170-in-tree", &[Harts(170)], ALL),
    edited("harts-500-in-tree", &[Harts(500)], ALL),
    // CPU models.
    cpu("cpu-without-sstc", "rv64,sstc=false", &["timer: firmware"]),
    cpu("cpu-without-h", "rv64,h=false", &["timer: stimecmp"]),
    cpu("cpu-vector", "rv64,v=true", &["timer: stimecmp"]),
    cpu("cpu-u54", "sifive-u54", &["timer: firmware"]),
    Row { only_new: true, ..cpu("cpu-max", "max", &[]) },
    Row { only_new: true, ..cpu("cpu-rva22", "rva22s64", &[]) },
    Row {
        cpu: "rv64,mmu=false",
        holds: Holds::Ends { says: &["neuron: this hart cannot run the kernel"] },
        ..row("cpu-without-mmu")
    },
    // Interrupt controllers and timers.
    machine("aclint", ",aclint=on"),
    Row { holds: NO_LINES, ..machine("aplic", ",aia=aplic") },
    Row { holds: NO_LINES, ..machine("aplic-imsic", ",aia=aplic-imsic") },
    Row {
        harts: "4",
        holds: NO_LINES,
        ..machine("aplic-imsic-guests", ",aia=aplic-imsic,aia-guests=3,aclint=on")
    },
    edited("no-plic", &[Cut("/soc", PLIC)], NO_LINES),
    edited("plic-off", &[Text("/soc/plic@c000000", "status", "disabled")], NO_LINES),
    // virtio devices.
    plugged("devices-absent", &[], &["rng0", "blk0", "net0"]),
    plugged("disk-absent", &[(5, Rng), (3, Net)], &["blk0"]),
    plugged("reversed", &[(2, Rng), (7, Disk), (4, Net)], &[]),
    plugged("another-kind", &[(5, Rng), (0, Disk), (3, Net), (6, Console)], &[]),
    second("second-disk-below", &[(5, Rng), (0, Disk), (1, Disk), (3, Net)], &["blk0"]),
    second("second-disk-above", &[(5, Rng), (0, Disk), (7, Disk), (3, Net)], &["blk0"]),
    second("second-net", &[(5, Rng), (0, Disk), (1, Net), (3, Net)], &["net0"]),
    second(
        "all-slots",
        &[(0, Disk), (1, Disk), (2, Rng), (3, Rng), (4, Net), (5, Net), (6, Disk), (7, Net)],
        &["rng0", "blk0", "net0"],
    ),
    Row { legacy: "on", ..plugged("legacy", STANDARD, &["rng0", "blk0", "net0"]) },
    Row { more: &["-rtc", "base=2038-01-19T03:14:05"], ..row("clock-2038") },
    // What is reserved.
    edited("reserved-archive", &[Reserve(0x8420_0000, 0x20_0000)], ALL),
    edited("reserved-tree", &[Reserve(0x87e0_0000, 0x20_0000)], ALL),
    edited("reserved-kernel", &[Reserve(0x8020_0000, 0x10_0000)], ALL),
    edited("reserved-upper-half", &[Reserve(0x8400_0000, 0x400_0000)], ALL),
    edited(
        "reserved-both-ways",
        &[
            Reserve(0x8420_0800, 0x1_0001),
            ReserveNode("archive@84200000", &[0, 0x8420_0000, 0, 0x10_0000]),
            Text("/reserved-memory/archive@84200000", "status", "disabled"),
        ],
        ALL,
    ),
    edited(
        "reserved-in-pieces",
        &[
            Reserve(0x8100_0123, 1),
            Reserve(0x8120_1000, 0x1000),
            Reserve(0x8140_3000, 0x1000),
            Reserve(0x8160_5000, 0x1000),
            Reserve(0x8180_7000, 0x1000),
            Reserve(0x81a0_9000, 0x1000),
            Reserve(0x81c0_b000, 0x1000),
            Reserve(0x81e0_d000, 0x1000),
            Reserve(0x8200_f000, 0x1000),
            Reserve(0x8221_1000, 0x1000),
            Reserve(0x8241_3000, 0x1000),
            Reserve(0x8261_5000, 0x1000),
            Reserve(0x8281_7000, 0x1000),
            Reserve(0x82a1_9000, 0x1000),
            Reserve(0x82c1_b000, 0x1000),
        ],
        ALL,
    ),
    edited("reserved-device", &[Reserve(0x10_1000, 8)], NO_RTC),
    edited(
        "reserved-malformed",
        &[ReserveNode("odd@0", &[0, 0x8600_0000, 0])],
        Holds::Ends { says: &["no usable reg of what it reserves"] },
    ),
    // Enough for devices, and nowhere in one piece.
    Row {
        memory: "32M",
        ..edited(
            "reserved-between-devices",
            &[
                Reserve(0x8040_0000, 0x1000),
                Reserve(0x8080_0000, 0x1000),
                Reserve(0x80c0_0000, 0x1000),
                Reserve(0x8100_0000, 0x1000),
                Reserve(0x8140_0000, 0x1000),
                Reserve(0x8180_0000, 0x1000),
                Reserve(0x81c0_0000, 0x1000),
            ],
            Holds::Ends { says: &["frames for devices are free in one piece"] },
        )
    },
    // Banks.
    Row {
        memory: "8G",
        ..edited(
            "banks-apart",
            &[Cells(
                MEMORY,
                "reg",
                &[0, 0x8000_0000, 0, 0x800_0000, 2, 0x7000_0000, 0, 0x800_0000],
            )],
            boots(&["256 MiB of RAM"]),
        )
    },
    // As far as the kernel reaches: a table of all frames between would need more than there is.
    Row {
        machine: ",memory-backend=ram",
        memory: "248G",
        more: &["-object", "memory-backend-ram,id=ram,size=248G,reserve=off"],
        ..edited(
            "banks-far-apart",
            &[Cells(MEMORY, "reg", &[0, 0x8000_0000, 0, 0x400_0000, 0x3e, 0, 0, 0x400_0000])],
            boots(&["128 MiB of RAM"]),
        )
    },
    edited(
        "banks-too-many",
        &[Cells(
            MEMORY,
            "reg",
            &[
                0,
                0x8000_0000,
                0,
                0x400_0000,
                0,
                0x8410_0000,
                0,
                0x10_0000, //
                0,
                0x8430_0000,
                0,
                0x10_0000,
                0,
                0x8450_0000,
                0,
                0x10_0000, //
                0,
                0x8470_0000,
                0,
                0x10_0000,
                0,
                0x8490_0000,
                0,
                0x10_0000, //
                0,
                0x84b0_0000,
                0,
                0x10_0000,
                0,
                0x84d0_0000,
                0,
                0x10_0000, //
                0,
                0x84f0_0000,
                0,
                0x10_0000,
            ],
        )],
        boots(&["71 MiB of RAM", "is not used: too many banks"]),
    ),
    edited("bank-odd", &[Cells(MEMORY, "reg", &[0, 0x8000_0000, 0, 0x7ff_fe01])], ALL),
    edited(
        "bank-off",
        &[
            Cells(MEMORY, "reg", &[0, 0x8000_0000, 0, 0x400_0000]),
            Add("/", "memory@84000000", "a,b", &[0, 0x8400_0000, 0, 0x400_0000]),
            Text("/memory@84000000", "device_type", "memory"),
            Text("/memory@84000000", "status", "disabled"),
        ],
        boots(&["64 MiB of RAM", "/memory@84000000: memory that is not used: its status"]),
    ),
    edited(
        "bank-too-high",
        &[Cells(MEMORY, "reg", &[0, 0x8000_0000, 0, 0x800_0000, 0x80, 0, 0, 0x4000_0000])],
        boots(&["is not used: too high", "128 MiB of RAM"]),
    ),
    edited(
        "bank-malformed",
        &[
            Add("/", "memory@f0000000", "a,b", &[0, 0xf000_0000, 0]),
            Text("/memory@f0000000", "device_type", "memory"),
        ],
        boots(&["/memory@f0000000: memory that is not used"]),
    ),
    // Harts, as their nodes say.
    Row {
        only_old: true,
        ..edited(
            "isa-extensions",
            &[
                Without(CPU, "riscv,isa"),
                Texts(CPU, "riscv,isa-extensions", &["i", "m", "a", "c", "sstc"]),
            ],
            ALL,
        )
    },
    Row {
        only_old: true,
        ..edited("isa-unsaid", &[Without(CPU, "riscv,isa")], boots(&["timer: firmware"]))
    },
    Row {
        harts: "2",
        ..edited("hart-off", &[Text(CPU, "status", "disabled")], boots(&["hart 1,"]))
    },
    Row {
        only_old: true,
        cpu: "rv64,sstc=false",
        ..edited(
            "isa-says-too-much",
            &[Text(CPU, "riscv,isa", "rv64imac_sstc")],
            boots(&["timer: firmware"]),
        )
    },
    // Devices, as their nodes say.
    edited("device-ok", &[Text(RTC, "status", "ok")], ALL),
    edited("device-okay", &[Text(RTC, "status", "okay")], ALL),
    edited("device-off", &[Text(RTC, "status", "disabled")], NO_RTC),
    edited("device-fail", &[Text(RTC, "status", "fail-clock")], NO_RTC),
    edited("device-status-unknown", &[Text(RTC, "status", "maybe")], NO_RTC),
    edited("device-malformed", &[Cells(RTC, "reg", &[0, 0x10_1000, 0])], NO_RTC),
    edited("device-wraps", &[Cells(RTC, "reg", &[u32::MAX, 0xffff_f000, 0, 0x2000])], NO_RTC),
    edited(
        "device-in-part",
        &[Cells(
            "/soc",
            "ranges",
            &[0, 0, 0, 0, 0, 0x10_1010, 0, 0x20_0000, 0, 0x20_0000, 0, 0x3fe0_0000],
        )],
        NO_RTC,
    ),
    edited("device-shared", &[Add("/soc", "spy@101800", "a,spy", &[0, 0x10_1800, 0, 8])], NO_RTC),
    edited(
        "device-over-kernel",
        &[Add("/soc", "iommu@101800", "riscv,iommu", &[0, 0x10_1800, 0, 8])],
        Holds::Boots { says: &["rtc@101000: not usable"], lacks: &["rtc0"] },
    ),
    edited(
        "device-over-ram",
        &[Add("/soc", "spy@90000000", "a,spy", &[0, 0x8700_0000, 0, 0x1000])],
        boots(&["/soc/spy@90000000: not usable: it overlaps"]),
    ),
    edited(
        "device-twice",
        &[Add("/soc", "rtc@f000000", "google,goldfish-rtc", &[0, 0xf00_0000, 0, 0x1000])],
        boots(&["rtc@f000000 goes to nobody"]),
    ),
    edited(
        "slot-off",
        &[Text("/soc/virtio_mmio@10006000", "status", "disabled")],
        Holds::Boots { says: &[], lacks: &["rng0"] },
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn test_rows_have_names_of_their_own_and_lack_what_there_is() {
        let names: BTreeSet<&str> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
        for row in ROWS {
            if let Holds::Boots { lacks, .. } = &row.holds {
                assert!(lacks.iter().all(|name| super::super::DEVICES.contains(name)));
            }
        }
    }
}
