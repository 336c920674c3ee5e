//! The checker sees: each kind of damage, done by hand, breaks the rule that names it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::hash::Hash;
use std::vec::Vec;

use nexus_abi::{Handle, LineState, Message, NO_DEADLINE, PAGE_SIZE, Prot, Rights, Syscall, regs};

use super::{Digest, Rule, Violation};
use crate::object::capability::{Capability, CapabilityKind};
use crate::object::endpoint::Waiting;
use crate::object::line::{Line, Receiver};
use crate::object::mapping::Mapping;
use crate::object::process::Process;
use crate::object::thread::{Queue, State, Thread};
use crate::object::window::Window;
use crate::platform::{PhysMem, Platform};
use crate::sim::{Child, User, World, run};
use crate::store::addr::{Frame, Page};
use crate::store::frames::FrameUse;
use crate::store::list::{Links, List};
use crate::store::pool::Id;
use crate::store::pte::{Leaf, Pte};

const VA: u64 = 0x10_0000_0000;

/// A world with something of everything in it.
struct Scene {
    child: Child,
    /// A second process, with a window of two pages.
    owner: Child,
    endpoint: Handle,
    notification: Handle,
    memory: Handle,
    /// The owner's window, and the one that init keeps.
    window: Handle,
    kept: Handle,
    /// Waits with a deadline.
    waiter: User,
}

fn scene(w: &mut World<'_>) -> Scene {
    let child = w.child(7, 64, 128);
    let owner = w.child(8, 64, 128);
    let endpoint = w.endpoint_create(child.user).unwrap();
    let notification = w.notification_create(child.user).unwrap();
    let memory = w.vmo_create(child.user, 4).unwrap();
    w.vmo_map(child.user, memory, 3 * PAGE_SIZE, VA, Prot::READ | Prot::WRITE).unwrap();
    let kept = {
        let rights = w.rights(w.roots[0]).unwrap();
        w.derive_part(w.init, w.roots[0], rights, 0, 2 * PAGE_SIZE).unwrap()
    };
    let rights = Rights::MAP | Rights::READ | Rights::WRITE;
    let window = w.install(w.init, owner.process, kept, rights).unwrap();
    w.mmio_map(owner.user, window, 0, 2 * PAGE_SIZE, VA, Prot::READ).unwrap();
    let (_, waiter) = w.thread_in(child.process, 9);
    let deadline = w.now() + 100_000;
    w.start(waiter, Syscall::Wait, &[notification.0, deadline]);
    w.enter(w.init);
    w.check();
    Scene { child, owner, endpoint, notification, memory, window, kept, waiter }
}

impl Scene {
    fn cap(&self, w: &World<'_>, handle: Handle) -> Id<Capability> {
        w.kernel.caps.by_handle(handle).unwrap().0
    }

    fn process(&self, w: &World<'_>, child: Child) -> Id<Process> {
        w.process(child.user).unwrap()
    }

    fn mapping(&self, w: &World<'_>, handle: Handle) -> Id<Mapping> {
        w.kernel.caps.get(self.cap(w, handle)).unwrap().mappings.first().unwrap()
    }

    /// Root, middle and last-level table of a process, for [`VA`].
    fn tables(&self, w: &World<'_>, child: Child) -> [Frame; 3] {
        let root = w.kernel.processes.get(self.process(w, child)).unwrap().space().unwrap().root;
        let next = |table: Frame, index| {
            Pte::from_word(w.kernel.platform.read(table, index)).next_table().unwrap()
        };
        let middle = next(root, 64);
        [root, middle, next(middle, 0)]
    }
}

