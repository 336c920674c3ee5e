//! Owner of a virtio input device.
//!
//! `driver` is all that touches the device, and is tested on the host (tests/); main.rs puts it together
//! with what `nexus-virtio` has for every virtio device: identity, and the answers to others.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod driver;
