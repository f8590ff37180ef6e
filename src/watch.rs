//! Lists and watches a cluster: one lane a kind, and nothing it says is lost.

pub mod course;
pub mod items;
pub mod status;