/// Damages a scene, and finds that the checker names one of these rules.
fn breaks(rules: &[Rule], damage: impl FnOnce(&mut World<'_>, &Scene)) {
    run(|w| {
        let scene = scene(w);
        assert_eq!(w.find(), Ok(()));
        damage(w, &scene);
        let found = w.find().and_then(|()| w.kernel.check_current());
        match found {
            Err(Violation { rule, .. }) => assert!(rules.contains(&rule), "{rule:?}"),
            Ok(()) => panic!("nothing found; expected {rules:?}"),
        }
    });
}

#[test]
fn capabilities() {
    breaks(&[Rule::CapOwner], |w, s| {
        let (id, other) = (s.cap(w, s.memory), s.process(w, s.owner));
        w.kernel.caps.get_mut(id).unwrap().owner = other;
    });
    breaks(&[Rule::CapRights], |w, s| {
        let kept = s.cap(w, s.kept);
        w.kernel.caps.get_mut(kept).unwrap().rights.remove(Rights::READ);
    });
    breaks(&[Rule::CapKind], |w, s| {
        let id = s.cap(w, s.window);
        let kind = CapabilityKind::DeviceMmio(Window::unchecked(0x1000_0000, 4 * PAGE_SIZE));
        w.kernel.caps.get_mut(id).unwrap().kind = kind;
    });
    breaks(&[Rule::CapCount], |w, s| {
        let id = s.cap(w, s.kept);
        w.kernel.caps.get_mut(id).unwrap().child_count = 2;
    });
    breaks(&[Rule::CapCount], |w, s| {
        let id = s.cap(w, s.memory);
        w.kernel.caps.get_mut(id).unwrap().mapped_pages = 1;
    });
    breaks(&[Rule::CapParent, Rule::CapRoot], |w, s| {
        let id = s.cap(w, s.endpoint);
        w.kernel.caps.get_mut(id).unwrap().parent = None;
    });
    breaks(&[Rule::CapAnchor], |w, s| {
        let parent = w.kernel.caps.get(s.cap(w, s.endpoint)).unwrap().parent.unwrap();
        w.kernel.caps.get_mut(parent).unwrap().rights = Rights::SEND;
    });
    breaks(&[Rule::ListMember, Rule::CapParent, Rule::ListLinks], |w, s| {
        // In no list of its process any more.
        let (id, process) = (s.cap(w, s.endpoint), s.process(w, s.child));
        let kernel = &mut w.kernel;
        kernel.processes.get_mut(process).unwrap().held.remove(&mut kernel.caps, id).unwrap();
    });
}

#[test]
fn masks() {
    // Of what init keeps, and of what its owner has.
    let masked = |w: &mut World<'_>, s: &Scene| {
        let (root, rights) = (w.roots[0], w.rights(s.kept).unwrap());
        let kept = w.derive_part(w.init, root, rights, 4 * PAGE_SIZE, 2 * PAGE_SIZE).unwrap();
        w.cap_limit(w.init, kept, 0b11).unwrap();
        let use_it = Rights::MAP | Rights::READ | Rights::WRITE;
        let window = w.install(w.init, s.owner.process, kept, use_it).unwrap();
        let va = VA + 16 * PAGE_SIZE;
        w.mmio_map(s.owner.user, window, 0, PAGE_SIZE, va, Prot::READ).unwrap();
        [s.cap(w, kept), s.cap(w, window)]
    };
    let place = |w: &World<'_>, id| w.kernel.caps.get(id).unwrap().registers().unwrap();
    breaks(&[Rule::WindowMask], |w, s| {
        let [_, window] = masked(w, s);
        let place = place(w, window);
        w.kernel.registers.get_mut(place).unwrap().mask = 0b101;
    });
    breaks(&[Rule::WindowMask], |w, s| {
        let [kept, _] = masked(w, s);
        let place = place(w, kept);
        w.kernel.registers.get_mut(place).unwrap().mask = 0;
    });
    breaks(&[Rule::WindowMask], |w, s| {
        let [kept, _] = masked(w, s);
        let memory = s.cap(w, s.memory);
        let place = place(w, kept);
        w.kernel.caps.get_mut(memory).unwrap().set_registers(Some(place));
    });
    breaks(&[Rule::DevicePage], |w, s| {
        let [kept, window] = masked(w, s);
        let place = place(w, kept);
        w.kernel.caps.get_mut(window).unwrap().set_registers(Some(place));
    });
    breaks(&[Rule::DevicePage], |w, s| {
        let [kept, _] = masked(w, s);
        let place = place(w, kept);
        w.kernel.registers.get_mut(place).unwrap().frame = Frame::at(0x1000_0000).unwrap();
    });
    // User, not writable, executable, or of another page; and one that belongs to nobody.
    for change in [1 << 4, 1 << 2, 1 << 3, 1 << 10] {
        breaks(&[Rule::DevicePage], |w, s| {
            let [_, window] = masked(w, s);
            let place = place(w, window).slot();
            let entry = w.kernel.platform.device_entry(place);
            w.kernel.platform.set_device(place, entry ^ change);
            w.kernel.platform.fence_kernel();
        });
    }
    breaks(&[Rule::DevicePage], |w, s| {
        masked(w, s);
        w.kernel.platform.set_device(511, Pte::device(Frame::at(0x1000_0000).unwrap()).word());
        w.kernel.platform.fence_kernel();
    });
    breaks(&[Rule::WindowUse], |w, s| {
        let [_, window] = masked(w, s);
        let mapping = w.kernel.caps.get(window).unwrap().mappings.first().unwrap();
        w.kernel.mappings.get_mut(mapping).unwrap().leaf = Leaf::ReadWrite;
    });
    breaks(&[Rule::FenceMissing], |w, s| {
        let [_, window] = masked(w, s);
        let place = place(w, window).slot();
        let entry = w.kernel.platform.device_entry(place);
        w.kernel.platform.fence_kernel();
        w.kernel.platform.set_device(place, entry);
    });
}

