//! Service ids that a protocol is found under in the startup block.

/// Whom init asks before it gives anything out, each by the name that it usually has: it finds them by
/// their ids.
pub const AUTHORITIES: [(&str, u32); 2] = [("policyd", POLICYD), ("logd", LOGD)];
/// The others that tests in the guest look for.
pub const OF_TESTS: [(&str, u32); 2] = [("consoled", CONSOLED), ("powerd", POWERD)];

/// The root task.
pub const INIT: u32 = 1;
/// Decides who may hold which device.
pub const POLICYD: u32 = 2;
/// Keeps the log and the ledger.
pub const LOGD: u32 = 3;
/// Owns the UART.
pub const CONSOLED: u32 = 4;
/// Owns the real-time clock.
pub const RTCD: u32 = 5;
/// Owns the power finisher.
pub const POWERD: u32 = 6;
/// Owns the entropy device.
pub const RNGD: u32 = 7;
/// Owns the block device.
pub const VIRTIOBLKD: u32 = 8;
/// Owns the network device.
pub const VIRTIONETD: u32 = 9;
/// The shell.
pub const NSH: u32 = 10;
/// Sets up devices that reach memory by themselves.
pub const BUSD: u32 = 11;
/// Keeps what services put under names, on a disk.
pub const STATEFSD: u32 = 12;
/// Keeps the ledger of every boot.
pub const ARCHIVED: u32 = 13;
/// Gives sockets to services, over the frames of virtionetd.
pub const NETSTACKD: u32 = 14;
/// Serves the page that shows the machine.
pub const HTTPD: u32 = 15;
