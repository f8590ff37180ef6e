//! Hands finished spans to exporters, each with a queue and a pace of its own.

pub mod books;
