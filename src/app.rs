//! The running program: lanes, core and exporters wired together, started and stopped in order.

pub mod driver;
