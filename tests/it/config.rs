//! Configurations as a person writes them, and what is said about them.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::expect_file;
use lifespan::cluster::connect::Access;
use lifespan::config::{Extension, Lookup, MetricsLevel, Source, load};
use lifespan::context::{Format, Place, Rule, Rules};
use lifespan::export::settings::{Encoding, Sizer, To, Wire};
use lifespan::facts::time::Nanos;
use lifespan::facts::workload::Mode;

/// Files and variables of a test.
#[derive(Default)]
struct World(BTreeMap<String, String>);

impl Lookup for World {
    fn env(&self, name: &str) -> Option<String> {
        self.0.get(&format!("env:{name}")).cloned()
    }

    fn file(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "there is no such file".to_owned())
    }

    fn http(&self, url: &str) -> Result<String, String> {
        self.file(url)
    }
}

const GOOD: &str = "\
receivers:
  k8s_lifecycle:
    auth_type: kubeConfig
exporters:
  otlp_grpc:
    endpoint: localhost:4317
service:
  pipelines:
    traces:
      receivers: [k8s_lifecycle]
      exporters: [otlp_grpc]
";

/// What is said about `text` laid over a good configuration, or `ok` with its warnings.
fn said(base: &str, text: &str) -> String {
    let world =
        World([("good.yaml", base), ("c.yaml", text)].map(|(k, v)| (k.into(), v.into())).into());
    let sources = ["good.yaml", "c.yaml"].map(|name| Source::Config(name.to_owned()));
    let sources = if base.is_empty() { &sources[1..] } else { &sources[..] };
    match load(sources, &world) {
        Ok(loaded) => {
            let warnings: String =
                loaded.warnings.iter().map(|it| format!("warning: {it}\n")).collect();
            format!("{warnings}ok\n")
        }
        Err(faults) => format!("{faults}\n"),
    }
}

/// The cases stand in a file: a configuration laid over the good one, and what is said about it.
/// `UPDATE_EXPECT=1` writes what is said.
#[test]
fn broken_configurations_are_told_by_place_and_with_what_is_expected() {
    let cases = include_str!("config/broken.txt");
    let mut out = String::new();
    let mut n = 0;
    for case in cases.split("=== ").filter(|case| !case.trim().is_empty()) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (text, _) = rest.split_once("--- ").unwrap();
        let base = if title.starts_with("alone: ") { "" } else { GOOD };
        write!(out, "=== {title}\n{text}--- \n{}", said(base, text)).unwrap();
        n += 1;
    }
    assert!(n >= 40, "{n} cases");
    expect_file!["config/broken.txt"].assert_eq(&out);
}

fn loaded(sources: &[(&str, &str)], sets: &[&str]) -> lifespan::config::Config {
    let world = World(sources.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
    let files = sources.iter().filter(|(name, _)| !name.starts_with("env:"));
    let mut all: Vec<_> = files.map(|(name, _)| Source::Config((*name).to_owned())).collect();
    all.extend(sets.iter().map(|set| Source::Set((*set).to_owned())));
    load(&all, &world).unwrap().config
}

#[test]
fn what_is_written_is_what_is_in_force() {
    let text = "\
receivers:
  k8s_lifecycle/web:
    auth_type: kubeConfig
    context: prod
    namespaces: [shop, billing]
    objects: [{name: pods, label_selector: app=web}, {name: deployments}]
    stable_time: 1m30s
exporters:
  otlp_http/a:
    endpoint: https://host:4318/
    encoding: json
    headers: {authorization: Bearer abc}
    sending_queue: {sizer: bytes, queue_size: 50000, batch: {}}
    retry_on_failure: {enabled: false}
  debug:
  otlp_grpc/unused: {endpoint: nowhere:1}
extensions: {health_check: {endpoint: '0.0.0.0:13133'}, zpages: }
service:
  extensions: [health_check]
  telemetry: {metrics: {level: detailed, readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 9999}}}}]}}
  pipelines:
    traces: {receivers: [k8s_lifecycle/web], exporters: [otlp_http/a]}
    traces/2: {receivers: [k8s_lifecycle/web], exporters: [debug, otlp_http/a]}
