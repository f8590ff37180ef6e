//! The one integration binary.

mod export;
mod support;
