//! The one integration binary.

mod cli;
mod export;
mod golden;
mod support;
mod tidy;
