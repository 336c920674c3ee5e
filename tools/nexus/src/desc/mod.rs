//! The description: `system/` read, checked and compiled.
