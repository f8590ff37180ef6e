//! The trees that come of a recording, without their times.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use lifespan::facts::span::FinishedSpan;

use super::checks::{outcome, text, traces};
use super::drive::Run;
use super::lines::{Line, recording, recordings};
use super::model::{self, Make};

/// What must agree whatever the clocks say: names, objects, ends and errors, and how spans nest.
pub(crate) fn shape(run: &Run) -> Vec<String> {
    let mut all = Vec::new();
    for trace in traces(&run.spans).values() {
        let Some(root) = trace.root else { continue };
        let mut lines = Vec::new();
        below(root, &trace.spans, "", &mut lines);
        all.push(lines.join("\n"));
    }
    all.sort();
    all
}

fn below(span: &FinishedSpan, all: &[&FinishedSpan], pad: &str, out: &mut Vec<String>) {
    let error = text(span, "error.type");
    let (object, container) = (&span.object.name, span.container.as_deref().unwrap_or_default());
    // A cause by Pods names the second of a kubelet.
    let cause = text(span, "lifespan.cause");
    let by_pod = cause.strip_prefix("pods:").and_then(|cause| cause.split(':').next());
    let cause = by_pod.unwrap_or(cause);
    let unstable = span.attributes.iter().any(|(key, _)| *key == "lifespan.unstable");
    let outcome = outcome(span);
    let name = &span.name;
    out.push(format!(
        "{pad}{name} {object} [{container}] {outcome} {error} {cause} {unstable} {}",
        span.links.len()
    ));
    let children = all.iter().filter(|child| child.parent == Some(span.span_id));
    let mut parts: Vec<String> = children
        .map(|child| {
            let mut lines = Vec::new();
            below(child, all, &format!("{pad}  "), &mut lines);
            lines.join("\n")
        })
        .collect();
    parts.sort();
    out.extend(parts);
}

/// Recorded clusters, and some that the model makes up: as many of each kind, unless `LIFESPAN_SEEDS`
/// asks for more.
pub(crate) fn histories(least: u64) -> Vec<(String, Vec<Line>)> {
    let recorded = recordings().into_iter().map(|name| (name.clone(), recording(&name)));
    let asked = std::env::var("LIFESPAN_SEEDS").ok().and_then(|text| text.parse().ok());
    let makes: [&'static [Make]; 4] =
        [&[Make::Deployment], &[Make::StatefulSet], &[Make::DaemonSet], &[Make::Job]];
    let made = makes.into_iter().flat_map(|makes| {
        (0..asked.unwrap_or(least)).map(move |seed| {
            let name = format!("{} of seed {seed}", makes.first().unwrap().kind());
            (name, model::history_of(makes, seed, 20).lines)
        })
    });
    recorded.chain(made).collect()
}

/// What differs from the history as it is.
pub(crate) fn difference(
    name: &str,
    what: &str,
    expected: &[String],
    shifted: &[String],
) -> Option<String> {
    let lacks: Vec<_> = expected.iter().filter(|it| !shifted.contains(it)).collect();
    let has: Vec<_> = shifted.iter().filter(|it| !expected.contains(it)).collect();
    let same = lacks.is_empty() && has.is_empty();
    (!same).then(|| format!("{name}, {what}:\n- {lacks:#?}\n+ {has:#?}"))
}
