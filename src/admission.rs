//! What an admission webhook answers: a review and the headers of its request in, a patch out; pure.
//!
//! Every object is admitted; at most an annotation is added to it. What is stamped is what somebody
//! decided: creations and changes of a spec, of objects that nobody else controls.

mod counts;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

pub use counts::Counts;

use crate::context::{self, Injection, Rules, Stamps};
use crate::facts::stamp::TraceContext;
use crate::kinds;

/// Keys of an object that do not say what is wanted.
const NOT_WANTED: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// How requests are answered.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Where trace contexts may stand already.
    pub rules: Rules,
    /// Whether a trace begins where the request has no trace context.
    pub mints: bool,
    /// Whether somebody records the root spans of such traces; else they are not sampled.
    pub is_recorded: bool,
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
    /// `Deployment shop/web`
    pub object: String,
    /// Whether it was stamped.
    pub outcome: Outcome,
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
    /// A controller made it: its owner bears the stamp.
    Owned,
    /// It wants what it wanted before.
    Unchanged,
    /// It has a trace context that is new.
    HasStamp,
    /// The request has no trace context, and none is to be made.
    NoContext,
    /// It is no object that can be read.
    Unreadable,
}

impl Skip {
    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::Operation,
        Self::Subresource,
        Self::DryRun,
        Self::Owned,
        Self::Unchanged,
        Self::HasStamp,
        Self::NoContext,
        Self::Unreadable,
    ];

    /// As metrics name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Subresource => "subresource",
            Self::DryRun => "dry_run",
            Self::Owned => "owned",
            Self::Unchanged => "unchanged",
            Self::HasStamp => "has_stamp",
            Self::NoContext => "no_context",
            Self::Unreadable => "unreadable",
        }
    }
}

#[derive(Deserialize)]
struct Review<'a> {
    #[serde(borrow)]
    request: Request<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    uid: String,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    sub_resource: Option<String>,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    dry_run: Option<bool>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    old_object: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kind {
    kind: String,
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
    let outcome = match decided {
        Ok((patch, outcome)) => {
            if let Some(response) = response.as_object_mut() {
                response.insert("patchType".to_owned(), json!("JSONPatch"));
                response.insert("patch".to_owned(), json!(STANDARD.encode(patch.to_string())));
            }
            outcome
        }
        Err(skip) => Outcome::Skipped(skip),
    };
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response,
    });
    let name = request.name.filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "without a name".to_owned());
    let object = match request.namespace.as_deref() {
        None | Some("") => format!("{} {name}", request.kind.kind),
        Some(namespace) => format!("{} {namespace}/{name}", request.kind.kind),
    };
    Ok(Verdict { answer: answer.to_string(), kind: request.kind.kind, object, outcome })
}

/// The JSON patch that stamps the object, or why it is left as it is.
fn decide(
    request: &Request<'_>,
    headers: &Headers<'_>,
    policy: &Policy,
    random: &[u8; 32],
) -> Result<(Value, Outcome), Skip> {
    let is_update = match request.operation.as_str() {
        "CREATE" => false,
        "UPDATE" => true,
        _ => return Err(Skip::Operation),
    };
    if request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
        return Err(Skip::Subresource);
    }
    if request.dry_run == Some(true) {
        return Err(Skip::DryRun);
    }
    let raw = request.object.ok_or(Skip::Unreadable)?.get();
    let object: Map<String, Value> = serde_json::from_str(raw).map_err(|_| Skip::Unreadable)?;
    let metadata = object.get("metadata").and_then(Value::as_object).ok_or(Skip::Unreadable)?;
    let owners = metadata.get("ownerReferences").and_then(Value::as_array);
    let is_controller = |owner: &Value| owner.get("controller") == Some(&Value::Bool(true));
    if owners.is_some_and(|owners| owners.iter().any(is_controller)) {
        return Err(Skip::Owned);
    }
    let stamps = |raw: &str| -> Result<Stamps, Skip> {
        kinds::stamps(raw.as_bytes(), &policy.rules).map_err(|_| Skip::Unreadable)
    };
    let mut fresh = stamps(raw)?.stamps;
    if is_update {
        let old = request.old_object.ok_or(Skip::Unreadable)?.get();
        let before: Map<String, Value> = serde_json::from_str(old).map_err(|_| Skip::Unreadable)?;
        if wants_the_same(&before, &object) {
            return Err(Skip::Unchanged);
        }
        let known = stamps(old)?.stamps;
        fresh.retain(|stamp| known.iter().all(|known| known.context != stamp.context));
    }
    if !fresh.is_empty() {
        return Err(Skip::HasStamp);
    }
    let (context, outcome) = match sent(headers) {
        Some(context) => (context, Outcome::Stamped),
        None if policy.mints => {
            let mut context = context::minted(random);
            if !policy.is_recorded {
                // Nobody records the root of this trace, and the flag must say so.
                context.flags &= !1;
            }
            (context.clone(), Outcome::Minted(context))
        }
        None => return Err(Skip::NoContext),
    };
    let annotations = Injection::default().annotations(&context).ok_or(Skip::Unreadable)?;
    Ok((patch(metadata, annotations), outcome))
}

/// Whether both say the same but for what others write about them.
fn wants_the_same(before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    let wanted = |key: &&String| !NOT_WANTED.contains(&key.as_str());
    let mut keys = before.keys().chain(after.keys()).filter(wanted);
    keys.all(|key| before.get(key) == after.get(key))
}

/// The trace context of the request. Two of them are as good as none.
fn sent(headers: &Headers<'_>) -> Option<TraceContext> {
    let [parent] = *headers.parents else { return None };
    let (trace_id, span_id, flags) = context::traceparent(parent.trim()).ok()?;
    // Several fields are one, in their order (RFC 9110, section 5.3).
    let state = headers.states.join(",");
    let trace_state = if context::tracestate(&state).is_ok() { state.into() } else { "".into() };
    Some(TraceContext { trace_id, span_id, flags, trace_state })
}

/// RFC 6902. Nothing is tested: the API server applies it to what it has sent.
fn patch(metadata: &Map<String, Value>, annotations: Vec<(String, Option<String>)>) -> Value {
    let known = metadata.get("annotations").and_then(Value::as_object);
    let mut steps = Vec::new();
    if known.is_none() {
        steps.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    for (key, value) in annotations {
        let path = format!("/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1"));
        match value {
            Some(value) => steps.push(json!({"op": "add", "path": path, "value": value})),
            None if known.is_some_and(|known| known.contains_key(&key)) => {
                steps.push(json!({"op": "remove", "path": path}));
            }
            None => {}
        }
    }
    Value::Array(steps)
}

#[cfg(test)]
mod tests;
