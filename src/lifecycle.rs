//! The core: changes in, finished spans out.
//!
//! No I/O, no clock, no async, no randomness: time comes in as an argument, and the same changes
//! give the same spans, byte for byte.

pub mod pod;
pub mod settle;
pub mod transition;
pub mod tree;
