//! The one integration binary.

mod cli;
mod export;
mod support;
mod tidy;
