use super::*;
use crate::fixture::UartModel as Model;
use nexus_mmio::fake::{Device, FakeBus, Mortal};

fn start(model: Model) -> Result<Uart<FakeBus<Model>>, UartError> {
    Uart::start(FakeBus::new(8, model))
}

fn model<R>(uart: &Uart<FakeBus<Model>>, look: impl FnOnce(&mut Model) -> R) -> R {
    uart.bus().with_device(look)
}

#[test]
fn starts_with_8n1_fifos_on_interrupts_off() {
    let uart = start(Model { ier: 0xf, ..Model::default() }).unwrap();
    model(&uart, |model| {
        assert_eq!((model.lcr, model.fcr, model.ier), (0x03, 0x01, 0));
        assert_eq!(model.divisor, [2, 0]);
        assert!(model.sent.is_empty());
    });
}

#[test]
fn keeps_what_was_typed_before_it_started() {
    let mut uart = start(Model { received: b"hi".to_vec().into(), ..Model::default() }).unwrap();
    assert_eq!(take(&mut uart), b"hi");
}

fn take<D: Device>(uart: &mut Uart<FakeBus<D>>) -> Vec<u8> {
    core::iter::from_fn(|| uart.receive()).filter_map(|received| received.byte).collect()
}

#[test]
fn listening_turns_the_interrupts_for_input_on_and_no_others() {
    let mut uart = start(Model::default()).unwrap();
    uart.listen();
    assert_eq!(model(&uart, |model| model.ier), 0b0001);
}

#[test]
fn bytes_that_the_device_lost_are_told_with_the_next_one() {
    let received = b"ab".to_vec().into();
    let mut uart = start(Model { received, ..Model::default() }).unwrap();
    model(&uart, |model| model.overrun = true);
    assert!(uart.transmit(&mut b"this looks first".to_vec().into()));
    let lost = Received { byte: Some(b'a'), overrun: true };
    assert_eq!(uart.receive(), Some(lost));
    assert_eq!(uart.receive(), Some(Received { byte: Some(b'b'), overrun: false }));
    assert_eq!(uart.receive(), None);
}

#[test]
fn refuses_what_is_no_16550a() {
    for absent in [0x00, 0xff, 0x5a] {
        let model = Model { absent: Some(absent), ..Model::default() };
        assert_eq!(start(model).err(), Some(UartError::NoDevice));
    }
    let model = Model { no_fifo: true, ..Model::default() };
    assert_eq!(start(model).err(), Some(UartError::NoFifo { iir: 0x01 }));
    let small = Uart::start(FakeBus::new(7, Model::default())).err();
    assert_eq!(small, Some(UartError::TooSmall(TooSmall { has: 7, needs: 8 })));
}

#[test]
fn transmits_in_order_and_by_fifo() {
    let mut uart = start(Model::default()).unwrap();
    let text: Vec<u8> = (0..100).collect();
    let before = uart.bus().accesses().len();
    assert!(uart.transmit(&mut text.clone().into()));
    let accesses = uart.bus().accesses().len() - before;
    assert_eq!(model(&uart, |model| model.sent.clone()), text);
    assert_eq!(accesses, 100 + 100usize.div_ceil(FIFO));
}

/// A life: starts, takes what came, sends a text. Returns its register accesses, and what it took.
fn live<D: Device>(device: D) -> (usize, Vec<u8>) {
    let bus = FakeBus::new(8, device);
    let Ok(mut uart) = Uart::start(bus) else { return (0, Vec::new()) };
    uart.listen();
    let taken =
        (0..RECEIVE_BURST).map_while(|_| uart.receive()).filter_map(|one| one.byte).collect();
    uart.transmit(&mut TEXT.to_vec().into());
    (uart.bus().accesses().len(), taken)
}

/// More than two FIFOs of bytes.
const TEXT: &[u8] = b"more than sixteen bytes go out in pieces";

// attack 57 F: the UART's driver dies at each register access; the next life works, no byte on its way is spoiled; broken: uart-idle
#[test]
fn whatever_a_dead_driver_leaves_the_next_one_starts_from() {
    let device = || Model { received: b"in".to_vec().into(), ier: 0xf, ..Model::default() };
    let (whole, _) = live(Mortal::new(&mut device(), usize::MAX));
    assert!(whole > 2 * TEXT.len() / FIFO + TEXT.len());
    for accesses in 0..=whole {
        let mut model = device();
        live(Mortal::new(&mut model, accesses));
        let (sent, waiting) = (model.sent.len(), Vec::from(model.received.clone()));
        assert!(TEXT.starts_with(&model.sent), "after {accesses}: {:?}", model.sent);
        let (_, taken) = live(Mortal::new(&mut model, usize::MAX));
        assert_eq!(taken, waiting, "after {accesses}");
        assert_eq!(&model.sent[sent..], TEXT, "after {accesses}");
        assert_eq!((model.lcr, model.fcr, model.ier), (0x03, 0x01, 1), "after {accesses}");
        assert_eq!(model.divisor, [2, 0], "after {accesses}");
        assert!(!model.spoiled, "after {accesses}: a byte on its way was spoiled");
    }
}

#[test]
fn a_stuck_transmitter_is_given_up_and_nothing_is_lost() {
    let mut uart = start(Model { sticks_after: Some(16), ..Model::default() }).unwrap();
    let mut waiting: VecDeque<u8> = (0..40).collect();
    assert!(!uart.transmit(&mut waiting));
    assert_eq!(waiting.len(), 24);
    assert_eq!(waiting.front(), Some(&16));
    model(&uart, |model| model.sticks_after = None);
    assert!(uart.transmit(&mut waiting));
    assert_eq!(model(&uart, |model| model.sent.len()), 40);
}

#[test]
fn a_transmitter_stuck_from_the_start_does_not_stop_the_start() {
    assert!(start(Model { sticks_after: Some(0), ..Model::default() }).is_ok());
}

#[test]
fn broken_bytes_are_taken_from_the_device_and_left_out() {
    let received = VecDeque::from(vec![0; 3]);
    let mut uart = start(Model { received, broken: true, ..Model::default() }).unwrap();
    assert_eq!(take(&mut uart), b"");
    assert!(model(&uart, |model| model.received.is_empty()));
}

#[test]
fn a_stall_counts_from_its_first_tick_and_ends_when_ready() {
    let mut stall = Stall::default();
    assert!(!stall.is_longer_than(0, 5));
    stall.note(false, 10);
    stall.note(false, 15);
    assert!(!stall.is_longer_than(6, 15));
    assert!(stall.is_longer_than(5, 15));
    stall.note(true, 16);
    assert!(!stall.is_longer_than(0, 100));
}