#[test]
fn memory_of_devices() {
    use crate::object::dma::Role;
    use crate::sim::{Config, run_with};

    // A table of a page, with one descriptor, and a pool of two.
    let damaged = |rule: Rule, damage: &dyn Fn(&mut World<'_>, [Handle; 2])| {
        let config = Config { device: 400, ..Config::default() };
        run_with(&config, |w| {
            let keep = w.rights(w.roots[0]).unwrap();
            let keep = keep.difference(Rights::DERIVE | Rights::WRITE);
            let window = w.derive_part(w.init, w.roots[0], keep, 0, PAGE_SIZE).unwrap();
            w.cap_limit(w.init, window, 0).unwrap();
            let mut make =
                |args: [u64; 3]| Handle(w.call(w.init, Syscall::DmaCreate, &args).unwrap());
            let made = [make([window.0, 1, 0]), make([window.0, 2, 1])];
            let args = [made[0].0, 3, made[1].0, 16, 32, 2];
            w.call(w.init, Syscall::DmaPlace, &args).unwrap();
            w.vmo_map(w.init, made[1], PAGE_SIZE, VA, Prot::READ).unwrap();
            assert_eq!(w.find(), Ok(()));
            damage(w, made);
            assert_eq!(w.find().map_err(|found| found.rule), Err(rule));
        });
    };
    let vmo_of = |w: &World<'_>, handle: Handle| {
        let (_, cap) = w.kernel.caps.by_handle(handle).unwrap();
        let CapabilityKind::Vmo(vmo) = cap.kind else { panic!("no memory") };
        vmo
    };
    // A descriptor elsewhere, past the end, or for a table that the device would write.
    for (word, value) in [(6, 0x8000_0000), (7, (2 << 32) | (3 * PAGE_SIZE)), (7, (4 << 32) | 32)] {
        damaged(Rule::Descriptor, &|w, [table, _]| {
            let frame = w.frames_of(table)[0];
            w.kernel.platform.machine.write(frame, word, value);
        });
    }
    // A mapping of what is a table, which then has no descriptor; by a right to execute it.
    damaged(Rule::DeviceMemory, &|w, [table, pool]| {
        let frame = w.frames_of(table)[0];
        w.kernel.platform.machine.zero(frame);
        let memory = w.kernel.vmos.get(vmo_of(w, pool)).unwrap().device.unwrap();
        w.kernel.memories.get_mut(memory).unwrap().role = Role::Table;
    });
    damaged(Rule::DeviceMemory, &|w, [_, pool]| {
        let (id, _) = w.kernel.caps.by_handle(pool).unwrap();
        w.kernel.caps.get_mut(id).unwrap().rights |= Rights::EXEC;
    });
    // An object that its entry does not name.
    damaged(Rule::DeviceMemory, &|w, [table, pool]| {
        let memory = w.kernel.vmos.get(vmo_of(w, pool)).unwrap().device;
        let table = vmo_of(w, table);
        w.kernel.vmos.get_mut(table).unwrap().device = memory;
    });
}

#[test]
fn windows() {
    let window = |w: &mut World<'_>, id: Id<Capability>, base, len| {
        w.kernel.caps.get_mut(id).unwrap().kind =
            CapabilityKind::DeviceMmio(Window::unchecked(base, len));
    };
    breaks(&[Rule::WindowRange], |w, _| {
        let (root, _) = w.kernel.caps.by_handle(w.roots[1]).unwrap();
        window(w, root, crate::sim::RAM_BASE + 5 * PAGE_SIZE, PAGE_SIZE);
    });
    breaks(&[Rule::WindowRange], |w, _| {
        let (root, _) = w.kernel.caps.by_handle(w.roots[1]).unwrap();
        window(w, root, crate::sim::RAM_BASE - PAGE_SIZE, 1 << 40);
    });
    breaks(&[Rule::WindowRange], |w, _| {
        let (root, _) = w.kernel.caps.by_handle(w.roots[1]).unwrap();
        window(w, root, 0x10_1800, PAGE_SIZE);
    });
    breaks(&[Rule::WindowRange], |w, _| {
        let (root, _) = w.kernel.caps.by_handle(w.roots[1]).unwrap();
        w.kernel.caps.get_mut(root).unwrap().rights |= Rights::EXEC;
    });
    breaks(&[Rule::CapOverlap], |w, _| {
        let (root, _) = w.kernel.caps.by_handle(w.roots[1]).unwrap();
        window(w, root, 0x1000_0000, PAGE_SIZE);
    });
    breaks(&[Rule::WindowUse], |w, s| {
        let id = s.cap(w, s.window);
        w.kernel.caps.get_mut(id).unwrap().rights |= Rights::DERIVE;
    });
    breaks(&[Rule::WindowUse, Rule::MappingRights], |w, s| {
        let id = s.cap(w, s.window);
        w.kernel.caps.get_mut(id).unwrap().rights.remove(Rights::MAP);
    });
}

