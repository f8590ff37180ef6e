//! The one integration binary.

mod properties;
mod recordings;
mod support;
