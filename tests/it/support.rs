//! What tests stand on.

pub(crate) mod fake_collector;