#[test]
fn objects() {
    breaks(&[Rule::ObjectAnchor], |w, s| {
        let memory = s.cap(w, s.memory);
        let CapabilityKind::Endpoint(endpoint) =
            w.kernel.caps.get(s.cap(w, s.endpoint)).unwrap().kind
        else {
            panic!()
        };
        w.kernel.endpoints.get_mut(endpoint).unwrap().anchor = memory;
    });
    breaks(&[Rule::VmoWritable], |w, s| vmo(w, s).writable = 0);
    breaks(&[Rule::VmoSeal], |w, s| vmo(w, s).sealed = true);
    breaks(&[Rule::FrameUse, Rule::AccountFrames], |w, s| {
        // The frames of another.
        let own = vmo(w, s).pages;
        let other = w.kernel.vmos.iter().map(|(_, vmo)| vmo.pages).find(|pages| *pages != own);
        vmo(w, s).pages = other.unwrap();
    });
    breaks(&[Rule::VmoCleared], |w, s| vmo(w, s).cleared = 0);
    breaks(&[Rule::NotificationWaiter], |w, s| {
        let CapabilityKind::Notification(id) =
            w.kernel.caps.get(s.cap(w, s.notification)).unwrap().kind
        else {
            panic!()
        };
        w.kernel.notifications.get_mut(id).unwrap().bits = 1;
    });
    breaks(&[Rule::EndpointQueue], |w, s| {
        w.receive(s.child.user, s.endpoint);
        let CapabilityKind::Endpoint(id) = w.kernel.caps.get(s.cap(w, s.endpoint)).unwrap().kind
        else {
            panic!()
        };
        w.kernel.endpoints.get_mut(id).unwrap().waiting = Waiting::Senders;
    });
}

#[test]
fn waits_and_bindings() {
    breaks(&[Rule::WaitRight], |w, s| {
        let other = s.endpoint;
        w.frame(s.waiter).set(regs::A0, other.0);
    });
    breaks(&[Rule::WaitRight], |w, s| {
        w.receive(s.child.user, s.endpoint);
        let id = s.cap(w, s.endpoint);
        w.kernel.caps.get_mut(id).unwrap().rights.remove(Rights::RECV);
    });
    for side in 0..2 {
        breaks(&[Rule::Binding], |w, s| {
            let made = [bound(w, s), s.endpoint][side];
            let id = s.cap(w, made);
            w.kernel.caps.get_mut(id).unwrap().rights.remove(Rights::RECV);
        });
        breaks(&[Rule::Binding], |w, s| {
            let made = [bound(w, s), s.endpoint][side];
            let id = s.cap(w, made);
            match w.kernel.caps.get(id).unwrap().kind {
                CapabilityKind::Endpoint(id) => {
                    w.kernel.endpoints.get_mut(id).unwrap().bound = None;
                }
                CapabilityKind::Notification(id) => {
                    w.kernel.notifications.get_mut(id).unwrap().bound = None;
                }
                _ => panic!(),
            }
        });
    }
}

/// Binds a new notification to the endpoint of a scene.
fn bound(w: &mut World<'_>, s: &Scene) -> Handle {
    let notification = w.notification_create(s.child.user).unwrap();
    w.endpoint_bind(s.child.user, s.endpoint, notification).unwrap();
    notification
}

fn vmo<'w>(w: &'w mut World<'_>, s: &Scene) -> &'w mut crate::object::endpoint::Vmo {
    let CapabilityKind::Vmo(id) = w.kernel.caps.get(s.cap(w, s.memory)).unwrap().kind else {
        panic!()
    };
    w.kernel.vmos.get_mut(id).unwrap()
}

/// Writes a word of the last-level table of the child, past the ledger.
fn poke(w: &mut World<'_>, s: &Scene, child: Child, index: usize, change: impl Fn(u64) -> u64) {
    let [.., table] = s.tables(w, child);
    let word = w.kernel.platform.read(table, index);
    w.kernel.platform.machine.write(table, index, change(word));
}

