//! A serial port whose terminal types what it is told and keeps what it is shown.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use consoled::follow::Follower;
use consoled::server::Server;
use consoled::uart::Uart;
use nexus_abi::Handle;
use nexus_mmio::fake::{Device, FakeBus};
use nexus_rt::Client;
use nexus_sysdesc::Description;

/// What the terminal has been shown.
pub type Shown = Rc<RefCell<Vec<u8>>>;

/// A 16550 as far as the driver can tell.
#[derive(Debug)]
pub struct Port {
    typed: VecDeque<u8>,
    shown: Shown,
    registers: [u8; 8],
}

impl Device for Port {
    fn read(&mut self, offset: usize, _: usize) -> u32 {
        let fifo = self.registers[2] & 1 == 1;
        u32::from(match offset {
            0 => self.typed.pop_front().unwrap_or(0),
            2 => {
                if fifo {
                    0xc1
                } else {
                    1
                }
            }
            // The transmitter is always ready.
            5 => 0x60 | u8::from(!self.typed.is_empty()),
            other => self.registers[other],
        })
    }

    fn write(&mut self, offset: usize, _: usize, value: u32) {
        let byte = value.to_le_bytes()[0];
        let divisor = self.registers[3] & 0x80 != 0;
        match offset {
            0 if divisor => {}
            0 => self.shown.borrow_mut().push(byte),
            other => self.registers[other] = byte,
        }
    }
}

/// The console of a system, on a port at which `typed` is typed. Run number 7.
///
/// # Panics
/// When the driver does not know the port.
#[must_use]
pub fn console(typed: &[u8], description: &Description) -> (Server<FakeBus<Port>>, Shown) {
    let shown = Shown::default();
    let port = Port {
        typed: typed.iter().copied().collect(),
        shown: Rc::clone(&shown),
        registers: [0; 8],
    };
    let uart = Uart::start(FakeBus::new(0x1000, port)).expect("a 16550");
    let follower = Follower::new(Client::new(Handle(3)), description, 7);
    (Server::new(uart, false, follower, description.clone()), shown)
}
