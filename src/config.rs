//! The configuration, in the grammar of the OpenTelemetry Collector.
//!
//! Sources are read, merged and expanded to one tree that knows where everything stands
//! ([`node`], `expand`); sections are read out of it ([`reader`]) into plain settings; and all
//! that is wrong is told together. What a key means and what it is by default is said once, where
//! it is read: `config/lifespan.yaml`, `print-config` and the help about unknown keys come from
//! there.

mod append;
mod component;
mod expand;
mod exporters;
mod extensions;
mod fixed;
mod gates;
mod load;
mod namespaces;
mod nearest;
pub mod node;
mod objects;
pub mod reader;
mod receiver;
mod redact;
mod roots;
mod sampling;
mod selectors;
mod service;
mod show;
mod trace_context;
mod values;

pub use component::Id;
pub use expand::Lookup;
pub use extensions::{ComponentHealth, Extension};
pub use gates::{Gate, Stage, described};
pub use load::{Faults, Loaded, Source, load};
pub use objects::Object;
pub use receiver::Receiver;
pub use service::{LogEncoding, LogLevel, Logs, Metrics, MetricsLevel, Push, Service};
pub use show::{Format, as_json, components, documented, shown};

use std::collections::BTreeMap;

use crate::export::settings::Exporter;
use crate::storage;

/// What is configured, proven.
#[derive(Clone, Debug)]
pub struct Config {
    /// The receiver that the pipelines name.
    pub receiver: Receiver,
    /// The exporters that the pipelines name, each once.
    pub exporters: Vec<Exporter>,
    /// The extensions that `service` names and that serve something.
    pub extensions: BTreeMap<Id, Extension>,
    /// The extension that the receiver or an exporter stores in, and how.
    pub storage: Option<(Id, storage::Settings)>,
    /// How this process tells of itself.
    pub service: Service,
}
