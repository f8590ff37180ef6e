//! Trace contexts on built-in kinds, where the rules say.

use crate::context::{Flaw, Format, Place, Rule, Rules};
use crate::facts::change::Snapshot;
use crate::facts::kind::Lane;
use crate::kinds::{Catalog, Decoded, snapshot};

/// Built-in kinds whose Pods are made from a template of their own.
const OF_PODS: [Lane; 6] = [
    Lane::Deployments,
    Lane::StatefulSets,
    Lane::DaemonSets,
    Lane::Jobs,
    Lane::ReplicaSets,
    Lane::ReplicationControllers,
];

fn traceparent(n: u8) -> String {
    format!("00-0af7651916cd43dd8448eb211c80319c-00000000000000{n:02x}-01")
}

/// An object with these annotations and this spec.
fn with(annotations: &str, spec: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"web","namespace":"default","resourceVersion":"933",
            "uid":"d306cd69-2d2c-4dc9-881f-db7d756a03e0","annotations":{annotations}}},"spec":{spec}}}"#
    )
}

/// A template of Pods that has these annotations, and this env variable beside a secret one.
fn template(annotations: &str, name: &str, value: &str) -> String {
    format!(
        r#"{{"metadata":{{"annotations":{annotations}}},"spec":{{"containers":[{{"name":"a","env":[
            {{"name":"PASSWORD","value":"hunter2"}},{{"name":"{name}","value":"{value}"}}]}}]}}}}"#
    )
}

fn decoded(catalog: &Catalog, lane: Lane, json: &str) -> Decoded {
    let decoded = snapshot(catalog, lane, json.as_bytes()).unwrap();
    assert!(!format!("{decoded:?}").contains("hunter2"), "{decoded:?}");
    decoded
}

/// Where the stamps stood, their parent-ids and relations.
fn told(decoded: &Decoded) -> Vec<String> {
    let stamps = match &decoded.snapshot {
        Snapshot::Workload(workload) => &workload.stamps,
        Snapshot::Pod(pod) => &pod.stamps,
    };
    assert_eq!(stamps.len(), decoded.n_stamps);
    let told = |stamp: &crate::facts::stamp::Stamp| {
        let relation = if stamp.is_parent { " parent" } else { "" };
        format!("{} {}{relation}", stamp.found, stamp.context.span_id)
    };
    stamps.iter().map(told).collect()
}

#[test]
fn annotations_and_the_env_of_the_pod_template_are_read_on_every_kind_that_has_one() {
    let annotations = format!(r#"{{"tracing.k8s.io/traceparent":"{}"}}"#, traceparent(1));
    let template = template("{}", "TRACEPARENT", &traceparent(2));
    let json = with(&annotations, &format!(r#"{{"template":{template}}}"#));
    for lane in OF_PODS {
        let decoded = decoded(&Catalog::default(), lane, &json);
        assert_eq!(
            told(&decoded),
            ["tracing.k8s.io/traceparent 0000000000000001", "env TRACEPARENT 0000000000000002"],
            "{lane:?}"
        );
        assert_eq!(decoded.refused_stamps, []);
    }
}

#[test]
fn the_rules_of_the_catalogue_hold_for_every_kind() {
    let key = Place::Key("example.com/context".into());
    let rules = vec![
        Rule::new(Place::Env("CI_TRACEPARENT".into()), None, false).unwrap(),
        Rule::new(key, Some(Format::Json), true).unwrap(),
    ];
    let catalog = Catalog::default().with_context(Rules::new(rules, []));
    let annotations = format!(
        r#"{{"tracing.k8s.io/traceparent":"{}","example.com/context":"{{\"traceparent\":\"{}\"}}"}}"#,
        traceparent(1),
        traceparent(2)
    );
    let of_rules =
        ["env CI_TRACEPARENT 0000000000000003", "example.com/context 0000000000000002 parent"];
    let template = template("{}", "CI_TRACEPARENT", &traceparent(3));
    for lane in OF_PODS {
        let json = with(&annotations, &format!(r#"{{"template":{template}}}"#));
        assert_eq!(told(&decoded(&catalog, lane, &json)), of_rules, "{lane:?}");
    }
    let spec = r#"{"containers":[{"name":"a","env":[{"name":"CI_TRACEPARENT","value":"#;
    let pod = with(&annotations, &format!(r#"{spec}"{}"}}]}}]}}"#, traceparent(3)));
    assert_eq!(told(&decoded(&catalog, Lane::Pods, &pod)), of_rules);
    let cron_job = with(&annotations, "{}");
    assert_eq!(told(&decoded(&catalog, Lane::CronJobs, &cron_job)), of_rules[1..]);
}

#[test]
fn a_malformed_trace_context_is_told_with_its_reason_on_every_kind() {
    let template = template("{}", "TRACEPARENT", "x");
    let annotations = r#"{"opentelemetry.io/trace-context":"x"}"#;
    let json = with(annotations, &format!(r#"{{"template":{template}}}"#));
    for lane in OF_PODS {
        let kind = Catalog::default().kind(lane).unwrap();
        let decoded = decoded(&Catalog::default(), lane, &json);
        let told: Vec<_> =
            decoded.refused_stamps.iter().map(|it| (&*it.object, &*it.key, it.flaw)).collect();
        let object = format!("{} default/web", kind.name());
        assert_eq!(
            told,
            [
                (&*object, "opentelemetry.io/trace-context", Flaw::Json),
                (&*object, "env TRACEPARENT", Flaw::Traceparent)
            ]
        );
        assert_eq!(decoded.n_stamps, 0);
    }
}

#[test]
fn what_the_job_template_carries_is_of_the_jobs_and_not_of_their_cron_job() {
    let stamped = |n| format!(r#"{{"tracing.k8s.io/traceparent":"{}"}}"#, traceparent(n));
    let job =
        format!(r#"{{"template":{}}}"#, template(&stamped(1), "TRACEPARENT", &traceparent(2)));
    let spec = format!(
        r#"{{"jobTemplate":{{"metadata":{{"annotations":{}}},"spec":{job}}}}}"#,
        stamped(3)
    );
    let cron_job = |annotations: &str| {
        told(&decoded(&Catalog::default(), Lane::CronJobs, &with(annotations, &spec)))
    };
    assert_eq!(cron_job("{}"), [""; 0]);
    assert_eq!(cron_job(&stamped(4)), ["tracing.k8s.io/traceparent 0000000000000004"]);
    // The Job that is made from it has the annotations of the job template, and its env.
    let job = decoded(&Catalog::default(), Lane::Jobs, &with(&stamped(3), &job));
    assert_eq!(
        told(&job),
        ["tracing.k8s.io/traceparent 0000000000000003", "env TRACEPARENT 0000000000000002"]
    );
}

#[test]
fn a_malformed_trace_context_in_the_job_template_is_not_told_of_the_cron_job() {
    let template = template("{}", "TRACEPARENT", "x");
    let spec = format!(r#"{{"jobTemplate":{{"spec":{{"template":{template}}}}}}}"#);
    let decoded = decoded(&Catalog::default(), Lane::CronJobs, &with("{}", &spec));
    assert_eq!((decoded.n_stamps, decoded.refused_stamps), (0, Vec::new()));
}
