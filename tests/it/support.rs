//! What tests stand on.

pub(crate) mod arrived;
pub(crate) mod checks;
pub(crate) mod cutting;
pub(crate) mod disk;
pub(crate) mod drive;
pub(crate) mod fake_api;
pub(crate) mod fake_collector;
pub(crate) mod fake_http;
pub(crate) mod https;
pub(crate) mod lines;
pub(crate) mod model;
pub(crate) mod moved;
pub(crate) mod protobuf;
pub(crate) mod service;
pub(crate) mod shape;
pub(crate) mod together;
pub(crate) mod truth;
