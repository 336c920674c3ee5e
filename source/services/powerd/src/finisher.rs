//! The power finisher (`sifive,test0`): one register that ends the machine.

use nexus_mmio::{Bus, Reg, Registers, TooSmall, WriteOnly};
use nexus_proto::ServiceError;
use nexus_proto::power::Request;

/// Writing one of the values below ends or restarts the machine.
const FINISH: Reg<u32, WriteOnly, 0> = Reg::NEW;

/// Off; QEMU's exit status is 0.
const PASS: u32 = 0x5555;
/// Off with an exit status, which stands in the high half.
const FAIL: u32 = 0x3333;
/// Restart.
const RESET: u32 = 0x7777;

/// What is asked of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Turn off.
    Off,
    /// Restart.
    Reboot,
    /// Turn off, and let QEMU exit with this status.
    Exit(u8),
}

impl Command {
    /// What a request asks, if its sender may: `may` tells whether it has the permission, `test`
    /// whether this is the test profile.
    ///
    /// # Errors
    /// `Denied`; `NotSupported` for an exit status outside the test profile; `OutOfRange` for one
    /// that does not fit the 8 bits that a host has for it.
    pub fn of(request: &Request, may: bool, test: bool) -> Result<Command, ServiceError> {
        if !may {
            return Err(ServiceError::Denied);
        }
        match request {
            Request::Off(_) => Ok(Command::Off),
            Request::Reboot(_) => Ok(Command::Reboot),
            Request::Exit(_) if !test => Err(ServiceError::NotSupported),
            Request::Exit(exit) => {
                u8::try_from(exit.code).map(Command::Exit).map_err(|_| ServiceError::OutOfRange)
            }
        }
    }

    const fn value(self) -> u32 {
        match self {
            Command::Off | Command::Exit(0) => PASS,
            Command::Exit(code) => ((code as u32) << 16) | FAIL,
            Command::Reboot => RESET,
        }
    }
}

/// The device.
#[derive(Debug)]
pub struct Finisher<B> {
    regs: Registers<B, 4>,
}

impl<B: Bus> Finisher<B> {
    /// The finisher behind `bus`. It has nothing that could be read to know it by.
    ///
    /// # Errors
    /// The window is smaller than the register.
    pub fn start(bus: B) -> Result<Finisher<B>, TooSmall> {
        Ok(Finisher { regs: Registers::new(bus)? })
    }

    /// Does it. The machine stops a moment after the store.
    pub fn finish(&mut self, command: Command) {
        self.regs.write(FINISH, command.value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_mmio::fake::{Access, FakeBus, Script};
    use nexus_proto::Zero;
    use nexus_proto::power::{Exit, Off, Reboot};

    fn stored(command: Command) -> u32 {
        let value = command.value();
        let script = Script::new([Access::Write { offset: 0, width: 4, value }]);
        Finisher::start(FakeBus::new(0x1000, script)).unwrap().finish(command);
        value
    }

    fn exit(code: u16) -> Request {
        Exit { code, zero: Zero::ZERO }.into()
    }

    #[test]
    fn stores_what_the_device_understands() {
        assert_eq!(stored(Command::Off), 0x5555);
        assert_eq!(stored(Command::Reboot), 0x7777);
        assert_eq!(stored(Command::Exit(0)), 0x5555);
        assert_eq!(stored(Command::Exit(33)), 0x0021_3333);
        assert_eq!(stored(Command::Exit(255)), 0x00ff_3333);
    }

    #[test]
    fn starting_touches_nothing() {
        assert!(Finisher::start(FakeBus::new(4, Script::new([]))).is_ok());
        let small = Finisher::start(FakeBus::new(3, Script::new([]))).err();
        assert_eq!(small, Some(TooSmall { has: 3, needs: 4 }));
    }

    #[test]
    fn without_permission_everything_is_denied() {
        for request in [Off {}.into(), Reboot {}.into(), exit(0), exit(u16::MAX)] {
            for test in [false, true] {
                assert_eq!(Command::of(&request, false, test), Err(ServiceError::Denied));
            }
        }
    }

    #[test]
    fn off_and_reboot_with_permission() {
        for test in [false, true] {
            assert_eq!(Command::of(&Off {}.into(), true, test), Ok(Command::Off));
            assert_eq!(Command::of(&Reboot {}.into(), true, test), Ok(Command::Reboot));
        }
    }

    // attack 70 U: the exit of the test profile in a production system; refused; broken: exit-code
    #[test]
    fn an_exit_code_only_in_the_test_profile() {
        assert_eq!(Command::of(&exit(33), true, false), Err(ServiceError::NotSupported));
        assert_eq!(Command::of(&exit(33), true, true), Ok(Command::Exit(33)));
    }

    #[test]
    fn an_exit_code_fits_eight_bits() {
        assert_eq!(Command::of(&exit(255), true, true), Ok(Command::Exit(255)));
        for code in [256, u16::MAX] {
            assert_eq!(Command::of(&exit(code), true, true), Err(ServiceError::OutOfRange));
        }
    }
}
