//! The cluster: how it is found, and the one way to ask its API server.

pub mod api_server;
pub mod ca_bundle;
mod client;
pub mod connect;
pub mod discovery;
pub mod machine;
pub mod objects;
pub mod offset;
mod problem;
pub mod refusal;
