//! Rights on capabilities and protections of mappings.

bitflags::bitflags! {
    /// What a capability lets its holder do. Rights only shrink (RFC-0001).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Rights: u16 {
        /// Map the window or memory object.
        const MAP = 1 << 0;
        /// Map it readable.
        const READ = 1 << 1;
        /// Map it writable.
        const WRITE = 1 << 2;
        /// Map it executable. Memory objects only; no window ever has it.
        const EXEC = 1 << 3;
        /// Call an endpoint, or signal a notification.
        const SEND = 1 << 4;
        /// Receive from an endpoint, or wait on a notification.
        const RECV = 1 << 5;
        /// Make a child capability of it.
        const DERIVE = 1 << 6;
        /// Pass it to another process, by message or by install.
        const GRANT = 1 << 7;
        /// End all that was derived from it.
        const REVOKE = 1 << 8;
        /// Control and inspect the object itself.
        const MANAGE = 1 << 9;
        /// Have the kernel write addresses of a device's own memory, for its window or its tables.
        const PLACE = 1 << 10;
    }
}

bitflags::bitflags! {
    /// Access that a mapping gives. READ alone, READ|WRITE, or READ|EXEC; nothing else is valid.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Prot: u8 {
        /// Loads.
        const READ = 1 << 0;
        /// Stores.
        const WRITE = 1 << 1;
        /// Instruction fetch.
        const EXEC = 1 << 2;
    }
}
