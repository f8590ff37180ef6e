//! The core: changes in, finished spans out.
//!
//! No I/O, no clock, no async, no randomness: time comes in as an argument, and the same changes
//! give the same spans, byte for byte.

pub mod attributes;
pub mod draft;
pub mod failure;
pub mod ids;
pub mod inlet;
pub mod instant;
pub mod lane;
pub mod object;
pub mod phases;
pub mod pod;
pub mod relist;
pub mod settle;
pub mod span;
mod spans;
pub mod time;
pub mod transition;
pub mod tree;
