//! Lists and watches a cluster: one lane a kind, and nothing it says is lost.

pub mod answer;
pub mod ca_bundle;
pub mod clients;
pub mod connect;
pub mod course;
pub mod discovery;
pub mod ear;
pub mod events;
pub mod items;
pub mod lanes;
pub mod reach;
mod reader;
pub mod stamp;
pub mod status;
pub mod target;
mod trouble;
