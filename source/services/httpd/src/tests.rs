//! Tests on the host: real requests over connections that are memory, and time that the test lets pass.

mod browser;
pub(crate) mod fixture;
mod limits;
mod markup;
mod one;
mod requests;
mod schema;
mod wire;

use crate::model;
