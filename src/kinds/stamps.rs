//! Where the trace contexts of an object stand, for kinds that are read as trees.

use serde::Deserialize;

use super::catalog::group_of;
use super::json_value::JsonValue;
use super::metadata::Metadata;
use super::refusal::decode;
use super::{RefusedStamp, SnapshotError, read::Text};
use crate::context::{Carrier, Refused, Rules, Stamps};

/// Where kinds have the spec of their Pods: themselves Pods, with a template, with a template of
/// a template.
const POD_SPECS: [&[&str]; 3] =
    [&[], &["template", "spec"], &["jobTemplate", "spec", "template", "spec"]];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw<'a> {
    #[serde(borrow, rename = "apiVersion")]
    api_version: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: JsonValue<'a>,
    #[serde(borrow)]
    status: JsonValue<'a>,
}

/// The trace contexts on an object of any kind, in all places that `rules` name.
///
/// # Errors
/// Tells the object, the key and what is expected where it is no object of Kubernetes.
pub fn stamps(json: &[u8], rules: &Rules) -> Result<Stamps, SnapshotError> {
    let Raw { api_version, kind, metadata, spec, status } = decode::<Raw<'_>>("object", json)?;
    let mut carrier = metadata.carrier(rules, &kind.0, group_of(&api_version.0));
    let lists = POD_SPECS.iter().filter_map(|path| spec.below(path)).flat_map(|pod| {
        ["containers", "initContainers"].into_iter().filter_map(|list| pod.at(list))
    });
    lists.flat_map(JsonValue::items).for_each(|container| env(container, &mut carrier));
    self::status(&status, &mut carrier);
    Ok(carrier.read())
}

/// Looks for trace contexts in the env of a container; no other value is looked at.
pub(super) fn env<'a>(container: &JsonValue<'a>, carrier: &mut Carrier<'_, 'a>) {
    let env = container.at("env").map(JsonValue::items).unwrap_or_default();
    carrier.env(|name| {
        // Of two variables of one name the last one counts.
        let variable = env.iter().rfind(|variable| variable.text_at("name") == Some(name))?;
        variable.at("value")?.text().cloned()
    });
}

/// Looks for trace contexts in a status.
pub(super) fn status<'a>(status: &JsonValue<'a>, carrier: &mut Carrier<'_, 'a>) {
    carrier.status(|path| {
        let found = path.iter().try_fold(status, |node, key| node.at(key))?;
        found.text().cloned()
    });
}