#[test]
fn leaves() {
    // Executable, global, not for user mode, reserved bits, another frame, not there.
    for bit in [3, 5, 8, 9, 54, 61, 63] {
        breaks(&[Rule::LeafBits], |w, s| poke(w, s, s.child, 1, |word| word | 1 << bit));
    }
    for bit in [1, 2, 4, 6, 7] {
        breaks(&[Rule::LeafBits], |w, s| poke(w, s, s.child, 1, |word| word & !(1 << bit)));
    }
    breaks(&[Rule::LeafFrame, Rule::LeafBits], |w, s| {
        poke(w, s, s.child, 1, |word| word + (1 << 10));
    });
    breaks(&[Rule::LeafFrame], |w, s| poke(w, s, s.child, 2, |word| word + (1 << 20)));
    breaks(&[Rule::LeafFrame], |w, s| poke(w, s, s.owner, 1, |word| word + (1 << 10)));
    // Both pages of the window, moved past its end and before its beginning.
    breaks(&[Rule::LeafFrame], |w, s| {
        for page in [0, 1] {
            poke(w, s, s.owner, page, |word| word + (1 << 10));
        }
    });
    breaks(&[Rule::LeafFrame], |w, s| {
        for page in [0, 1] {
            poke(w, s, s.owner, page, |word| word - (1 << 10));
        }
    });
    breaks(&[Rule::LeafBits], |w, s| poke(w, s, s.owner, 0, |word| word | 8));
    breaks(&[Rule::LeafStale], |w, s| poke(w, s, s.child, 2, |_| 0));
    // A leaf too many, and one in a place of another mapping.
    breaks(&[Rule::LeafReason], |w, s| poke(w, s, s.child, 40, |_| 0x2000_04d7));
    breaks(&[Rule::LeafReason], |w, s| {
        let [.., table] = s.tables(w, s.child);
        let reason = u64::from(s.mapping(w, s.window).slot());
        let record = w.kernel.frames.record(table).unwrap();
        w.kernel.platform.machine.write(record, 1, reason);
    });
    breaks(&[Rule::LeafStale], |w, s| {
        let [.., table] = s.tables(w, s.child);
        let record = w.kernel.frames.record(table).unwrap();
        w.kernel.platform.machine.write(record, 100, 1);
    });
    breaks(&[Rule::LeafCount], |w, s| {
        let [.., table] = s.tables(w, s.child);
        w.kernel.platform.machine.write(table, 2, 0);
        let record = w.kernel.frames.record(table).unwrap();
        w.kernel.platform.machine.write(record, 2, 0);
        w.kernel.frames.count_entries(table, -1);
    });
}

#[test]
fn tables() {
    breaks(&[Rule::TableEntry], |w, s| {
        // A large page.
        let [_, middle, _] = s.tables(w, s.child);
        w.kernel.platform.machine.write(middle, 9, (0x8_0000 << 10) | 0xd7);
    });
    breaks(&[Rule::TableEntry], |w, s| {
        let [root, ..] = s.tables(w, s.child);
        let word = w.kernel.platform.read(root, 64);
        w.kernel.platform.machine.write(root, 64, word | 1 << 4);
    });
    breaks(&[Rule::TableEntry], |w, s| {
        let [root, ..] = s.tables(w, s.child);
        w.kernel.platform.machine.write(root, 65, 2);
    });
    breaks(&[Rule::FrameUse], |w, s| {
        // One table in two places.
        let [root, ..] = s.tables(w, s.child);
        let word = w.kernel.platform.read(root, 64);
        w.kernel.platform.machine.write(root, 65, word);
    });
    breaks(&[Rule::TableCount], |w, s| {
        let [_, middle, _] = s.tables(w, s.child);
        w.kernel.frames.count_entries(middle, 1);
    });
    for (index, word) in [(256, 0), (300, (0x8_0000 << 10) | 0xf7), (511, 1)] {
        breaks(&[Rule::KernelHalf], move |w, s| {
            let [root, ..] = s.tables(w, s.owner);
            w.kernel.platform.machine.write(root, index, word);
        });
    }
}

#[test]
fn write_and_execute() {
    breaks(&[Rule::FrameWx, Rule::VmoSeal], |w, s| {
        // A second mapping of the same memory, made executable behind the kernel's back.
        w.vmo_map_into(s.child.user, Handle::NONE, s.memory, 0, PAGE_SIZE, VA + 0x8000, Prot::READ)
            .unwrap();
        let id = w.kernel.caps.get(s.cap(w, s.memory)).unwrap().mappings.first().unwrap();
        let second =
            List::<Mapping, crate::object::mapping::ThroughCap>::next(&w.kernel.mappings, id);
        let second = second.unwrap();
        w.kernel.mappings.get_mut(second).unwrap().leaf = Leaf::ReadExec;
        poke(w, s, s.child, 8, |word| word | 8);
        w.enter(w.init);
    });
}

#[test]
fn frames() {
    breaks(&[Rule::FrameUse, Rule::FrameFree], |w, _| {
        // Taken, and nobody has it.
        w.kernel.frames.alloc(FrameUse::Memory).unwrap();
    });
    breaks(&[Rule::FrameFree, Rule::FrameUse], |w, s| {
        // Given back, and still in use.
        let frame = w.frames_of(s.memory)[0];
        w.kernel.frames.release(frame);
    });
}

#[test]
fn accounts() {
    let process = |w: &mut World<'_>, s: &Scene, change: fn(&mut Process)| {
        let id = s.process(w, s.child);
        change(w.kernel.processes.get_mut(id).unwrap());
    };
    breaks(&[Rule::AccountObjects], |w, s| process(w, s, |p| p.objects.used += 1));
    breaks(&[Rule::AccountObjects], |w, s| process(w, s, |p| p.objects.used -= 1));
    breaks(&[Rule::AccountFrames], |w, s| process(w, s, |p| p.frames.used -= 1));
    breaks(&[Rule::AccountTables], |w, s| {
        process(w, s, |p| p.space.as_mut().unwrap().tables += 1);
    });
    breaks(&[Rule::AccountFrames, Rule::AccountLimit], |w, s| {
        process(w, s, |p| p.frames.limit = 2)
    });
    breaks(&[Rule::ProcessChildren], |w, s| process(w, s, |p| p.child_processes = 1));
    breaks(&[Rule::ProcessState], |w, s| {
        process(w, s, |p| p.end = Some(nexus_abi::EndReason::Exit(0)));
    });
    breaks(&[Rule::ProcessState], |w, s| {
        process(w, s, |p| p.state = nexus_abi::ProcessState::Ending);
    });
}

