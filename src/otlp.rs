//! OTLP: finished spans in, bytes, documents and decisions about answers out.
//!
//! No I/O, no clock, no async. It is apart from `lifecycle` because the core must not know how
//! spans travel, and apart from `export` because what is sent, when it is resent and when it is
//! given up can be tested without a socket.

pub mod backoff;
pub mod batch;
pub mod encode;
pub mod json;
pub mod number;
pub mod sample;
pub mod verdict;
mod wire;
