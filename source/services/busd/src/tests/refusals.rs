//! Who is not answered, and what is not taken.

use nexus_proto::log::NO_DEVICE;
use nexus_proto::{Zero, encode_payload, encode_with_caps};

use super::*;
use crate::fake::system::{GREEDY, LOOKER, UART};

// attack 88 U: another than init gives, wants or releases a device; denied, and what it sent is given up; broken: busd-sender
#[test]
fn nobody_but_init_is_answered() {
    let mut bench = Bench::new();
    let got = bench.set_up(NET);
    let held = bench.kernel.held(Holder::Busd);
    for service_id in [0, 2, 7, 11, u32::MAX] {
        let sender = Sender { service_id, incarnation: 1 };
        let window = bench.kernel.window(0, INIT_WINDOW, Some(REGISTERS));
        let denied = encode_error(ServiceError::Denied);
        let messages = [
            take(NO_DEVICE, window),
            prepare(OWNERS[0], RNG).encode(),
            release(NET).encode(),
            Take { device: NO_DEVICE, zero: Zero::ZERO }.encode(),
        ];
        for message in messages {
            assert_eq!(bench.ask(sender, &message), denied);
        }
        assert_eq!(bench.kernel.held(Holder::Busd), held);
    }
    bench.is_at_rest(RNG);
    bench.is_sealed(NET, &got);
}

// attack 48 U: a window with a register that holds an address, with too few rights, or no window; not taken; broken: busd-mask
#[test]
fn a_window_is_taken_as_it_must_be_and_not_otherwise() {
    let mut bench = Bench::empty();
    for register in [0x40, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4] {
        let mask = REGISTERS | 1 << (register / 4);
        let window = bench.kernel.window(0, INIT_WINDOW, Some(mask));
        assert_eq!(bench.take_window(RNG, window), Err(ServiceError::OutOfRange));
    }
    for mask in [None, Some(0), Some(REGISTERS & !1 << (0x70 / 4)), Some(u64::MAX)] {
        let window = bench.kernel.window(0, INIT_WINDOW, mask);
        assert_eq!(bench.take_window(RNG, window), Err(ServiceError::OutOfRange));
    }
    for right in INIT_WINDOW {
        let window = bench.kernel.window(0, INIT_WINDOW - right, Some(REGISTERS));
        assert_eq!(bench.take_window(RNG, window), Err(ServiceError::OutOfRange), "{right:?}");
    }
    assert_eq!(bench.kernel.held(Holder::Busd), 0, "all of them were given up");
    assert!(bench.device(RNG).stores.is_empty());
    assert_eq!(bench.take(RNG), Ok(()));
}

#[test]
fn a_message_carries_one_window_or_is_refused() {
    let mut bench = Bench::empty();
    let none = Take { device: RNG, zero: Zero::ZERO }.encode();
    assert_eq!(taken(&bench.ask(INIT, &none)), Err(ServiceError::Malformed));
    let window = |bench: &mut Bench| bench.kernel.window(0, INIT_WINDOW, Some(REGISTERS));
    let (one, other) = (window(&mut bench), window(&mut bench));
    let ask = Take { device: RNG, zero: Zero::ZERO };
    let many = encode_with_caps(Take::LABEL, &ask, [one, other]);
    assert_eq!(taken(&bench.ask(INIT, &many)), Err(ServiceError::Malformed));
    for label in [0, Take::LABEL + 1, Take::LABEL + 2, u32::MAX] {
        let carries = encode_with_caps(label, &ask, [window(&mut bench)]);
        assert_eq!(taken(&bench.ask(INIT, &carries)), Err(ServiceError::Malformed));
    }
    let mut odd = take(RNG, window(&mut bench));
    odd.words[3] = 1;
    assert_eq!(taken(&bench.ask(INIT, &odd)), Err(ServiceError::Malformed));
    let nothing = encode_payload(u32::MAX, &());
    assert_eq!(taken(&bench.ask(INIT, &nothing)), Err(ServiceError::Malformed));
    assert_eq!(bench.kernel.held(Holder::Busd), 0);
}

#[test]
fn a_device_is_taken_once_and_only_one_that_is_described_has_a_number() {
    let mut bench = Bench::new();
    assert_eq!(bench.take(RNG), Err(ServiceError::BadState));
    for device in [UART, 4, u16::MAX - 1] {
        let window = bench.kernel.window(0, INIT_WINDOW, Some(REGISTERS));
        assert_eq!(bench.take_window(device, window), Err(ServiceError::NoSuchDevice));
    }
    assert_eq!(bench.kernel.held(Holder::Busd), 3);
    // Of those that are not described there may be several; they are reset, and that is all.
    for _ in 0..2 {
        bench.kernel.devices.push(crate::fake::FakeDevice::new(16, 0, &[4]));
        let at = bench.kernel.devices.len() - 1;
        let window = bench.kernel.window(at, INIT_WINDOW, Some(REGISTERS));
        assert_eq!(bench.take_window(NO_DEVICE, window), Ok(()));
        assert_eq!(bench.kernel.devices[at].status, 0);
    }
    assert!(matches!(bench.prepare(LOOKER, NO_DEVICE), Err(ServiceError::NoSuchDevice)));
    assert_eq!(bench.release(NO_DEVICE), Err(ServiceError::NoSuchDevice));
}

// attack 34 U: busd is asked for what no rule allows, or for a device that is not free; refused, and the device is left as it is; broken: busd-rule, busd-prepared-twice
#[test]
fn what_no_rule_allows_is_not_prepared() {
    let mut bench = Bench::empty();
    assert!(matches!(bench.prepare(OWNERS[0], RNG), Err(ServiceError::NoSuchDevice)));
    let mut bench = Bench::new();
    for (service, device) in [(OWNERS[0], BLK), (OWNERS[1], RNG), (99, RNG), (0, NET)] {
        assert!(matches!(bench.prepare(service, device), Err(ServiceError::NotFound)));
    }
    assert!(matches!(bench.prepare(OWNERS[0], UART), Err(ServiceError::NoSuchDevice)));
    // Its rule lets it write the status.
    assert!(matches!(bench.prepare(GREEDY, RNG), Err(ServiceError::OutOfRange)));
    assert_eq!(bench.release(RNG), Err(ServiceError::BadState));
    bench.is_at_rest(RNG);
    let got = bench.set_up(RNG);
    let stores = bench.device(RNG).stores.len();
    for service in [OWNERS[0], LOOKER] {
        assert!(matches!(bench.prepare(service, RNG), Err(ServiceError::BadState)));
    }
    assert_eq!(bench.device(RNG).stores.len(), stores);
    bench.is_sealed(RNG, &got);
}

#[test]
fn a_rule_without_a_mask_gives_nothing() {
    let mut description = system();
    description.rules.iter_mut().for_each(|rule| rule.registers = None);
    let mut bench = Bench::with(description);
    assert_eq!(bench.take(RNG), Ok(()));
    for service in [OWNERS[0], LOOKER] {
        assert!(matches!(bench.prepare(service, RNG), Err(ServiceError::OutOfRange)));
    }
}
