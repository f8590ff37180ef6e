//! The ground that all rooms stand on: data, and what follows from it alone. Pure.

pub mod by_uid;
pub mod change;
pub mod duration;
mod fixed;
pub mod hash;
pub mod ids;
pub mod instant;
pub mod kind;
pub mod meta;
pub mod note;
pub mod paths;
pub mod pod;
pub mod reason;
pub mod span;
pub mod stamp;
pub mod time;
pub mod workload;
