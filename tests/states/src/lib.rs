//! The grant, policyd, logd, a busd and init's registry, composed and explored in every state that they can
//! reach: a model for stateright whose transitions are the functions that run in the guest.
//!
//! [`outside`] is what surrounds them: a small kernel, and calls that can fail in every way that a
//! call can. [`model`] lets everything happen at every point, up to a stated bound; [`properties`]
//! says what must hold whatever happens. [`lives`] goes on from there: services end, and init starts them
//! again.
#![forbid(unsafe_code)]

mod busd;
pub mod lives;
pub mod model;
pub mod outside;
pub mod properties;
pub mod system;
