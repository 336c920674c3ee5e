//! Descriptions for the host tests of services.

use alloc::vec::Vec;

use crate::{Permission, Restart, Service};

/// A service that serves, needs nothing and calls nobody.
#[must_use]
pub fn service(id: u32, name: &str, permissions: &[Permission]) -> Service {
    Service {
        id,
        name: name.into(),
        priority: 10,
        frames: 64,
        objects: 64,
        stack_pages: 16,
        needs: Vec::new(),
        talks_to: Vec::new(),
        serves: true,
        restart: Restart::Never,
        must_prove: Vec::new(),
        permissions: permissions.to_vec(),
    }
}
