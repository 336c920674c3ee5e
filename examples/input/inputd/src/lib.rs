//! Owner of a virtio input device (virtio 1.2, 5.8).
//!
//! ```text
//! device --8 bytes--> events --key--> pace --a few lines a second--> log
//! ```
//!
//! Each stage is one module; `server` drives the device and answers for it. The device was set up before
//! this process began: there is no register here but the doorbell and the acknowledgement of its interrupt.
#![no_std]
#![forbid(unsafe_code)]

pub mod events;
pub mod pace;
pub mod server;