/// Names the object in what was refused.
pub(super) fn told(refused: Vec<Refused>, object: impl Fn() -> String) -> Vec<RefusedStamp> {
    let told =
        |Refused { key, flaw, problem }| RefusedStamp { object: object(), key, flaw, problem };
    refused.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::stamps;
    use crate::context::{Format, Place, Rule, Rules};

    fn read_by(json: &str, rules: &Rules) -> Vec<String> {
        let read = stamps(json.as_bytes(), rules).unwrap();
        assert_eq!(read.refused, []);
        let told = |stamp: &crate::facts::stamp::Stamp| {
            let relation = if stamp.is_parent { " parent" } else { "" };
            format!("{} {}{relation}", stamp.found, stamp.context.span_id)
        };
        read.stamps.iter().map(told).collect()
    }

    fn read(json: &str) -> Vec<String> {
        read_by(json, &Rules::built_in())
    }

    const A: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// As the controller of Tekton 1.6 wrote it: the span of the TaskRun twice, that of its
    /// PipelineRun once.
    #[test]
    fn a_task_run_of_tekton_carries_its_contexts_in_annotations_and_status() {
        let of = |span| format!("00-8cc1507c7b24e7669ae6ffde1e6aeec9-{span}-01");
        let (pipeline, task) = (of("dd18ad9d958ee9db"), of("0bc5d0f3aa017693"));
        let annotations = format!(
            r#""tekton.dev/pipelinerunSpanContext":"{{\"traceparent\":\"{pipeline}\"}}",
            "tekton.dev/taskrunSpanContext":"{{\"traceparent\":\"{task}\"}}""#
        );
        let metadata = format!(r#"{{"name":"ship-compile","annotations":{{{annotations}}}}}"#);
        let pipelines = "tekton.dev/pipelinerunSpanContext dd18ad9d958ee9db parent";
        // The status comes a moment after the annotations.
        assert_eq!(
            read(&format!(
                r#"{{"apiVersion":"tekton.dev/v1","kind":"TaskRun","metadata":{metadata}}}"#
            )),
            ["tekton.dev/taskrunSpanContext 0bc5d0f3aa017693 parent", pipelines]
        );
        let status = format!(r#"{{"spanContext":{{"traceparent":"{task}"}}}}"#);
        assert_eq!(
            read(&format!(
                r#"{{"apiVersion":"tekton.dev/v1","kind":"TaskRun","metadata":{metadata},"status":{status}}}"#
            )),
            ["status.spanContext 0bc5d0f3aa017693 parent", pipelines]
        );
    }

    /// The example of Tekton's documentation of external parents; and the same on an object of
    /// another kind, which an annotation that was copied does not move into that trace.
    #[test]
    fn what_tekton_has_as_parents_is_that_for_kinds_of_tekton_alone() {
        let of = |api_version, kind| {
            read(&format!(
                r#"{{"apiVersion":"{api_version}","kind":"{kind}","metadata":{{"name":"a",
                "annotations":{{"tekton.dev/deliveryTraceparent":"{A}"}}}},
                "status":{{"spanContext":{{"traceparent":"{A}"}}}}}}"#
            ))
        };
        let found = of("tekton.dev/v1", "PipelineRun");
        assert_eq!(found, ["status.spanContext b7ad6b7169203331 parent"]);
        assert_eq!(of("apps/v1", "Deployment"), [""; 0]);
        assert_eq!(of("example.com/v1", "PipelineRun"), [""; 0]);
    }

    #[test]
    fn a_label_is_read_where_a_rule_names_it() {
        let rule = Rule::new(Place::Label("example.com/trace".into()), None, false).unwrap();
        let json =
            format!(r#"{{"metadata":{{"labels":{{"app":"a","example.com/trace":"{A}"}}}}}}"#);
        let found = read_by(&json, &Rules::new(vec![rule], []));
        assert_eq!(found, ["label example.com/trace b7ad6b7169203331"]);
    }

    /// As the SDK of Kubeflow writes it.
    #[test]
    fn a_train_job_of_kubeflow_carries_its_context_under_a_prefix() {
        let json = r#"{"kind":"TrainJob","metadata":{"name":"gpt","annotations":{
            "opentelemetry.io/traceparent":"00-d30455dc8d64f9636e620cc2918272ef-13eaa94a90992a6c-01",
            "opentelemetry.io/tracestate":"vendor=abc"}}}"#;
        assert_eq!(read(json), ["opentelemetry.io/traceparent 13eaa94a90992a6c"]);
        let state = stamps(json.as_bytes(), &Rules::built_in()).unwrap().stamps;
        assert_eq!(&*state[0].context.trace_state, "vendor=abc");
    }

    /// As the clients of agent sandboxes write it.
    #[test]
    fn a_sandbox_claim_carries_its_context_as_json() {
        let json = format!(
            r#"{{"kind":"SandboxClaim","metadata":{{"annotations":{{"opentelemetry.io/trace-context":
            "{{\"traceparent\": \"{A}\"}}"}}}}}}"#
        );
        assert_eq!(read(&json), ["opentelemetry.io/trace-context b7ad6b7169203331"]);
    }

    #[test]
    fn the_env_of_pods_is_found_wherever_their_spec_is() {
        let pod = format!(
            r#"{{"containers":[{{"name":"a"}},{{"name":"b","env":[{{"name":"TRACEPARENT","value":"{A}"}},
            {{"name":"TRACEPARENT2","value":"x"}}]}}]}}"#
        );
        for spec in [
            pod.clone(),
            format!(r#"{{"template":{{"spec":{pod}}}}}"#),
            format!(r#"{{"jobTemplate":{{"spec":{{"template":{{"spec":{pod}}}}}}}}}"#),
        ] {
            let found = read(&format!(r#"{{"spec":{spec}}}"#));
            assert_eq!(found, ["env TRACEPARENT b7ad6b7169203331"], "{spec}");
        }
    }

    #[test]
    fn a_status_may_be_read_as_text_too() {
        let status = |format| {
            let place = Place::Status(["trace".into()].into());
            Rules::new(vec![Rule::new(place, Some(format), false).unwrap()], [])
        };
        let text = format!(r#"{{"status":{{"trace":"{A}"}}}}"#);
        assert_eq!(read_by(&text, &status(Format::W3c)), ["status.trace b7ad6b7169203331"]);
        assert_eq!(read_by(&text, &status(Format::Carrier)), [""; 0]);
        let json = format!(r#"{{"status":{{"trace":"{{\"traceparent\":\"{A}\"}}"}}}}"#);
        assert_eq!(read_by(&json, &status(Format::Json)), ["status.trace b7ad6b7169203331"]);
    }

    #[test]
    fn what_is_no_object_is_refused_and_what_is_strange_is_passed_over() {
        let rules = Rules::built_in();
        assert!(stamps(b"[", &rules).unwrap_err().to_string().starts_with("object: "));
        for json in [r#"{"spec":7,"status":"x"}"#, r#"{"metadata":{"annotations":[1]}}"#, "{}"] {
            assert_eq!(stamps(json.as_bytes(), &rules).unwrap().stamps, []);
        }
    }
}
