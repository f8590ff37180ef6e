//! What is deployed agrees with what is built.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test")]

use std::fs;
use std::path::Path;

use lifespan::config::{Config, Lookup, Source, load};
use lifespan::rbac::rbac;

const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// As in a Pod.
struct Pod;

impl Lookup for Pod {
    fn env(&self, name: &str) -> Option<String> {
        (name == "MY_POD_IP").then(|| "10.0.0.1".to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        fs::read_to_string(Path::new(TOP).join(path)).map_err(|error| error.to_string())
    }
}

fn config(path: &str) -> Config {
    load(&[Source::Config(path.to_owned())], &Pod)
        .unwrap_or_else(|faults| panic!("{faults}"))
        .config
}

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(TOP).join(path)).unwrap()
}

#[test]
fn what_may_be_read_is_what_is_watched_and_nothing_else() {
    for overlay in ["cluster", "namespaced"] {
        let folder = format!("deploy/kustomize/overlays/{overlay}");
        let receiver = config(&format!("{folder}/lifespan.yaml")).receiver;
        let targets: Vec<_> = receiver.watched().into_iter().map(|it| it.target).collect();
        assert_eq!(text(&format!("{folder}/rbac.yaml")), rbac(&targets, "lifespan"), "{overlay}");
    }
}

#[test]
fn probes_and_ports_are_those_that_are_served() {
    let deployment = text("deploy/kustomize/base/deployment.yaml");
    let config = config("deploy/kustomize/overlays/cluster/lifespan.yaml");
    let health = format!("{:?}", config.extensions);
    assert!(health.contains("10.0.0.1:13133") && health.contains("path: \"/\""), "{health}");
    assert_eq!(config.service.metrics.endpoint, "10.0.0.1:8888");
    for needed in [
        "containerPort: 13133",
        "containerPort: 8888",
        "path: /, port: health",
        "runAsNonRoot: true",
        "readOnlyRootFilesystem: true",
        "drop: [ALL]",
    ] {
        assert!(deployment.contains(needed), "{needed}");
    }
}

#[test]
fn every_key_is_documented_in_a_configuration_that_loads() {
    let config = config("config/lifespan.yaml");
    assert_eq!(config.exporters.len(), 1);
    assert_eq!(config.extensions.len(), 2);
}
