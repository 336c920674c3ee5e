//! `rtc`: the wall clock. Served by rtcd.

protocol! {
    /// Marker of the protocol.
    pub Rtc = 5 "rtc" {
        /// What time it is.
        1 Now -> Time, again;
    }
}

payloads! {
    /// Asks what time it is.
    pub struct Now {}

    /// What time it is.
    pub struct Time {
        /// Nanoseconds since 1970-01-01 00:00 UTC.
        pub unix_ns: u64,
        /// The tick (`time` CSR) at which it was so.
        pub ticks: u64,
    }
}
