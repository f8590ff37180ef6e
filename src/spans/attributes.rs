//! Attributes by registered semantic conventions (1.44) first; everything of ours is `lifespan.*`.

use std::sync::Arc;

use crate::facts::instant::Instant;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::{Attribute, Resource, Value};
use crate::lifecycle::closed::Portrait;
use crate::lifecycle::rules::Rules;

/// `lifespan.time.uncertainty_ms` is said from this many milliseconds on.
const UNCERTAIN_MS: i64 = 50;

/// The resource of a tree: the service, the cluster, the namespace and the root workload.
///
/// `service.name` by the rule for Kubernetes workloads: what the object says of itself, else its
/// name; or one fixed name.
#[must_use]
pub fn resource(tree: &Portrait, rules: &Rules) -> Resource {
    let top = &tree.top;
    // The runs of a CronJob are one service.
    let cron = tree.owner.as_ref().filter(|owner| owner.kind == Kind::CronJob);
    let service = tree.service.as_deref().or(cron.map(|owner| &*owner.name));
    let service = rules.service_name.as_deref().or(service).unwrap_or(&top.name);
    let mut attributes: Vec<Attribute> = vec![("service.name", service.to_owned().into())];
    for (key, value) in
        [("k8s.cluster.uid", &rules.cluster_uid), ("k8s.cluster.name", &rules.cluster_name)]
    {
        attributes.extend(value.clone().map(|value| (key, value.into())));
    }
    if let Some(namespace) = &top.namespace {
        attributes.push(("k8s.namespace.name", namespace.to_string().into()));
    }
    push_object(&mut attributes, &top.kind, &top.name, top.uid);
    Resource { attributes }
}

/// Name and uid of an object, always together.
pub fn push_object(to: &mut Vec<Attribute>, kind: &Kind, name: &str, uid: Uid) {
    let keys = kind.attributes();
    let (name_key, uid_key) = keys.unwrap_or(("lifespan.object.name", "lifespan.object.uid"));
    to.push((name_key, name.to_owned().into()));
    to.push((uid_key, uid.to_string().into()));
}

/// Where both ends of a span come from, and how far off they may be.
pub fn push_times(to: &mut Vec<Attribute>, start: &Instant, end: &Instant) {
    to.push(("lifespan.start.source", start.source.name().into()));
    to.push(("lifespan.end.source", end.source.name().into()));
    let uncertainty = start.uncertainty().max(end.uncertainty()).millis();
    if uncertainty > UNCERTAIN_MS {
        to.push(("lifespan.time.uncertainty_ms", uncertainty.into()));
    }
}

/// A shared string as a value.
#[must_use]
pub fn text(text: &Arc<str>) -> Value {
    text.to_string().into()
}

/// `message` cut to 1 KiB at a character.
#[must_use]
pub fn sentence(message: &str) -> String {
    let mut end = message.len().min(1_024);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.get(..end).unwrap_or_default().to_owned()
}

/// What a controller declared, and why it could not get its Pods where that is something else.
#[must_use]
pub fn with_refusal(reason: &str, message: &str, refused: Option<(&str, &str)>) -> String {
    match refused.filter(|(refusal, _)| *refusal != reason) {
        Some((refusal, why)) => format!("{message} ({refusal}: {why})"),
        None => message.to_owned(),
    }
}