";
    let config = loaded(&[("c.yaml", text)], &[]);
    let receiver = &config.receiver;
    assert_eq!(receiver.access, Access::KubeConfig { file: None, context: Some("prod".into()) });
    assert_eq!(receiver.settings.stable_time, Nanos::from_seconds(90));
    let watched = receiver.watched();
    let told: Vec<_> = watched
        .iter()
        .map(|it| {
            (it.target.resource(), it.target.namespace.as_str(), it.target.label_selector.as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("deployments.apps".into(), "shop", ""),
            ("deployments.apps".into(), "billing", ""),
            ("pods".into(), "shop", "app=web"),
            ("pods".into(), "billing", "app=web"),
        ]
    );
    let ids: Vec<_> = config.exporters.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["debug", "otlp_http/a"], "each once, and none that no pipeline names");
    let To::Server { wire, settings, queue } = &config.exporters[1].to else { panic!() };
    assert_eq!(*wire, Wire::Http(Encoding::Json));
    assert_eq!(settings.endpoint, "https://host:4318/v1/traces");
    assert_eq!((queue.sizer, queue.size), (Sizer::Bytes, 50_000));
    assert_eq!(queue.batch.as_ref().unwrap().sizer, Sizer::Bytes);
    let extensions: Vec<_> = config.extensions.values().collect();
    assert_eq!(
        extensions,
        [&Extension::HealthCheck {
            endpoint: "0.0.0.0:13133".into(),
            path: "/".into(),
            is_strict: false
        }]
    );
    assert_eq!(config.service.metrics.level, MetricsLevel::Detailed);
    assert_eq!(config.service.metrics.pulls, ["0.0.0.0:9999"]);
}

/// A configuration that watches these objects.
fn watching(objects: &str) -> lifespan::config::Config {
    let text = format!("receivers: {{k8s_lifecycle: {{objects: {objects}}}}}\n");
    loaded(&[("good.yaml", GOOD), ("c.yaml", &text)], &[])
}

/// What is asked for: group, version and plural.
fn asked(config: &lifespan::config::Config) -> Vec<String> {
    let targets = config.receiver.watched().into_iter().map(|it| it.target);
    targets
        .map(|it| format!("{}/{}/{}", it.group, it.version.unwrap_or_default(), it.plural))
        .collect()
}

#[test]
fn the_name_of_a_preset_is_enough_and_its_version_is_asked_for() {
    let config = watching("[{name: pods}, {name: trainjobs}, {name: jobsets, version: v1alpha2}]");
    assert_eq!(
        asked(&config),
        ["trainer.kubeflow.org//trainjobs", "jobset.x-k8s.io/v1alpha2/jobsets", "/v1/pods"],
        "owners first"
    );
    let kinds: Vec<_> =
        config.receiver.settings.custom_kinds.iter().map(|(_, it)| it.name().to_owned()).collect();
    assert_eq!(kinds, ["TrainJob", "JobSet"]);
    let catalog = &config.receiver.catalog;
    assert!(catalog.is_known("trainer.kubeflow.org/v1alpha1", "TrainJob"));
    assert!(!catalog.is_known("argoproj.io/v1alpha1", "Rollout"), "it is not watched");
}

#[test]
fn any_resource_is_watched_by_the_rules_it_is_given() {
    let config = watching(
        "[{name: rollouts, goal_fields: [strategy]}, {name: widgets, group: example.com, \
         kind: Widget, mode: run, settled_when: [condition=Done, 'jsonpath={.status.phase}=Up'], \
         failed_when: condition=Done=False, progress: '{.status.step}', label_selector: a=b}]",
    );
    assert_eq!(asked(&config), ["example.com//widgets", "argoproj.io//rollouts"]);
    let [widgets, rollouts] = config.receiver.catalog.customs() else { panic!("two") };
    assert_eq!((widgets.kind.as_str(), widgets.rules.mode), ("Widget", Mode::Run));
    let written: Vec<_> = widgets.rules.settled_when.iter().map(ToString::to_string).collect();
    assert_eq!(written, ["condition=Done", "jsonpath={.status.phase}=Up"]);
    assert_eq!(widgets.rules.failed_when[0].to_string(), "condition=Done=False");
    assert_eq!(widgets.rules.progress.as_ref().unwrap().to_string(), "{.status.step}");
    assert_eq!(config.receiver.watched()[0].target.label_selector, "a=b");
    assert_eq!(rollouts.rules.goal_fields, ["strategy"]);
    let written: Vec<_> = rollouts.rules.settled_when.iter().map(ToString::to_string).collect();
    assert_eq!(written, ["jsonpath={.status.phase}=Healthy"], "what is not given is the preset's");
    assert!(rollouts.rules.progress.is_some());
}

