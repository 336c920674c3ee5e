//! What programs seldom come to: the last of something, the wrong place at boot, long work in the
//! smallest steps.

use neuron_core::object::capability::CapabilityKind;
use neuron_core::object::thread::TrapFrame;
use neuron_core::object::window::Window;
use neuron_core::sim::{RAM_BASE, pace};
use neuron_core::store::addr::{Frame, PageRange};

use crate::common::*;

#[test]
fn boot_refuses_what_is_wrong() {
    run(|w| {
        assert_eq!(w.kernel.create_init(1).err(), Some(Error::BadState));
        let window = Window::new(0x1000_0000, PAGE, []).map(CapabilityKind::DeviceMmio).unwrap();
        assert_eq!(w.kernel.boot_authority(window), Err(Error::WrongKind));
        let free = Frame::at(RAM_BASE + 100 * PAGE).unwrap();
        assert_eq!(w.kernel.boot_memory(free, 1), Err(Error::OutOfRange));
        w.check();
    });
}

#[test]
fn memory_that_the_kernel_fills_for_init() {
    run(|w| {
        let memory = w.kernel.boot_alloc(2).unwrap();
        let frames = [0, 1].map(|page| w.kernel.boot_frame(memory, page).unwrap());
        assert_eq!(w.frames_of(memory), frames);
        assert_eq!(w.kernel.boot_frame(memory, 2), Err(Error::OutOfRange));
        assert_eq!(w.kernel.boot_frame(w.spawn, 0), Err(Error::WrongKind));
        let map = |w: &mut World<'_>| w.vmo_map(w.init, memory, 2 * PAGE, VA, RX);
        assert_eq!(map(w), Err(Error::SealState));
        w.kernel.boot_seal(memory).unwrap();
        map(w).unwrap();
        w.kernel.boot_map(memory, 2 * PAGE, VA + 2 * PAGE, R).unwrap();
        assert_eq!(w.mapped_pages(), 4);
        let write = w.kernel.boot_map(memory, 2 * PAGE, VA + 4 * PAGE, RW);
        assert_eq!(write, Err(Error::SealState));
        assert_eq!(w.kernel.boot_alloc(0).err(), Some(Error::OutOfRange));
        w.check();
    });
}

#[test]
fn only_reserved_frames_are_added() {
    run(|w| {
        let before = w.free_frames();
        let vmo = w.vmo_create(w.init, 4).unwrap();
        let base = Frame::at(w.cap(vmo).unwrap().base).unwrap();
        w.kernel.frames_mut().add(base, 4);
        assert_eq!(w.free_frames(), before - 4, "memory in use became free");
        w.check();
    });
}

#[test]
fn frames_have_whole_addresses_below_the_end() {
    assert_eq!(Frame::at(PAGE + 1), None);
    assert_eq!(Frame::at(1 << 56), None);
    assert!(Frame::at((1 << 56) - PAGE).is_some());
}

#[test]
fn a_page_has_the_address_that_it_was_named_by() {
    for va in [PAGE, VA, USER_END - PAGE] {
        assert_eq!(PageRange::new(va, 1).unwrap().first.address(), va);
    }
}

#[test]
fn registers_that_there_are_not() {
    let mut frame = TrapFrame { regs: [5; 32] };
    frame.set(32, 1);
    assert_eq!((frame.get(32), frame.regs), (0, [5; 32]));
}

#[test]
fn a_bound_notification_that_has_ended_brings_nothing() {
    run(|w| {
        let endpoint = w.endpoint_create(w.init).unwrap();
        let notification = w.notification_create(w.init).unwrap();
        w.endpoint_bind(w.init, endpoint, notification).unwrap();
        w.signal(w.init, notification, 1).unwrap();
        w.cap_drop(w.init, notification).unwrap();
        assert_eq!(w.receive(w.init, endpoint), Status::Blocked);
    });
}

#[test]
fn init_ends_and_nothing_is_left_but_its_record() {
    run(|w| {
        let child = w.child(2, 16, 20);
        w.endpoint_create(child.user).unwrap();
        let user = w.init;
        assert_eq!(w.start(user, Syscall::ProcessEnd, &[0, 3]), Status::Gone);
        w.settle();
        assert_eq!(w.kernel.init_ended(), Some(nexus_abi::EndReason::Exit(3)));
        let [caps, endpoints, notifications, vmos, mappings, processes, threads] = w.live();
        let objects = endpoints + notifications + vmos + mappings + threads;
        assert_eq!((caps, objects, processes), (0, 0, 1));
    });
}

