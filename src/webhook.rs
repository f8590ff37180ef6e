//! The admission webhook: its certificate, its socket, and the root spans of traces that it begins.
//! What it answers is decided elsewhere.

pub mod certificate;
pub mod roots;
pub mod server;
