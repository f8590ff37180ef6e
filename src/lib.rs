//! lifespan turns every change of a Kubernetes object's spec into OpenTelemetry spans.

pub mod engine;
pub mod export;
pub mod kinds;
pub mod lifecycle;
pub mod otlp;
