//! DESIGN §6: ids come from causes.

use std::collections::BTreeMap;

use lifespan::facts::ids::{SpanId, TraceId};
use lifespan::facts::span::{FinishedSpan, Span};

use super::script::{Run, run};

/// Traces of all roots, those in progress too, by name and start second.
fn roots(run: &Run) -> BTreeMap<String, TraceId> {
    traces(&run.spans).chain(traces(&run.open)).collect()
}

fn traces<O>(spans: &[Span<O>]) -> impl Iterator<Item = (String, TraceId)> {
    let roots = spans.iter().filter(|span| span.parent.is_none());
    roots.map(|span| (format!("{} {}", span.name, span.object.name), span.trace_id))
}

/// Ids of all spans by what they are about.
fn ids(run: &Run) -> BTreeMap<String, (TraceId, SpanId)> {
    let name = |span: &FinishedSpan| {
        format!("{} {} {:?} {}", span.name, span.object.name, span.container, span.start.0)
    };
    run.spans.iter().map(|span| (name(span), (span.trace_id, span.span_id))).collect()
}

const CREATE: &str = "
    @1   deploy web replicas=1 by=kubectl
    @1.1 rs web-1 of=web replicas=1
    @1.2 pod a of=web-1
    @1.3 pod a scheduled
";

#[test]
fn a_restart_with_a_list_gives_what_is_in_progress_the_same_ids() {
    let rest = "
        @5   pod a running ready
        @5.1 rs web-1 status=1/1
        @5.2 deploy web status=1/1/1
        @30 wait
    ";
    let live = run(&format!("@0 list\n{CREATE}{rest}"));
    let missed = CREATE.replace("rs web", "missed rs web").replace("deploy", "missed deploy");
    let missed = missed.replace("pod a", "missed pod a");
    let restarted = run(&format!("{missed}@2 list\n{rest}"));
    let by_object = |run: &Run| -> BTreeMap<_, _> {
        let all = run.spans.iter().filter(|span| span.outcome.is_some());
        all.map(|span| (span.object.name.to_string(), (span.trace_id, span.span_id))).collect()
    };
    assert_eq!(by_object(&live), by_object(&restarted));
    assert_eq!(by_object(&live).len(), 3);
}

#[test]
fn the_action_is_no_part_of_an_id() {
    // After a list a rollback and a restart are told as an update.
    let rest = "
        @40  deploy web restarted=monday by=kubectl
        @40.1 rs web-2 of=web replicas=1 restarted=monday
    ";
    let live = run(&format!("@0 settled web a\n{rest}@43 wait"));
    let missed = rest.replace("deploy web", "missed deploy web").replace("rs web", "missed rs web");
    let past = "
        @-100 missed deploy web replicas=1 image=v1
        @-99 missed rs web-1 of=web replicas=1 image=v1
        @-95 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
    ";
    let listed = run(&format!("{past}{missed}@41 list\n@45 wait"));
    assert_eq!(
        roots(&live).get("restart Deployment web"),
        roots(&listed).get("update Deployment web")
    );
    assert!(roots(&live).contains_key("restart Deployment web"));
}

#[test]
fn a_cluster_an_object_and_a_cause_each_make_another_trace() {
    let script = |uid: &str, name: &str| {
        format!(
            "set cluster_uid={uid}
            @0 list
            @1 deploy {name} by=kubectl
            @2 deploy {name} status=1/1/1
            @30 deploy {name} image=v2 by=kubectl
            @31 deploy {name} status=1/1/1
            @60 wait"
        )
    };
    let mut traces: Vec<TraceId> = Vec::new();
    for run in [run(&script("x", "web")), run(&script("y", "web")), run(&script("x", "api"))] {
        traces.extend(roots(&run).values());
    }
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), 6);
}

#[test]
fn the_same_script_gives_the_same_spans() {
    let script = format!("@0 list\n{CREATE}@5 pod a running ready\n@6 deploy web status=1/1/1");
    assert_eq!(run(&script).spans, run(&script).spans);
    assert!(!ids(&run(&script)).is_empty());
}
