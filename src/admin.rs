//! What this process says of itself over HTTP: health, metrics, debug pages.

pub mod answer;
pub mod known;
pub mod pages;
pub mod server;
pub mod waits;
