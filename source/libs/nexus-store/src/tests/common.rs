//! A small store in memory, and what is known of its content.

pub(crate) use crate::trial::content::*;
