//! Descriptions for the host tests of services.

use alloc::format;
use alloc::vec::Vec;

use crate::{Permission, Permit, Restart, Service};

/// A service that serves, needs nothing and calls nobody.
#[must_use]
pub fn service(id: u32, name: &str, permissions: &[Permission]) -> Service {
    let permit = |permission: &Permission| Permit {
        permission: *permission,
        id: format!("permit-{id}-{}", permission.name()),
        reason: "a test".into(),
    };
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
        answers_within: None,
        must_prove: Vec::new(),
        permits: permissions.iter().map(permit).collect(),
        rings: Vec::new(),
        tree: None,
        opens: Vec::new(),
    }
}