#[test]
fn a_resource_of_the_core_group_needs_its_kind_and_no_group() {
    let config = watching(
        "[{name: persistentvolumeclaims, kind: PersistentVolumeClaim, \
         settled_when: 'jsonpath={.status.phase}=Bound'}, {name: services, kind: Service}, \
         {name: pods}]",
    );
    assert_eq!(
        asked(&config),
        ["/v1/persistentvolumeclaims", "/v1/services", "/v1/pods"],
        "the core group has one version, and no server is asked which"
    );
    assert!(config.receiver.catalog.is_known("v1", "PersistentVolumeClaim"));
}

#[test]
fn objects_are_shown_as_they_may_be_configured_again() {
    let world = |text: &str| {
        World([("good.yaml", GOOD), ("c.yaml", text)].map(|(k, v)| (k.into(), v.into())).into())
    };
    let sources = ["good.yaml", "c.yaml"].map(|name| Source::Config(name.to_owned()));
    let text = "receivers: {k8s_lifecycle: {objects: [{name: clusters}, {name: widgets, \
        group: example.com, kind: Widget, settled_when: ['jsonpath={.status.a[0]}'], \
        waiting_when: [condition=Held], wanted: '{.spec.n}', spawns: true, silent: true, \
        max_transition_duration: 90m, exclude_namespaces: [ci], transitions: [update, delete]}, \
        {name: services, kind: Service}], transitions: [create]}}\n";
    let first = load(&sources, &world(text)).unwrap();
    let shown = lifespan::config::shown(&first.entries, true);
    assert!(shown.contains("settled_when: [\"jsonpath={.status.a[0]}\"]"), "{shown}");
    let again = load(&sources, &world(&shown)).unwrap();
    assert_eq!(again.config.receiver.catalog.customs(), first.config.receiver.catalog.customs());
    assert_eq!(again.entries, first.entries);
}

#[test]
fn a_kind_has_rules_of_its_own_for_what_waits_what_it_wants_and_how_long_it_may_take() {
    let config = watching(
        "[{name: widgets, group: example.com, kind: Widget, waiting_when: [condition=Held], \
         wanted: '{.spec.nodes}', spawns: true, silent: true, max_transition_duration: 90m}, \
         {name: deployments, max_transition_duration: 20m}, {name: pods}]",
    );
    let catalog = &config.receiver.catalog;
    let rules = &catalog.customs()[0].rules;
    assert_eq!(rules.waiting_when[0].to_string(), "condition=Held");
    assert_eq!(rules.wanted.as_ref().unwrap().to_string(), "{.spec.nodes}");
    assert!(rules.spawns && rules.is_silent);
    let minutes = |it: i64| Some(Nanos::from_seconds(it * 60));
    assert_eq!(rules.limit, minutes(90));
    let object = |kind: &str| {
        format!(
            r#"{{"kind":"{kind}","metadata":{{"name":"w","namespace":"default","generation":1,
                "uid":"d306cd69-2d2c-4dc9-881f-db7d756a03e0","resourceVersion":"933"}},
                "spec":{{"nodes":3}}}}"#
        )
    };
    for (resource, kind, limit) in [
        ("widgets.example.com", "Widget", minutes(90)),
        ("deployments.apps", "Deployment", minutes(20)),
    ] {
        let lane = catalog.lane_of(resource).unwrap();
        let read = lifespan::kinds::snapshot(catalog, lane, object(kind).as_bytes()).unwrap();
        let lifespan::facts::change::Snapshot::Workload(workload) = read.snapshot else {
            panic!("{kind}")
        };
        assert_eq!(workload.limit, limit, "{kind}");
        assert_eq!(workload.spawns, kind == "Widget");
        assert_eq!(workload.replicas, Some(if kind == "Widget" { 3 } else { 1 }));
    }
}

#[test]
fn namespaces_are_left_out_of_all_kinds_or_of_one() {
    let fields = |text: &str| {
        let config = loaded(&[("good.yaml", GOOD), ("c.yaml", text)], &[]);
        let watched = config.receiver.watched().into_iter();
        watched.map(|it| (it.target.plural, it.target.namespace, it.target.excluded)).collect()
    };
    let watched: Vec<_> = fields(
        "receivers: {k8s_lifecycle: {exclude_namespaces: [{strict: kube-system}], \
         objects: [{name: deployments}, {name: pods, exclude_namespaces: [ci]}]}}\n",
    );
    let named = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        watched,
        [
            ("deployments".to_owned(), String::new(), named(&["kube-system"])),
            ("pods".to_owned(), String::new(), named(&["kube-system", "ci"])),
        ]
    );
    // Of namespaces that are named those that are left out are not asked for.
    let watched: Vec<_> = fields(
        "receivers: {k8s_lifecycle: {namespaces: [a, ci], \
         objects: [{name: deployments}, {name: pods, exclude_namespaces: [ci]}]}}\n",
    );
    let all: Vec<_> = watched.iter().map(|(plural, name, _)| format!("{plural} {name}")).collect();
    assert_eq!(all, ["deployments a", "deployments ci", "pods a"]);
    assert!(watched.iter().all(|(.., excluded)| excluded.is_empty()));
}

