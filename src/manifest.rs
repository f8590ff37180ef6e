//! Trace contexts written into manifests: YAML or JSON in, the same text with annotations more; pure.
//!
//! The text is edited, not written anew: comments, order and formatting of all else stay as they
//! are. What others refer to by an anchor is written out where they refer to it, so that they say
//! what they said. What comes out is read again, and if it does not say what it said before and the
//! trace context, it is refused.

mod edit;
mod json;
mod patch;
mod plain;
mod tree;
mod yaml;

pub use patch::merge_patch;

use std::collections::BTreeMap;

use crate::context::{Injected, Injection, TraceContext, to_traceparent};
use crate::facts::kind::Kind;
use edit::{Edit, Editor, apply};
use plain::{Plain, Step, What};
use tree::{Document, Node, Value};

/// Why a manifest cannot be stamped, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("document {document}, line {line}: {problem}")]
pub struct ManifestError {
    /// From 1.
    pub document: usize,
    /// From 1, in the whole text.
    pub line: usize,
    /// What is wrong, and what is expected.
    pub problem: String,
}

/// What is written, and where.
#[derive(Clone, Debug)]
pub struct Stamping<'a> {
    /// The trace context.
    pub context: &'a TraceContext,
    /// How.
    pub injection: Injection<'a>,
    /// Onto objects of which kinds: `Rollout.argoproj.io`, or `Rollout` of any group; `None` for
    /// all.
    pub kinds: Option<Vec<String>>,
    /// Whether pod templates are stamped too, which rolls their Pods.
    pub with_pod_templates: bool,
    /// Whether it is put into the environment of the containers of Jobs and TrainJobs.
    pub with_env: bool,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// It bears the trace context now.
    Stamped,
    /// It had another one, which stays.
    Kept,
    /// It is of no kind that is stamped.
    Passed,
    /// All its annotations have no room for more.
    NoRoom,
}

/// A manifest that was stamped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamped {
    /// The text.
    pub text: String,
    /// The objects in it, `Deployment shop/web`, and what became of each.
    pub objects: Vec<(String, Became)>,
}

/// What was read or written, or at which line what stands in its way.
type OrAt<T> = Result<T, (usize, String)>;

use Step::Key as K;

/// Where pods are described within other objects, and the Jobs of a CronJob.
const TEMPLATES: [&[Step]; 3] = [
    &[K("spec"), K("template")],
    &[K("spec"), K("jobTemplate")],
    &[K("spec"), K("jobTemplate"), K("spec"), K("template")],
];

/// The lists of containers of a Job.
const CONTAINERS: [&[Step]; 2] = [
    &[K("spec"), K("template"), K("spec"), K("initContainers")],
    &[K("spec"), K("template"), K("spec"), K("containers")],
];

/// Where a TrainJob has the environment of its trainer.
const TRAINER: &[Step] = &[K("spec"), K("trainer"), K("env")];

/// Stamps the objects in `text`: documents of YAML or JSON, lists included.
///
/// # Errors
/// Tells the document and the line of what is no object of Kubernetes.
pub fn stamp(text: &str, how: &Stamping<'_>) -> Result<Stamped, ManifestError> {
    // A mark of the order of bytes, which tells nothing in UTF-8, stays where it is.
    let (mark, text) = text.strip_prefix('\u{feff}').map_or(("", text), |rest| ("\u{feff}", rest));
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let is_json = json::is_json(text);
    let read = |text: &str| if is_json { json::read(text) } else { yaml::read(text) };
    let documents = read(text)?;
    let mut out = Stamped::default();
    let mut edits = Vec::new();
    let mut wanted = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let document_of = |(line, problem)| ManifestError { document: index + 1, line, problem };
        let (meaning, more) =
            stamp_document(text, newline, document, how, &mut out.objects).map_err(document_of)?;
        edits.extend(more);
        wanted.push(meaning);
    }
    out.text = apply(text, edits);
    let again = read(&out.text);
    let is_right = again.as_ref().is_ok_and(|again| {
        let says = |(one, wanted): (&Document, &Plain)| one.plain(&one.root).as_ref() == Ok(wanted);
        again.len() == wanted.len() && again.iter().zip(&wanted).all(says)
    });
    if is_right {
        out.text.insert_str(0, mark);
        return Ok(out);
    }
    let line = again.err().map_or(1, |error| error.line);
    let problem = "this cannot be edited in place: write metadata and annotations as plain maps";
    Err(ManifestError { document: 1, line, problem: problem.to_owned() })
}

/// What the document is to say, and the edits that make it do so.
fn stamp_document(
    text: &str,
    newline: &'static str,
    document: &Document,
    how: &Stamping<'_>,
    told: &mut Vec<(String, Became)>,
) -> OrAt<(Plain, Vec<Edit>)> {
    let mut meaning = document.plain(&document.root)?;
    let mut editor = Editor::new(text, newline, document);
    // Between two separators there may be nothing but comments.
    if !document.root.is_null() {
        for (path, node) in objects(document, &meaning)? {
            let object = meaning.below(&path).cloned().unwrap_or_else(Plain::null);
            let name = named(node, &object)?;
            let (became, changes) = changes(&object, how);
            told.push((name, became));
            for (below, what) in changes {
                let whole: Vec<Step> = path.iter().chain(&below).cloned().collect();
                editor.put(node, &below, &what)?;
                if !meaning.put(&whole, &what) {
                    let problem = "metadata and annotations are maps: something else stands there";
                    return Err((node.line, problem.to_owned()));
                }
            }
        }
    }
    Ok((meaning, editor.finish()?))
}

