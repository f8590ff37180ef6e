//! The admission webhook: its certificate and its socket. What it answers is decided elsewhere.

pub mod certificate;
pub mod server;