#[test]
fn objects_are_told_apart_by_number() {
    run(|w| {
        let (one, two) = (w.endpoint_create(w.init).unwrap(), w.endpoint_create(w.init).unwrap());
        let again = w.derive(w.init, one, Rights::MANAGE).unwrap();
        let blind = w.derive(w.init, two, Rights::SEND).unwrap();
        let number = |w: &mut World<'_>, cap| w.query(w.init, cap).unwrap().object;
        assert_ne!(number(w, one), number(w, two));
        assert_eq!(number(w, one), number(w, again));
        assert_eq!(number(w, blind), 0);
    });
}

/// With others let in after each unit of work.
fn in_small_steps(body: impl FnOnce(&mut World<'_>)) {
    run(|w| {
        pace::set_step(Some(3));
        body(w);
        pace::set_step(None);
    });
}

// attack 23 U: a wide tree with mappings is dropped and revoked in the smallest steps; it ends, nothing is left
#[test]
fn dropping_goes_on_where_it_stopped() {
    in_small_steps(|w| {
        let child = w.child(2, 32, 64);
        let memory = w.vmo_create(w.init, 64).unwrap();
        for n in 0..6 {
            let place = VA + n * 64 * PAGE;
            w.vmo_map_into(w.init, child.process, memory, 0, 64 * PAGE, place, R).unwrap();
            w.derive(w.init, memory, Rights::READ).unwrap();
        }
        let before = w.mapped_pages();
        assert_eq!(w.start(w.init, Syscall::CapDrop, &[memory.0]), Status::Again);
        assert!(w.mapped_pages() < before && w.mapped_pages() > 0, "some are gone, not all");
        w.cap_drop(w.init, memory).unwrap();
        assert_eq!(w.mapped_pages(), 0);
    });
}

// attack 62 U: a process with objects of each kind ends in the smallest steps; all it had comes back
#[test]
fn ending_goes_on_where_it_stopped() {
    in_small_steps(|w| {
        let before = (w.used(w.init), w.free_frames(), w.live());
        let child = w.child(2, 64, 200);
        for _ in 0..8 {
            let endpoint = w.endpoint_create(child.user).unwrap();
            w.derive(child.user, endpoint, Rights::SEND).unwrap();
            w.install(child.user, Handle::NONE, endpoint, Rights::RECV).unwrap();
            w.notification_create(child.user).unwrap();
            w.vmo_create(child.user, 2).unwrap();
        }
        w.process_end(w.init, child.process, 0).unwrap();
        assert!(w.settle() > 16);
        w.cap_drop(w.init, child.process).unwrap();
        assert_eq!((w.used(w.init), w.free_frames(), w.live()), before);
    });
}

// attack 32 U: the maker of what many wait at ends, in the smallest steps; each gets `PeerGone`
#[test]
fn all_that_wait_are_let_go_however_long_it_takes() {
    in_small_steps(|w| {
        let (maker, child) = (w.child(2, 32, 100), w.child(3, 32, 100));
        let to = w.install(w.init, maker.process, child.process, Rights::MANAGE).unwrap();
        let mut given = |call, rights| {
            let made = Handle(w.call(maker.user, call, &[]).unwrap());
            w.install(maker.user, to, made, rights).unwrap()
        };
        let send = given(Syscall::EndpointCreate, Rights::SEND);
        let receive = given(Syscall::EndpointCreate, Rights::RECV);
        let notification = given(Syscall::NotificationCreate, Rights::RECV);
        let mut users = vec![child.user];
        users.extend((0..7).map(|_| w.thread_in(child.process, 31).1));
        let deadline = w.now() + 1_000_000;
        for (n, user) in users.iter().enumerate() {
            let status = match n {
                0 => w.start(*user, Syscall::Wait, &[notification.0, deadline]),
                1..4 => w.send(*user, send, &Message::new(1, &[]), deadline),
                _ => w.receive(*user, receive),
            };
            assert_eq!(status, Status::Blocked);
        }
        w.process_end(w.init, maker.process, 0).unwrap();
        assert!(w.settle() > 4);
        w.advance(2_000_000);
        for user in users {
            assert_eq!(w.result(user), Err(Error::PeerGone));
        }
    });
}
