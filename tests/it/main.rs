//! The one integration binary.

mod cli;
mod export;
mod properties;
mod recordings;
mod support;
mod tidy;
