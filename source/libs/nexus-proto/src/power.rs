//! `power`: ends the machine. Served by powerd. Every operation needs the permission to do so, and
//! an answer other than a refusal never comes.

use crate::Zero;

protocol! {
    /// Marker of the protocol.
    pub Power = 6 "power" {
        /// Turns the machine off.
        1 Off -> ();
        /// Starts the machine anew.
        2 Reboot -> ();
        /// Ends QEMU with an exit code. Test profile only, else `NotSupported`.
        3 Exit -> ();
    }
}

payloads! {
    /// Turns the machine off.
    pub struct Off {}

    /// Starts the machine anew.
    pub struct Reboot {}

    /// Ends QEMU.
    pub struct Exit {
        /// Exit code.
        pub code: u16,
        /// Padding.
        pub zero: Zero<6>,
    }
}
