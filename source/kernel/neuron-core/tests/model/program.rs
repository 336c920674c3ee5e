//! Random programs.

use proptest::prelude::*;

/// A choice among the handles that there are.
#[derive(Clone, Copy, Debug)]
pub enum Pick {
    /// One of the actor's that fits the call.
    Fit(u8),
    /// Any of the actor's.
    Own(u8),
    /// Anybody's.
    Any(u8),
    /// One that is no more.
    Dead(u8),
    /// One of the actor's, changed.
    Bent(u8, u64),
    /// NONE.
    Nothing,
}

#[derive(Clone, Debug)]
pub enum Call {
    Endpoint,
    Notification,
    Memory {
        pages: u64,
    },
    Derive {
        cap: Pick,
        rights: u64,
        offset: u64,
        len: u64,
    },
    Drop {
        cap: Pick,
    },
    Revoke {
        cap: Pick,
    },
    Install {
        target: Pick,
        cap: Pick,
        rights: u64,
    },
    MapMemory {
        target: Pick,
        cap: Pick,
        place: [u64; 4],
    },
    MapDevice {
        cap: Pick,
        place: [u64; 4],
    },
    Unmap {
        va: u64,
    },
    Protect {
        va: u64,
        prot: u64,
    },
    Seal {
        cap: Pick,
    },
    Spawn {
        cap: Pick,
        service: u64,
        frames: u32,
        objects: u32,
    },
    End {
        target: Pick,
    },
    Fault,
    /// A message to another process, with capabilities; or the answer to one.
    Pass {
        to: u8,
        caps: Vec<Pick>,
        answer: bool,
    },
}

/// One call of one process, at which an allocation may fail.
#[derive(Clone, Debug)]
pub struct Step {
    pub actor: u8,
    pub call: Call,
    pub fail: Option<u8>,
}

/// What every program begins with: two processes, an endpoint between them, and a window for each,
/// one of which it may pass on. Handles are told by their place among init's that can be granted:
/// three windows, two authorities, the archive; then the processes with their threads.
pub fn beginning() -> Vec<Call> {
    let spawn = |service| Call::Spawn { cap: Pick::Fit(0), service, frames: 50, objects: 100 };
    let install = |target, cap, rights| Call::Install {
        target: Pick::Fit(target),
        cap: Pick::Fit(cap),
        rights,
    };
    let window = |page: u64| Call::Derive {
        cap: Pick::Fit(0),
        rights: 0x3c7,
        offset: page * 4096,
        len: 4 * 4096,
    };
    vec![
        spawn(2),
        spawn(3),
        Call::Endpoint,
        install(0, 10, 0x30),
        install(1, 10, 0x30),
        window(0),
        install(0, 11, 0x7),
        window(8),
        install(1, 12, 0x87),
        install(0, 3, 0x3c0),
    ]
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![
        24 => any::<u8>().prop_map(Pick::Fit),
        3 => any::<u8>().prop_map(Pick::Own),
        1 => any::<u8>().prop_map(Pick::Any),
        1 => any::<u8>().prop_map(Pick::Dead),
        1 => (any::<u8>(), bend()).prop_map(|(n, bits)| Pick::Bent(n, bits)),
    ]
}

fn target() -> impl Strategy<Value = Pick> {
    prop_oneof![2 => pick(), 1 => Just(Pick::Nothing)]
}

fn bend() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(1),
        Just(1 << 32),
        Just(2 << 32),
        Just(1 << 31),
        Just(1 << 63),
        any::<u64>().prop_map(|bits| bits | 1),
    ]
}

/// Bytes: some pages, or what is wrong.
fn size() -> impl Strategy<Value = u64> {
    prop_oneof![
        12 => (0u64..5).prop_map(|pages| pages * 4096),
        2 => (0u64..20).prop_map(|pages| pages * 4096),
        1 => prop::sample::select(vec![1, 0x800, 4095, 4097, 1 << 21, (1 << 21) + 4096, 1 << 40]),
        1 => prop::sample::select(vec![!4095, u64::MAX, 1 << 63]),
    ]
}

