//! The text format of Prometheus.

use std::collections::BTreeMap;

use super::names::{Metric, TARGET_INFO};
use crate::text::{put, putln};

/// The text that is being written.
pub(super) struct Page {
    pub(super) out: String,
    /// Labels of every series.
    common: String,
    resource: Vec<(String, String)>,
}

impl Page {
    pub(super) fn new(resource: &BTreeMap<String, String>) -> Self {
        let resource: Vec<_> = resource
            .iter()
            .map(|(key, value)| (key.replace(['.', '-', '/'], "_"), value.clone()))
            .collect();
        let service = resource.iter().filter(|(key, _)| key.starts_with("service_"));
        let common: Vec<_> = service.map(|(key, value)| label(key, value)).collect();
        Self { out: String::new(), common: common.join(","), resource }
    }

    pub(super) fn one(
        &mut self,
        metric: Metric,
        labels: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) {
        self.head(metric);
        self.series(metric.name, labels.iter().copied(), &value);
    }

    pub(super) fn many(
        &mut self,
        metric: Metric,
        series: Vec<(Vec<(&'static str, String)>, impl std::fmt::Display)>,
    ) {
        if series.is_empty() {
            return;
        }
        self.head(metric);
        for (labels, value) in series {
            self.series(
                metric.name,
                labels.iter().map(|(key, value)| (*key, value.as_str())),
                &value,
            );
        }
    }

    pub(super) fn head(&mut self, Metric { name, kind, help }: Metric) {
        put!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    pub(super) fn series<'a>(
        &mut self,
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
        value: &dyn std::fmt::Display,
    ) {
        let mut all: Vec<_> = labels.map(|(key, value)| label(key, value)).collect();
        if !self.common.is_empty() {
            all.push(self.common.clone());
        }
        putln!(self.out, "{name}{{{}}} {value}", all.join(","));
    }

    pub(super) fn target_info(&mut self) {
        self.head(TARGET_INFO);
        let labels: Vec<_> = self.resource.iter().map(|(key, value)| label(key, value)).collect();
        putln!(self.out, "target_info{{{}}} 1", labels.join(","));
    }
}

/// Escaped as the text format asks for.
fn label(key: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{key}=\"{value}\"")
}
