//! The one integration binary.

mod cli;
mod export;
mod golden;
mod properties;
mod recordings;
mod support;
mod tidy;