#[test]
fn threads() {
    let thread = |w: &World<'_>, user| w.id(user).unwrap();
    breaks(&[Rule::ProcessState], |w, s| {
        let id = thread(w, s.child.user);
        w.kernel.threads.get_mut(id).unwrap().state = State::Ended;
    });
    breaks(&[Rule::ThreadState], |w, s| {
        let id = thread(w, s.child.user);
        w.kernel.threads.get_mut(id).unwrap().priority = 3;
    });
    breaks(&[Rule::ThreadIdentity], |w, s| {
        let id = thread(w, s.child.user);
        w.kernel.threads.get_mut(id).unwrap().sender = 1;
    });
    breaks(&[Rule::ThreadIdentity], |w, s| {
        let (id, other) = (thread(w, s.child.user), thread(w, s.owner.user));
        let satp = w.kernel.threads.get(other).unwrap().satp;
        w.kernel.threads.get_mut(id).unwrap().satp = satp;
    });
    breaks(&[Rule::ThreadDeadline], |w, s| {
        let id = thread(w, s.waiter);
        w.kernel.threads.get_mut(id).unwrap().alarm.place += 1;
    });
    breaks(&[Rule::ThreadDeadline], |w, _| w.kernel.hart.programmed = NO_DEADLINE);
    breaks(&[Rule::ThreadDeadline], |w, s| {
        let id = thread(w, s.waiter);
        w.kernel.threads.get_mut(id).unwrap().deadline = 1;
    });
    breaks(&[Rule::ReadyMask], |w, _| w.kernel.ready.mask ^= 1 << 4);
    breaks(&[Rule::ReadyMask], |w, _| w.kernel.ready.ending_mask = 1);
    breaks(&[Rule::ReadyMask], |w, _| w.kernel.ready.ending[20] = 1);
    breaks(&[Rule::Current], |w, _| w.kernel.hart.slice_end = NO_DEADLINE);
    breaks(&[Rule::Current], |w, _| w.kernel.hart.turn = 0);
    breaks(&[Rule::ThreadState], |w, _| w.kernel.hart.current = None);
    breaks(&[Rule::ListMember], |w, _| {
        let current = w.kernel.hart.current.unwrap();
        w.kernel.threads.get_mut(current).unwrap().state = State::Ready;
    });
}

#[test]
fn pools() {
    breaks(&[Rule::PoolFreeList, Rule::ListDead], |w, s| {
        let id = s.cap(w, s.endpoint);
        w.kernel.caps.release(id);
    });
}

#[test]
fn fences() {
    breaks(&[Rule::FenceMissing], |w, s| {
        let [.., table] = s.tables(w, s.child);
        let word = w.kernel.platform.read(table, 1);
        w.kernel.platform.write(table, 1, 0);
        w.kernel.platform.write(table, 1, word);
    });
    // The fence of another page, of another space, or from before does not count.
    breaks(&[Rule::FenceMissing], |w, s| {
        let asid = w.kernel.processes.get(s.process(w, s.child)).unwrap().space().unwrap().asid;
        let other = w.kernel.processes.get(s.process(w, s.owner)).unwrap().space().unwrap().asid;
        let [.., table] = s.tables(w, s.child);
        let page = u32::try_from(VA >> 12).unwrap();
        w.kernel.platform.fence_space(asid);
        let word = w.kernel.platform.read(table, 1);
        w.kernel.platform.write(table, 1, 0);
        w.kernel.platform.write(table, 1, word);
        w.kernel.platform.fence_page(asid, Page::from_number(page));
        w.kernel.platform.fence_page(other, Page::from_number(page + 1));
        w.kernel.platform.fence_space(other);
    });
    // That of a page does not reach the table above.
    breaks(&[Rule::FenceMissing], |w, s| {
        let asid = w.kernel.processes.get(s.process(w, s.child)).unwrap().space().unwrap().asid;
        let [_, middle, _] = s.tables(w, s.child);
        let word = w.kernel.platform.read(middle, 0);
        w.kernel.platform.write(middle, 0, 0);
        w.kernel.platform.write(middle, 0, word);
        let page = u32::try_from(VA >> 12).unwrap();
        for step in 0..512 {
            w.kernel.platform.fence_page(asid, Page::from_number(page + step));
        }
    });
    breaks(&[Rule::FenceLost], |w, s| {
        let asid = w.kernel.processes.get(s.process(w, s.child)).unwrap().space().unwrap().asid;
        for _ in 0..1 << 15 {
            w.kernel.platform.fence_space(asid);
        }
    });
    run(|w| {
        // What is fenced after the last write is in order.
        let s = scene(w);
        let asid = w.kernel.processes.get(s.process(w, s.child)).unwrap().space().unwrap().asid;
        let [.., table] = s.tables(w, s.child);
        let word = w.kernel.platform.read(table, 1);
        w.kernel.platform.write(table, 1, 0);
        w.kernel.platform.write(table, 1, word);
        let page = u32::try_from(VA >> 12).unwrap();
        w.kernel.platform.fence_page(asid, Page::from_number(page + 1));
        assert_eq!(w.find(), Ok(()));
    });
}

