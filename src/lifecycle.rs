//! All decisions: changes in, what has ended out.
//!
//! No I/O, no clock, no async, no randomness: time comes in as an argument, and the same changes
//! end the same, byte for byte. [`tree`] is the door: a tree changes by a [`turn`], of which what
//! leaves is [`closed`]. [`meaning`] is the table of what a write means, [`settle`] when a workload
//! has settled; [`pods`], [`forest`] and [`nodes`] hold the parts of a tree and what is counted of
//! them, [`transition`] what it goes through.

pub mod action;
pub mod closed;
pub mod forest;
pub mod kept;
pub mod meaning;
pub mod nodes;
pub mod pod;
pub mod pods;
mod room;
pub mod rules;
pub mod settle;
pub mod shapes;
pub mod shared;
pub mod spec_change;
pub mod step;
pub mod transition;
pub mod tree;
pub mod turn;