/// The objects of a document: itself, or the items of a list; each with the way to it.
fn objects<'d>(document: &'d Document, meaning: &Plain) -> OrAt<Vec<(Vec<Step>, &'d Node)>> {
    let root = &document.root;
    let Value::Map(entries) = &root.value else {
        return Err((root.line, format!("this is {}: an object is expected", root.told())));
    };
    let kind = meaning.at("kind").and_then(Plain::text).unwrap_or_default();
    let items = entries.iter().find(|entry| entry.key == "items").map(|entry| &entry.node.value);
    match items {
        Some(Value::List(items)) if kind.ends_with("List") => {
            let all = items.iter().enumerate();
            Ok(all.map(|(at, item)| (vec![K("items"), Step::Index(at)], item)).collect())
        }
        _ => Ok(vec![(Vec::new(), root)]),
    }
}

/// `Deployment shop/web`
fn named(node: &Node, object: &Plain) -> OrAt<String> {
    let line = node.line;
    let kind = object.at("kind").and_then(Plain::text).filter(|kind| !kind.is_empty());
    let kind = kind
        .ok_or_else(|| (line, "kind is missing: an object of Kubernetes is expected".to_owned()))?;
    let metadata = object.at("metadata").ok_or_else(|| {
        (line, "metadata is missing: a map with the object's name is expected".to_owned())
    })?;
    let text = |key| metadata.at(key).and_then(Plain::text);
    let name = text("name").or_else(|| text("generateName")).unwrap_or("without a name");
    Ok(match text("namespace") {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    })
}

/// What is to be written onto an object, each at the end of its way.
fn changes(object: &Plain, how: &Stamping<'_>) -> (Became, Vec<(Vec<Step>, What)>) {
    let text = |key| object.at(key).and_then(Plain::text).unwrap_or_default();
    let kind = text("kind");
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    if !how.is_of(kind, group) {
        return (Became::Passed, Vec::new());
    }
    let mut all = Vec::new();
    match annotations(object, &[], how) {
        Ok(change) => all.push(change),
        Err(Injected::Kept) => return (Became::Kept, all),
        Err(_) => return (Became::NoRoom, all),
    }
    for path in how.templates(|path| object.below(path).is_some()) {
        // One that has a trace context of its own, or no room, stays as it is.
        all.extend(annotations(object, path, how));
    }
    if how.with_env {
        all.extend(env(object, kind, how));
    }
    (Became::Stamped, all)
}

/// What changes of the annotations of what stands at `path` of an object.
fn annotations(
    object: &Plain,
    path: &[Step],
    how: &Stamping<'_>,
) -> Result<(Vec<Step>, What), Injected> {
    let path: Vec<Step> = path.iter().cloned().chain([K("metadata"), K("annotations")]).collect();
    let mut present = BTreeMap::new();
    if let Some(Plain::Map(map)) = object.below(&path) {
        let texts = map.iter().filter_map(|(key, it)| Some((key.clone(), it.text()?.to_owned())));
        present.extend(texts);
    }
    let changes = how.injection.changes(how.context, &present)?;
    Ok((path, What::Pairs(changes.annotations)))
}

/// What changes of the environment of the containers of a Job or TrainJob.
fn env(object: &Plain, kind: &str, how: &Stamping<'_>) -> Vec<(Vec<Step>, What)> {
    let lists: Vec<Vec<Step>> = match kind {
        "Job" => CONTAINERS
            .iter()
            .flat_map(|list| {
                let n = object.below(list).map_or(0, |list| list.items().len());
                (0..n).map(|at| list.iter().cloned().chain([Step::Index(at), K("env")]).collect())
            })
            .collect(),
        "TrainJob" => vec![TRAINER.to_vec()],
        _ => Vec::new(),
    };
    let has_own = |path: &[Step]| {
        let env = object.below(path).map(Plain::items).unwrap_or_default();
        env.iter().any(|item| item.at("name").and_then(Plain::text) == Some("TRACEPARENT"))
    };
    let state = Some(how.context.trace_state.to_string()).filter(|state| !state.is_empty());
    let variables = vec![("TRACEPARENT", Some(to_traceparent(how.context))), ("TRACESTATE", state)];
    let open = lists.into_iter().filter(|path| how.injection.overwrites || !has_own(path));
    open.map(|path| (path, What::Env(variables.clone()))).collect()
}

impl Stamping<'_> {
    /// Whether objects of `kind` in the API group `group` are stamped.
    fn is_of(&self, kind: &str, group: &str) -> bool {
        let is_it = |known: &String| match known.split_once('.') {
            Some((name, of)) => name == kind && of == group,
            None => known == kind,
        };
        self.kinds.as_ref().is_none_or(|kinds| kinds.iter().any(is_it))
    }

    /// Those of the templates that are there, and to be stamped.
    fn templates(&self, is_there: impl Fn(&[Step]) -> bool) -> Vec<&'static [Step]> {
        let ends: [&[Step]; 3] = [
            &[K("spec"), K("containers")],
            &[K("spec"), K("template")],
            &[K("spec"), K("containers")],
        ];
        let all = TEMPLATES.into_iter().zip(ends).filter(|_| self.with_pod_templates);
        let found = all
            .filter(|(path, end)| is_there(&path.iter().chain(*end).cloned().collect::<Vec<_>>()));
        found.map(|(path, _)| path).collect()
    }
}

/// The built-in kinds of workloads, as [`Stamping::kinds`] names them.
#[must_use]
pub fn workloads() -> Vec<String> {
    let kinds = [
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::ReplicaSet,
        Kind::ReplicationController,
        Kind::Job,
        Kind::CronJob,
        Kind::Pod,
    ];
    let name = |kind: Kind| match kind.group() {
        "" => kind.name().to_owned(),
        group => format!("{}.{group}", kind.name()),
    };
    kinds.map(name).to_vec()
}

#[cfg(test)]
mod tests;
