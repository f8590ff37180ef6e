//! lifespan turns every change of a Kubernetes object's spec into OpenTelemetry spans.

pub mod cli;
pub mod context;
pub mod engine;
pub mod export;
pub mod kinds;
pub mod lifecycle;
pub mod otlp;
pub mod recording;
pub mod report;
pub mod show;
pub mod store;
pub mod traces;
