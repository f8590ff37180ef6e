//! What tests share.

pub(crate) mod checks;
pub(crate) mod drive;
pub(crate) mod lines;
pub(crate) mod model;
pub(crate) mod truth;
