//! What an admission webhook answers: a review and the headers of its request in, a patch out; pure.
//!
//! Every object is admitted; at most an annotation is added to it. What is stamped is what somebody
//! decided: creations and changes of a spec, of objects that nobody else controls. A trace context
//! that somebody else wrote stays; what the webhook wrote is written anew with each change, also
//! where an undo brings an old one back.

mod counts;
mod decide;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

pub use counts::Counts;

use crate::context::{Injection, Rule, Rules, TRACEPARENT, TraceContext, to_traceparent};
use decide::{Decided, Request, decide};

/// How requests are answered.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Where trace contexts may stand already.
    pub rules: Rules,
    /// Where they are written.
    pub place: Rule,
    /// Whether a trace begins where the request has no trace context.
    pub mints: bool,
    /// Whether somebody records the root spans of such traces; else they are not sampled.
    pub is_recorded: bool,
}

impl Default for Policy {
    fn default() -> Self {
        let place = Injection::default().rule;
        Self { rules: Rules::built_in(), place, mints: false, is_recorded: false }
    }
}

impl Policy {
    /// Whether an object, as it is in the cluster, bears this `traceparent`.
    #[must_use]
    pub fn bears(&self, object: &Value, traceparent: &str) -> bool {
        let annotations = object.pointer("/metadata/annotations").and_then(Value::as_object);
        let mut values = annotations.into_iter().flatten().filter_map(|(_, value)| value.as_str());
        values.any(|value| value.contains(traceparent))
    }
}

/// A trace that begins with a stamp that the API server has yet to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its root.
    pub context: TraceContext,
    /// `Deployment shop/web`
    pub object: String,
    /// Where the API server has the object once it is stored.
    pub path: String,
    /// What stands on it then.
    pub traceparent: String,
}

/// The headers of the request, each as often as it was sent.
#[derive(Clone, Debug, Default)]
pub struct Headers<'a> {
    /// `traceparent`
    pub parents: Vec<&'a str>,
    /// `tracestate`
    pub states: Vec<&'a str>,
}

/// What is answered, and what became of the object.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The `AdmissionReview`.
    pub answer: String,
    /// `Deployment`
    pub kind: String,
    /// Whether it was stamped.
    pub outcome: Outcome,
    /// A trace whose root is to be sent if the object is stored.
    pub begun: Option<Begun>,
}

/// Whether an object was stamped, and with what.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With the trace context of the request.
    Stamped,
    /// With a trace that begins here.
    Minted(TraceContext),
    /// Not.
    Skipped(Skip),
}

/// Why an object was not stamped: a closed set, to count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// It is neither created nor updated.
    Operation,
    /// Only a part of it is written: its status, its scale.
    Subresource,
    /// Nothing will be written.
    DryRun,
    /// It is written all the time, and decided by nobody: a Lease, an Event, Endpoints.
    Heartbeat,
    /// A controller made it: its owner bears the stamp.
    Owned,
    /// It wants what it wanted before.
    Unchanged,
    /// It has a trace context that is new, or that whoever writes it writes each time.
    HasStamp,
    /// The request has no trace context, and none is to be made.
    NoContext,
    /// It, or all its annotations together, are so large that more could be refused.
    NoRoom,
    /// It is no object that can be read.
    Unreadable,
}

impl Skip {
    /// All there are.
    pub const ALL: [Self; 10] = [
        Self::Operation,
        Self::Subresource,
        Self::DryRun,
        Self::Heartbeat,
        Self::Owned,
        Self::Unchanged,
        Self::HasStamp,
        Self::NoContext,
        Self::NoRoom,
        Self::Unreadable,
    ];

    /// As metrics name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Subresource => "subresource",
            Self::DryRun => "dry_run",
            Self::Heartbeat => "heartbeat",
            Self::Owned => "owned",
            Self::Unchanged => "unchanged",
            Self::HasStamp => "has_stamp",
            Self::NoContext => "no_context",
            Self::NoRoom => "no_room",
            Self::Unreadable => "unreadable",
        }
    }
}

#[derive(Deserialize)]
struct Review<'a> {
    #[serde(borrow)]
    request: Request<'a>,
}

/// Answers the review in `body`. `random` is for a trace that may begin here.
///
/// # Errors
/// It is no review, and there is nobody to answer.
pub fn answer(
    body: &[u8],
    headers: &Headers<'_>,
    policy: &Policy,
    random: &[u8; 32],
) -> Result<Verdict, String> {
    let Review { request } = serde_json::from_slice(body)
        .map_err(|error| format!("an AdmissionReview is expected: {error}"))?;
    let decided = decide(&request, headers, policy, random);
    let mut response = json!({"uid": request.uid, "allowed": true});
    let mut begun = None;
    let path = request.path();
    let Request { kind, namespace, name, .. } = request;
    let name = name.filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "without a name".to_owned());
    let object = match namespace.as_deref() {
        None | Some("") => format!("{} {name}", kind.kind),
        Some(namespace) => format!("{} {namespace}/{name}", kind.kind),
    };
    let outcome = match decided {
        Ok(Decided { patch, context, outcome }) => {
            let traceparent = to_traceparent(&context);
            if let Some(response) = response.as_object_mut() {
                response.insert("patchType".to_owned(), json!("JSONPatch"));
                response.insert("patch".to_owned(), json!(STANDARD.encode(patch.to_string())));
                let audit = json!({TRACEPARENT: traceparent});
                response.insert("auditAnnotations".to_owned(), audit);
            }
            if let (true, Outcome::Minted(_), Some(path)) = (policy.is_recorded, &outcome, path) {
                begun = Some(Begun { context, object, path, traceparent });
            }
            outcome
        }
        Err(skip) => Outcome::Skipped(skip),
    };
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response,
    });
    Ok(Verdict { answer: answer.to_string(), kind: kind.kind, outcome, begun })
}

#[cfg(test)]
mod tests;