const VA: u64 = 0x10_0000_0000;

fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        10 => (0u64..10).prop_map(|page| VA + page * 4096),
        3 => (0u64..6).prop_map(|page| VA + 0x20_0000 - 3 * 4096 + page * 4096),
        2 => (0u64..6).prop_map(|page| VA + 0x4000_0000 - 3 * 4096 + page * 4096),
        1 => prop::sample::select(vec![
            0, 4096, VA + 8, VA + 4095, 1 << 38, (1 << 38) - 4096, (1 << 38) - 8192, 1 << 39,
            1 << 63, !4095, u64::MAX,
        ]),
    ]
}

fn prot() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => Just(1u64),
        4 => Just(3u64),
        2 => Just(5u64),
        1 => prop::sample::select(vec![0u64, 2, 4, 6, 7, 8, 9, 1 << 8, (1 << 32) | 1, u64::MAX]),
    ]
}

fn rights() -> impl Strategy<Value = u64> {
    prop_oneof![
        // To use; all of a window; all of memory; all of an endpoint; anything.
        4 => Just(7u64),
        4 => Just(0x3c7u64),
        2 => Just(0x3cfu64),
        2 => Just(0x3f0u64),
        2 => Just(0xf0u64),
        3 => 0u64..1024,
        1 => prop::sample::select(vec![1u64 << 10, 1 << 16, 1 << 63, u64::MAX]),
    ]
}

fn place() -> impl Strategy<Value = [u64; 4]> {
    let good = (0u64..2, 1u64..4, 0u64..24, prop::sample::select(vec![1u64, 3, 5]));
    prop_oneof![
        3 => good.prop_map(|(first, pages, page, prot)| {
            [first * 4096, pages * 4096, VA + page * 4096, prot]
        }),
        2 => (size(), size(), address(), prot())
            .prop_map(|(offset, len, va, prot)| [offset, len, va, prot]),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        2 => Just(Call::Endpoint),
        1 => Just(Call::Notification),
        3 => prop_oneof![8 => 1u64..6, 1 => prop::sample::select(vec![0, 40, 513, 1 << 32, u64::MAX])]
            .prop_map(|pages| Call::Memory { pages }),
        8 => (pick(), rights(), size(), size())
            .prop_map(|(cap, rights, offset, len)| Call::Derive { cap, rights, offset, len }),
        2 => pick().prop_map(|cap| Call::Drop { cap }),
        1 => pick().prop_map(|cap| Call::Revoke { cap }),
        8 => (target(), pick(), rights())
            .prop_map(|(target, cap, rights)| Call::Install { target, cap, rights }),
        8 => (target(), pick(), place())
            .prop_map(|(target, cap, place)| Call::MapMemory { target, cap, place }),
        9 => (pick(), place()).prop_map(|(cap, place)| Call::MapDevice { cap, place }),
        3 => address().prop_map(|va| Call::Unmap { va }),
        4 => (address(), prot()).prop_map(|(va, prot)| Call::Protect { va, prot }),
        1 => pick().prop_map(|cap| Call::Seal { cap }),
        4 => (
            pick(),
            prop_oneof![6 => 2u64..9, 1 => prop::sample::select(vec![0, 1024, 1 << 32])],
            prop_oneof![6 => 8u32..60, 1 => 0u32..3, 1 => Just(u32::MAX)],
            prop_oneof![6 => 20u32..120, 1 => 0u32..12, 1 => Just(u32::MAX)],
        )
            .prop_map(|(cap, service, frames, objects)| Call::Spawn {
                cap, service, frames, objects
            }),
        1 => target().prop_map(|target| Call::End { target }),
        1 => Just(Call::Fault),
        8 => (any::<u8>(), prop::collection::vec(pick(), 0..5), any::<bool>())
            .prop_map(|(to, caps, answer)| Call::Pass { to, caps, answer }),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let fail = prop_oneof![9 => Just(None), 1 => (0u8..6).prop_map(Some)];
    (any::<u8>(), call(), fail).prop_map(|(actor, call, fail)| Step { actor, call, fail })
}