/// The digest tells states apart, and calls that only look leave it as it is.
#[test]
fn digests() {
    run(|w| {
        let s = scene(w);
        let mut seen: Vec<super::Digest> = Vec::new();
        let mut changed = |w: &World<'_>| {
            let digest = w.digest(None);
            assert!(!seen.contains(&digest));
            seen.push(digest);
        };
        changed(w);
        w.query(s.child.user, s.memory).unwrap();
        let before = w.digest(Some(s.child.user));
        w.query(s.child.user, s.memory).unwrap();
        w.stat(s.child.user, Handle::NONE).unwrap();
        assert_eq!(w.digest(Some(s.child.user)), before);
        w.signal(s.child.user, s.notification, 1).unwrap();
        changed(w);
        let message = Message::new(1, &[]);
        w.send(s.child.user, s.endpoint, &message, NO_DEADLINE);
        changed(w);
        w.unmap(s.owner.user, VA).unwrap();
        changed(w);
        w.cap_drop(s.owner.user, s.window).unwrap();
        changed(w);
        w.process_end(w.init, s.child.process, 0).unwrap();
        changed(w);
        w.settle();
        changed(w);
    });
}

fn digest(part: impl Hash) -> Digest {
    let mut digest = Digest::EMPTY;
    part.hash(&mut digest);
    digest
}

/// Two states are told apart in which another object is named, or something else is in a list.
#[test]
fn what_is_named_and_in_lists_changes_the_digest() {
    let [one, two] = [1, 2].map(|slot| Id::<Thread>::from_slot(slot).unwrap());
    let list = List::<Thread, Queue>::of;
    assert_ne!(digest(one), digest(two));
    assert_ne!(digest(list(one)), digest(list(two)));
    assert_ne!(digest(Links { next: Some(one), prev: None }), digest(Links::<Thread>::NONE));
}

/// A line of the owner's that is bound and held back, beside one that is free.
fn line(w: &mut World<'_>, s: &Scene) -> Id<Line> {
    let keep = Rights::RECV | Rights::GRANT | Rights::MANAGE;
    let kept = w.derive_part(w.init, w.lines, keep, 2, 1).unwrap();
    w.cap_limit(w.init, kept, 1000).unwrap();
    let irq = w.install(w.init, s.owner.process, kept, Rights::RECV).unwrap();
    let event = w.notification_create(s.owner.user).unwrap();
    w.irq_bind(s.owner.user, irq, event, 1).unwrap();
    w.set_level(3, true);
    w.interrupts();
    w.irq_ack(s.owner.user, irq).unwrap();
    w.enter(w.init);
    assert_eq!(w.find(), Ok(()));
    Id::from_slot(3).unwrap()
}

fn receiver<'w>(w: &'w mut World<'_>, id: Id<Line>) -> &'w mut Receiver {
    w.kernel.lines.get_mut(id).unwrap().receiver.as_mut().unwrap()
}

#[test]
fn lines() {
    breaks(&[Rule::CapOverlap, Rule::CapKind], |w, _| {
        let rights = Rights::RECV | Rights::MANAGE;
        let two = [1, 5].map(|at| w.derive_part(w.init, w.lines, rights, at, 2).unwrap());
        let [one, other] = two.map(|handle| w.kernel.caps.by_handle(handle).unwrap().0);
        w.kernel.caps.get_mut(one).unwrap().kind = w.kernel.caps.get(other).unwrap().kind;
    });
    breaks(&[Rule::CapKind], |w, _| {
        w.derive_part(w.init, w.lines, Rights::MANAGE, 2, 1).unwrap();
        let (all, _) = w.kernel.caps.by_handle(w.lines).unwrap();
        let CapabilityKind::Irq(lines) = w.kernel.caps.get(all).unwrap().kind else { panic!() };
        let slower = lines.slower(7).unwrap();
        w.kernel.caps.get_mut(all).unwrap().kind = CapabilityKind::Irq(slower);
    });
    breaks(&[Rule::LineOpen], |w, _| w.machine().plic.enable(5, true));
    breaks(&[Rule::LineOpen], |w, s| {
        line(w, s);
        w.machine().plic.enable(3, false);
    });
    breaks(&[Rule::LineAlarm], |w, s| {
        let id = line(w, s);
        receiver(w, id).state = LineState::Delivered;
    });
    breaks(&[Rule::LineAlarm], |w, s| {
        let id = line(w, s);
        w.kernel.lines.get_mut(id).unwrap().alarm.at += 1;
    });
    breaks(&[Rule::LineAlarm], |w, s| {
        line(w, s);
        w.kernel.hart.programmed = NO_DEADLINE;
    });
}

