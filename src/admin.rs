//! What this process says of itself over HTTP: health, metrics, debug pages.

pub mod answer;
pub mod known;
pub mod pages;
mod push;
pub mod server;
mod status;
pub mod waits;
