//! What is deployed agrees with what is built.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test")]

use std::fs;
use std::path::Path;

use lifespan::config::{Config, Lookup, Source, as_json, load};
use lifespan::rbac::rbac;
use lifespan::telemetry::metrics::names::ALL;
use serde_json::{Value, json};

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
        assert_eq!(
            text(&format!("{folder}/rbac.yaml")),
            rbac(&targets, "lifespan", receiver.settings.cluster_uid.is_none()),
            "{overlay}"
        );
    }
}

#[test]
fn probes_and_ports_are_those_that_are_served() {
    let deployment = text("deploy/kustomize/base/deployment.yaml");
    let config = config("deploy/kustomize/overlays/cluster/lifespan.yaml");
    let health = format!("{:?}", config.extensions);
    assert!(health.contains("10.0.0.1:13133") && health.contains("path: \"/\""), "{health}");
    assert_eq!(config.service.metrics.pulls, ["10.0.0.1:8888"]);
    for needed in [
        "containerPort: 13133",
        "containerPort: 8888",
        "path: /, port: health",
        "path: /livez, port: health",
        "imagePullPolicy: IfNotPresent",
        "runAsNonRoot: true",
        "readOnlyRootFilesystem: true",
        "drop: [ALL]",
    ] {
        assert!(deployment.contains(needed), "{needed}");
    }
}

/// Whichever overlay it is added to: nothing of that goes missing, and what is configured is mounted.
#[test]
fn a_storage_stands_on_a_volume_that_outlasts_the_pod_and_that_it_may_write_to() {
    let folder = "deploy/kustomize/components/storage";
    for overlay in ["cluster", "namespaced"] {
        let files = [format!("deploy/kustomize/overlays/{overlay}/lifespan.yaml")];
        let with = [files[0].clone(), format!("{folder}/storage.yaml")];
        let read = |files: &[String]| {
            let sources: Vec<_> = files.iter().cloned().map(Source::Config).collect();
            load(&sources, &Pod).unwrap_or_else(|faults| panic!("{faults}")).config
        };
        let (plain, stored) = (read(&files), read(&with));
        assert!(plain.extensions.keys().all(|id| stored.extensions.contains_key(id)), "{overlay}");
        let (_, settings) = stored.storage.unwrap();
        assert!(stored.receiver.is_stored && stored.exporters.iter().all(|it| it.is_stored()));
        let patch = manifest(&format!("{folder}/deployment.yaml"));
        let added = |end: &str| -> Vec<&Value> {
            let all = patch.as_array().unwrap().iter();
            all.filter(|it| it["path"].as_str().unwrap().ends_with(end))
                .map(|it| &it["value"])
                .collect()
        };
        let mounts = added("/volumeMounts/-");
        let at = |path: &str| {
            let mount = mounts.iter().find(|it| it["mountPath"] == path).unwrap();
            let volumes = added("/volumes/-");
            (*volumes.iter().find(|it| it["name"] == mount["name"]).unwrap()).clone()
        };
        let claim = manifest(&format!("{folder}/claim.yaml"));
        let volume = at(settings.directory.to_str().unwrap());
        assert_eq!(volume["persistentVolumeClaim"]["claimName"], claim["metadata"]["name"]);
        assert_eq!(added("/args/-"), [&json!("--config"), &json!("/storage/storage.yaml")]);
        assert_eq!(at("/storage")["configMap"]["name"], "lifespan-storage");
        let deployment = manifest("deploy/kustomize/base/deployment.yaml");
        assert_eq!(deployment["spec"]["strategy"]["type"], "Recreate");
        let security = &deployment["spec"]["template"]["spec"]["securityContext"];
        assert_eq!(added("/fsGroup"), [&security["runAsGroup"]]);
        assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteOnce"]));
    }
}

fn manifest(path: &str) -> Value {
    serde_json::from_str(&as_json(&text(path)).unwrap()).unwrap()
}