/// Not one of the capabilities, the owner, or the lists can be another.
#[test]
fn receivers_of_lines() {
    let breaks = |damage: fn(&mut World<'_>, &Scene, Id<Line>)| {
        breaks(&[Rule::LineReceiver], |w, s| {
            let id = line(w, s);
            damage(w, s, id);
        });
    };
    breaks(|w, s, id| receiver(w, id).by = s.cap(w, s.window));
    breaks(|w, s, id| receiver(w, id).with = s.cap(w, s.notification));
    breaks(|w, _, id| receiver(w, id).bits = 0);
    breaks(|w, _, id| {
        w.kernel.held.drop(&mut w.kernel.lines, id).unwrap();
        receiver(w, id).state = LineState::Free;
    });
    breaks(|w, _, id| {
        let by = receiver(w, id).by;
        w.kernel.caps.get_mut(by).unwrap().rights = Rights::empty();
    });
    breaks(|w, _, id| {
        let with = receiver(w, id).with;
        w.kernel.caps.get_mut(with).unwrap().rights.remove(Rights::SEND);
    });
    breaks(|w, s, id| {
        // The lists of another.
        let (one, other) = (s.process(w, s.owner), s.process(w, s.child));
        let kernel = &mut w.kernel;
        kernel.processes.get_mut(one).unwrap().lines.remove(&mut kernel.lines, id).unwrap();
        kernel.processes.get_mut(other).unwrap().lines.push_back(&mut kernel.lines, id).unwrap();
    });
    breaks(|w, s, _| {
        let owner = s.process(w, s.owner);
        w.process_end(w.init, s.owner.process, 1).unwrap();
        w.kernel.processes.get_mut(owner).unwrap().swept = 2;
    });
}

/// A line of the owner's that was bound with a register of the first page of its window.
fn registered(w: &mut World<'_>, s: &Scene) -> Id<Line> {
    let all = w.rights(w.roots[0]).unwrap();
    let masked = w.derive_part(w.init, w.roots[0], all, 4 * PAGE_SIZE, PAGE_SIZE).unwrap();
    w.cap_limit(w.init, masked, 0b110).unwrap();
    let rights = Rights::MAP | Rights::READ | Rights::WRITE;
    let window = w.install(w.init, s.owner.process, masked, rights).unwrap();
    let keep = Rights::RECV | Rights::GRANT | Rights::MANAGE;
    let kept = w.derive_part(w.init, w.lines, keep, 2, 1).unwrap();
    let irq = w.install(w.init, s.owner.process, kept, Rights::RECV).unwrap();
    let event = w.notification_create(s.owner.user).unwrap();
    w.irq_bind_register(s.owner.user, [irq, event, window], 1, 4).unwrap();
    w.enter(w.init);
    assert_eq!(w.find(), Ok(()));
    Id::from_slot(3).unwrap()
}

/// The capability of the window of its register.
fn window_of(w: &mut World<'_>, id: Id<Line>) -> Id<Capability> {
    let page = receiver(w, id).register.unwrap().page;
    w.kernel.caps.iter().find(|(_, cap)| cap.registers() == Some(page)).unwrap().0
}

/// Neither the register, nor whose window it is in, nor what its holder may do can be another.
#[test]
fn registers_of_lines() {
    let breaks = |damage: fn(&mut World<'_>, &Scene, Id<Line>)| {
        breaks(&[Rule::LineReceiver], |w, s| {
            let id = registered(w, s);
            damage(w, s, id);
        });
    };
    breaks(|w, _, id| receiver(w, id).register = None);
    breaks(|w, _, id| receiver(w, id).register.as_mut().unwrap().offset = 12);
    breaks(|w, _, id| {
        let page = receiver(w, id).register.unwrap().page;
        w.kernel.registers.get_mut(page).unwrap().line = None;
    });
    breaks(|w, _, id| {
        let page = receiver(w, id).register.unwrap().page;
        w.kernel.registers.get_mut(page).unwrap().line = Some(4);
    });
    breaks(|w, _, id| {
        let window = window_of(w, id);
        w.kernel.caps.get_mut(window).unwrap().rights.remove(Rights::WRITE);
    });
    breaks(|w, _, id| {
        let window = window_of(w, id);
        w.kernel.caps.get_mut(window).unwrap().rights.insert(Rights::DERIVE);
    });
}

#[test]
fn lines_in_no_list() {
    breaks(&[Rule::ListMember], |w, s| {
        let id = line(w, s);
        let event = receiver(w, id).notification;
        let kernel = &mut w.kernel;
        kernel.notifications.get_mut(event).unwrap().lines.remove(&mut kernel.lines, id).unwrap();
    });
}
