//! The figures to compare with: seL4 measured on QEMU 7.2, one hart, and what ours may cost at
//! most. In instructions, user stub included.

/// One operation.
#[derive(Debug)]
pub(super) struct Goal {
    /// Its name in a record.
    pub(super) name: &'static str,
    /// What it is, for people.
    pub(super) about: &'static str,
    /// What seL4 takes; `None` where nobody publishes it.
    pub(super) sel4: Option<u64>,
    /// What ours may take.
    pub(super) at_most: Option<u64>,
}

const fn goal(name: &'static str, about: &'static str, sel4: u64, at_most: u64) -> Goal {
    Goal { name, about, sel4: Some(sel4), at_most: Some(at_most) }
}

const fn ours(name: &'static str, about: &'static str) -> Goal {
    Goal { name, about, sel4: None, at_most: None }
}

const fn bounded(name: &'static str, about: &'static str, at_most: u64) -> Goal {
    Goal { name, about, sel4: None, at_most: Some(at_most) }
}

/// Every operation of the table, in its order.
pub(super) const GOALS: &[Goal] = &[
    goal("null_syscall", "null system call", 126, 110),
    goal("ipc_call_reply_0w", "call and reply, no words", 548, 500),
    goal("ipc_call_reply_4w", "call and reply, 4 words", 612, 520),
    goal("ipc_call_reply_8w", "call and reply, 8 words", 1872, 540),
    bounded("ipc_call_reply_0w_deadline", "the same by a deadline, none", 500),
    bounded("ipc_call_reply_4w_deadline", "the same by a deadline, 4", 520),
    bounded("ipc_call_reply_8w_deadline", "the same by a deadline, 8", 540),
    goal("ipc_call_reply_cap", "call and reply with a capability", 1602, 1200),
    ours("ipc_reply_next", "reply, and the call of the next"),
    goal("notify_wake", "signal to waiter running", 608, 500),
    bounded("notify_wake_bound", "the same, bound to an endpoint", 500),
    goal("irq_wake", "device interrupt to waiter running", 390, 260),
    bounded("irq_wake_serve", "the same, as a driver receives it", 330),
    goal("irq_ack", "acknowledge an interrupt", 491, 175),
    bounded("irq_ack_value", "the same, and write a register", 190),
    ours("irq_reply_recv", "receive, and what is ready runs"),
    bounded("irq_ack_reply_recv", "acknowledge on the way there, more", 60),
    bounded("mmio_write", "write a register by its mask", 165),
    ours("disk_submit_4k", "give a disk a read of 4 KiB"),
    ours("disk_complete_4k", "the data there, found by a spin"),
    bounded("disk_4k", "both", 400),
    ours("disk_submit_4k_irq", "the same, which will interrupt"),
    ours("disk_complete_4k_irq", "its interrupt to the data there"),
    bounded("disk_4k_irq", "both", 660),
    ours("disk_submit_4k_of_8", "the same of a batch of 8, each"),
    ours("disk_complete_4k_of_8", "its interrupt, each"),
    bounded("disk_4k_of_8", "both, each", 165),
    goal("mmio_map", "map a device page", 734, 600),
    goal("mmio_unmap", "unmap a device page", 680, 600),
    goal("cap_derive", "derive a capability", 906, 500),
    goal("cap_drop", "drop a capability", 847, 500),
    ours("grant", "policy decision to installed"),
    ours("revoke_unmapped", "revoke to unmapped"),
    ours("audit_record", "one ledger record"),
    ours("exchange_nsh_init", "nsh asks init, whole"),
    ours("exchange_policyd_logd", "policyd records with logd, whole"),
    bounded("restart_rng", "rngd dies, until it answers again", 1_200_000),
    ours("restart_rng_quiet", "until its device is at rest"),
    bounded("restart_blk", "virtioblkd dies, until it answers", 2_500_000),
    ours("restart_blk_quiet", "until its device is at rest"),
    bounded("restart_net", "virtionetd dies, until it answers", 1_800_000),
    ours("restart_net_quiet", "until its device is at rest"),
];

/// The goal for a record: also for one at a number of live objects (`mmio_map_at_100`).
pub(super) fn goal_of(name: &str) -> Option<&'static Goal> {
    let plain = name.split_once("_at_").map_or(name, |(plain, _)| plain);
    GOALS.iter().find(|goal| goal.name == plain)
}
