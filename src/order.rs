//! In what order things are taken in: by resourceVersion, never by arrival. Pure.

pub mod arrivals;
pub mod inlet;
pub mod relist;
