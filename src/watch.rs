//! Lists and watches a cluster: one lane a kind, and nothing it says is lost.

mod cut;
pub mod json;
pub mod lanes;
mod left;
pub mod list_watch;
pub mod listener;
pub mod protobuf;
pub mod reach;
mod reader;
mod reading;
pub mod status;
pub mod target;
mod trouble;
mod unreadable;