#[test]
fn where_trace_contexts_stand_can_be_configured() {
    let built_in = loaded(&[("good.yaml", GOOD)], &[]).receiver.catalog;
    assert_eq!(*built_in.context(), Rules::built_in());
    let text = "\
receivers:
  k8s_lifecycle:
    trace_context:
      rules:
      - {key: example.com/traceparent}
      - {status: trace.context, format: json, relation: parent}
      - {env: CI_TRACEPARENT}
      - {prefix: example.com/}
      - {suffix: /traceparent, kinds: [TaskRun.tekton.dev, Workload]}
      - {label: example.com/b3, format: b3}
      - {prefix: dd/, format: datadog}
      baggage: [team, release]
";
    let catalog = loaded(&[("good.yaml", GOOD), ("c.yaml", text)], &[]).receiver.catalog;
    let rules = catalog.context();
    let rule = |place, format, is_parent| Rule::new(place, Some(format), is_parent).unwrap();
    let status = Place::Status(["trace".into(), "context".into()].into());
    let expected = [
        rule(Place::Key("example.com/traceparent".into()), Format::W3c, false),
        rule(status, Format::Json, true),
        rule(Place::Env("CI_TRACEPARENT".into()), Format::W3c, false),
        rule(Place::Prefix("example.com/".into()), Format::Carrier, false),
        rule(Place::Suffix("/traceparent".into()), Format::W3c, false)
            .of_kinds(["TaskRun.tekton.dev", "Workload"]),
        rule(Place::Label("example.com/b3".into()), Format::B3, false),
        rule(Place::Prefix("dd/".into()), Format::Datadog, false),
    ];
    assert_eq!(rules.all(), expected);
    assert_eq!(rules.baggage(), ["release".into(), "team".into()]);
}

#[test]
fn later_sources_lie_over_earlier_ones_and_set_over_all() {
    let over = "receivers: {k8s_lifecycle: {stable_time: 5s, settle_time: 1s}}\n";
    let config = loaded(
        &[
            ("good.yaml", GOOD),
            ("over.yaml", over),
            ("yaml:receivers::k8s_lifecycle::page_size: 7", ""),
        ],
        &[
            "receivers::k8s_lifecycle::stable_time=${env:STABLE:-7s}",
            "receivers.k8s_lifecycle.cluster_name=a.b",
        ],
    );
    let settings = &config.receiver.settings;
    assert_eq!(settings.stable_time, Nanos::from_seconds(7));
    assert_eq!(settings.settle_time, Nanos::from_seconds(1));
    assert_eq!(settings.cluster_name.as_deref(), Some("a.b"));
    assert_eq!(config.receiver.watch_settings.page_size, 7);
}

#[test]
fn a_variable_may_stand_for_a_text_that_looks_like_a_number() {
    let text =
        "receivers:\n  k8s_lifecycle:\n    cluster_name: ${env:N}\n    page_size: ${env:N}\n";
    let config = loaded(&[("good.yaml", GOOD), ("c.yaml", text), ("env:N", "42")], &[]);
    assert_eq!(config.receiver.settings.cluster_name.as_deref(), Some("42"));
    assert_eq!(config.receiver.watch_settings.page_size, 42);
}

#[test]
fn secrets_are_never_shown() {
    let text = "exporters: {otlp_grpc: {headers: {authorization: hunter2}}}\n";
    let world =
        World([("good.yaml", GOOD), ("c.yaml", text)].map(|(k, v)| (k.into(), v.into())).into());
    let sources = ["good.yaml", "c.yaml"].map(|name| Source::Config(name.to_owned()));
    let loaded = load(&sources, &world).unwrap();
    assert!(!format!("{:?}", loaded.config).contains("hunter2"));
    let shown = lifespan::config::shown(&loaded.entries, false);
    assert!(shown.contains("headers: {authorization: \"[REDACTED]\"}"), "{shown}");
}
