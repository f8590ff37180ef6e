//! The text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::families::{Families, Family, Number, Points};
use super::names::{Metric, TARGET_INFO};
use crate::text::{put, putln};

/// The text of `families`, of a process that bears `resource`.
pub(super) fn text(families: &Families, resource: &BTreeMap<String, String>) -> String {
    let resource: Vec<_> = resource
        .iter()
        .map(|(key, value)| (key.replace(['.', '-', '/'], "_"), value.as_str()))
        .collect();
    let service = resource.iter().filter(|(key, _)| key.starts_with("service_"));
    let common: Vec<_> = service.map(|(key, value)| label(key, value)).collect();
    let mut page = Page { out: String::new(), common: common.join(",") };
    for Family { metric, points } in &families.0 {
        page.head(*metric);
        match points {
            Points::Numbers(series) => {
                for (labels, number) in series {
                    let labels = labels.iter().map(|(key, value)| label(key, value));
                    match number {
                        Number::Whole(number) => page.series(metric.name, labels, number),
                        Number::Real(number) => page.series(metric.name, labels, number),
                    }
                }
            }
            Points::Histogram { bounds, counts, sum } => {
                page.histogram(metric.name, bounds, counts, *sum);
            }
        }
    }
    if !families.0.is_empty() {
        page.head(TARGET_INFO);
        let labels: Vec<_> = resource.iter().map(|(key, value)| label(key, value)).collect();
        putln!(page.out, "target_info{{{}}} 1", labels.join(","));
    }
    page.out
}

/// The text that is being written.
struct Page {
    out: String,
    /// Labels of every series.
    common: String,
}

impl Page {
    fn head(&mut self, Metric { name, kind, help }: Metric) {
        put!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn series(&mut self, name: &str, labels: impl Iterator<Item = String>, value: &dyn Display) {
        let mut all: Vec<_> = labels.collect();
        if !self.common.is_empty() {
            all.push(self.common.clone());
        }
        putln!(self.out, "{name}{{{}}} {value}", all.join(","));
    }

    fn histogram(&mut self, name: &str, bounds: &[u64], counts: &[u64], sum: f64) {
        let bounds = bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        let mut so_far = 0;
        for (bound, count) in bounds.zip(counts) {
            so_far += count;
            let labels = [label("le", &bound)].into_iter();
            self.series(&format!("{name}_bucket"), labels, &so_far);
        }
        self.series(&format!("{name}_sum"), [].into_iter(), &sum);
        self.series(&format!("{name}_count"), [].into_iter(), &so_far);
    }
}

/// Escaped as the text format asks for.
fn label(key: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{key}=\"{value}\"")
}
