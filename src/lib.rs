//! lifespan turns every change of a Kubernetes object's spec into OpenTelemetry spans.

pub mod context;
pub mod engine;
pub mod kinds;
pub mod lifecycle;