#[test]
fn the_webhook_can_neither_hold_up_a_write_nor_ask_about_what_it_does_not_stamp() {
    let folder = "deploy/kustomize/components/webhook";
    let configuration = manifest(&format!("{folder}/configuration.yaml"));
    let [webhook] = &**configuration["webhooks"].as_array().unwrap() else { panic!() };
    assert_eq!(webhook["failurePolicy"], "Ignore");
    assert_eq!(webhook["timeoutSeconds"], 1);
    assert_eq!(webhook["clientConfig"]["service"]["path"], "/stamp");
    for rule in webhook["rules"].as_array().unwrap() {
        assert_eq!(rule["operations"], json!(["CREATE", "UPDATE"]));
        let resources = rule["resources"].to_string();
        // Subresources have a slash; Pods and ReplicaSets are made by controllers.
        for not in ["/", "*", "\"pods", "replicasets"] {
            assert!(!resources.contains(not), "{resources}");
        }
    }
    let arguments = text(&format!("{folder}/deployment.yaml"));
    let name = configuration["metadata"]["name"].as_str().unwrap();
    assert!(arguments.contains(&format!("--configuration={name}\n")));
    assert!(arguments.contains("--service=lifespan-webhook.lifespan.svc\n"));
    assert!(arguments.contains("--listen=0.0.0.0:9443\n"));
    assert!(arguments.contains("containerPort: 9443"));
}

#[test]
fn the_webhook_is_off_unless_asked_for_and_may_write_its_own_configuration_alone() {
    for overlay in ["cluster", "namespaced"] {
        let path = format!("deploy/kustomize/overlays/{overlay}/kustomization.yaml");
        assert!(!text(&path).contains("webhook"), "{overlay}");
    }
    let rbac = text("deploy/kustomize/components/webhook/rbac.yaml");
    let (role, _) = rbac.split_once("---").unwrap();
    let role: Value = serde_json::from_str(&as_json(role).unwrap()).unwrap();
    assert_eq!(
        role["rules"],
        json!([{"apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["mutatingwebhookconfigurations"],
            "resourceNames": ["lifespan-webhook"], "verbs": ["get", "update"]}])
    );
}

#[test]
fn every_key_is_documented_in_a_configuration_that_loads() {
    let config = config("config/lifespan.yaml");
    assert_eq!(config.exporters.len(), 1);
    assert_eq!(config.extensions.len(), 2);
}

/// Name, type and meaning of each metric, as the code has them.
fn metrics() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    ALL.iter().map(|metric| {
        let help = metric.help.rsplit_once(" [").map_or(metric.help, |(help, _)| help);
        (metric.name, metric.kind, help)
    })
}

#[test]
fn the_documentation_has_exactly_the_metrics_there_are() {
    let documentation = text("config/documentation.md");
    let (_, table) = documentation.split_once("## Metrics\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<_> =
        metrics().map(|(name, kind, help)| format!("| `{name}` | {kind} | {help} |")).collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_metadata_has_exactly_the_metrics_that_bear_the_collectors_prefix() {
    let metadata = manifest("config/metadata.yaml");
    let described = metadata["telemetry"]["metrics"].as_object().unwrap();
    let mut expected: Vec<_> = metrics()
        .filter_map(|(name, kind, help)| Some((name.strip_prefix("otelcol_")?, kind, help)))
        .collect();
    expected.sort_unstable();
    let mut found = Vec::new();
    for (name, metric) in described {
        let kind = match () {
            () if metric["sum"]["monotonic"] == true => "counter",
            () if metric["gauge"].is_object() => "gauge",
            () if metric["histogram"].is_object() => "histogram",
            () => "nothing",
        };
        found.push((name.as_str(), kind, metric["description"].as_str().unwrap()));
    }
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(metadata["type"], "k8s_lifecycle");
}

/// The headings of a document, as links name them.
fn headings(document: &Path) -> impl Iterator<Item = String> {
    let said = fs::read_to_string(document).unwrap();
    let named = |line: &str| {
        let kept = line.chars().filter(|it| it.is_alphanumeric() || [' ', '-', '_'].contains(it));
        kept.collect::<String>().trim().to_lowercase().replace(' ', "-")
    };
    let found: Vec<_> = said.lines().filter(|it| it.starts_with('#')).map(named).collect();
    found.into_iter()
}

#[test]
fn every_document_that_is_named_is_there() {
    for document in ["README.md", "config/documentation.md", "deploy/README.md"] {
        let folder = Path::new(TOP).join(document);
        let said = text(document);
        for link in said.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { folder.clone() } else { folder.with_file_name(file) };
            assert!(file.exists(), "{document}: {link}");
            let is_there = heading.is_empty() || headings(&file).any(|it| it == heading);
            assert!(is_there, "{document}: {link}");
        }
    }
}
