//! Cuts objects from the JSON of lists and watches while its bytes arrive; pure.

pub mod list;
pub mod stream;
