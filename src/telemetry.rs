//! How this process tells of itself: logs and metrics, with the Collector's names.

pub mod delays;
pub mod instance;
pub mod logs;
pub mod metrics;
pub mod process;
