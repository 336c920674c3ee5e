//! The way to the driver of the card.

use core::fmt::Debug;

use nexus_proto::net::{AttachRings, Card, Info, Net as Protocol};
use nexus_rt::{Client, Deadline, Ring};

/// The driver, as one reaches it who shares rings with it.
pub trait Road: Debug {
    /// Wakes it.
    fn tell(&mut self);

    /// True once it has no next life: nothing comes any more.
    fn is_over(&self) -> bool;

    /// What the card is; `None` when the driver does not say so soon.
    fn info(&mut self) -> Option<Card>;

    /// Has it join the attachment that was begun in each half. False when it does not answer soon.
    fn join(&mut self) -> bool;
}

/// Milliseconds that the driver has. It answers at once, or it is being started again.
const CALL_MS: u64 = 50;

/// The way of this process to virtionetd.
#[derive(Debug)]
pub struct OwnRoad {
    ring: Ring,
    driver: Client<Protocol>,
}

impl OwnRoad {
    /// By this ring.
    #[must_use]
    pub const fn new(ring: Ring, driver: Client<Protocol>) -> OwnRoad {
        OwnRoad { ring, driver }
    }
}

impl Road for OwnRoad {
    fn tell(&mut self) {
        // Whoever cannot be told has ended, which the rings say.
        let _ = self.ring.tell().tell();
    }

    fn is_over(&self) -> bool {
        self.ring.tell().is_over()
    }

    fn info(&mut self) -> Option<Card> {
        self.driver.call(&Info {}, Deadline::after_ms(CALL_MS)).ok()
    }

    fn join(&mut self) -> bool {
        self.driver.call(&AttachRings {}, Deadline::after_ms(CALL_MS)).is_ok()
    }
}
