//! Trace contexts written into manifests: YAML or JSON in, the same text with annotations more; pure.
//!
//! The text is edited, not written anew: comments, order and formatting of all else stay as they
//! are. What comes out is read again, and if it does not say what it said before and the trace
//! context, it is refused.

mod edit;
mod json;
mod patch;
mod tree;
mod yaml;

pub use patch::merge_patch;

use edit::{Edit, apply, put};
use tree::{Node, Value};

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamping {
    /// Annotations, the one that tells whether there is any first; `None` is taken away.
    pub annotations: Vec<(String, Option<String>)>,
    /// Whether a trace context that stands there is replaced.
    pub overwrites: bool,
    /// Whether pod templates are stamped too, which rolls their Pods.
    pub with_pod_templates: bool,
}

/// A manifest that was stamped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamped {
    /// The text.
    pub text: String,
    /// The objects in it, `Deployment shop/web`, and whether each was stamped or had its own.
    pub objects: Vec<(String, bool)>,
}

/// Where pods are described within other objects.
const POD_TEMPLATES: [&[&str]; 2] =
    [&["spec", "template"], &["spec", "jobTemplate", "spec", "template"]];

/// Stamps every object in `text`: documents of YAML or JSON, lists included.
///
/// # Errors
/// Tells the document and the line of what is no object of Kubernetes.
pub fn stamp(text: &str, how: &Stamping) -> Result<Stamped, ManifestError> {
    let documents = if json::is_json(text) { json::read(text)? } else { yaml::read(text)? };
    let mut out = Stamped::default();
    let mut edits = Vec::new();
    let mut wanted = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let document_of = |(line, problem)| ManifestError { document: index + 1, line, problem };
        let mut meaning = document.clone();
        // Between two separators there may be nothing but comments.
        if !document.is_null() {
            let each = objects(document).map_err(document_of)?;
            for (path, object) in each {
                let name = named(object).map_err(document_of)?;
                let is_stamped =
                    object_edits(text, object, how, &mut edits).map_err(document_of)?;
                if is_stamped && let Some(object) = meaning.item_mut(path) {
                    intend(object, how);
                }
                out.objects.push((name, is_stamped));
            }
        }
        wanted.push(meaning);
    }
    out.text = apply(text, edits);
    let again = if json::is_json(text) { json::read(&out.text) } else { yaml::read(&out.text) };
    let is_right = again.as_ref().is_ok_and(|again| {
        again.len() == wanted.len() && again.iter().zip(&wanted).all(|(one, other)| one.says(other))
    });
    if is_right {
        return Ok(out);
    }
    let line = again.err().map_or(1, |error| error.line);
    let problem = "this cannot be edited in place: write metadata and annotations as plain maps";
    Err(ManifestError { document: 1, line, problem: problem.to_owned() })
}

type Told<T> = Result<T, (usize, String)>;

/// The objects of a document: itself, or the items of a list; each with its index in it.
fn objects(document: &Node) -> Told<Vec<(Option<usize>, &Node)>> {
    let Value::Map(_) = document.value else {
        return Err((document.line, format!("this is {}: an object is expected", document.told())));
    };
    let kind = document.at("kind").and_then(Node::text).unwrap_or_default();
    match document.at("items") {
        Some(Node { value: Value::List(items), .. }) if kind.ends_with("List") => {
            Ok(items.iter().enumerate().map(|(index, item)| (Some(index), item)).collect())
        }
        _ => Ok(vec![(None, document)]),
    }
}

/// `Deployment shop/web`
fn named(object: &Node) -> Told<String> {
    let line = object.line;
    let kind = object.at("kind").and_then(Node::text).filter(|kind| !kind.is_empty());
    let kind = kind
        .ok_or_else(|| (line, "kind is missing: an object of Kubernetes is expected".to_owned()))?;
    let metadata = object.at("metadata").ok_or_else(|| {
        (line, "metadata is missing: a map with the object's name is expected".to_owned())
    })?;
    let text = |key| metadata.at(key).and_then(Node::text);
    let name = text("name").or_else(|| text("generateName")).unwrap_or("without a name");
    Ok(match text("namespace") {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    })
}

fn object_edits(text: &str, object: &Node, how: &Stamping, edits: &mut Vec<Edit>) -> Told<bool> {
    if is_kept(object, how) {
        return Ok(false);
    }
    put(text, object, &["metadata", "annotations"], &how.annotations, edits)?;
    for template in pod_templates(object, how) {
        put(text, template, &["metadata", "annotations"], &how.annotations, edits)?;
    }
    Ok(true)
}

/// Whether a trace context stands there and stays.
fn is_kept(object: &Node, how: &Stamping) -> bool {
    let annotations = object.at("metadata").and_then(|metadata| metadata.at("annotations"));
    let first = how.annotations.first().map_or("", |(key, _)| key);
    !how.overwrites && annotations.is_some_and(|annotations| annotations.at(first).is_some())
}

/// The pod templates of an object that are to be stamped: those with containers.
fn pod_templates<'a>(object: &'a Node, how: &Stamping) -> Vec<&'a Node> {
    let below = |path: &&[&str]| path.iter().try_fold(object, |node, key| node.at(key));
    let is_template =
        |node: &&Node| node.at("spec").is_some_and(|spec| spec.at("containers").is_some());
    let all = POD_TEMPLATES.iter().filter(|_| how.with_pod_templates);
    all.filter_map(below).filter(is_template).collect()
}

/// What the object is to say afterwards.
fn intend(object: &mut Node, how: &Stamping) {
    let templates: Vec<&[&str]> = POD_TEMPLATES
        .into_iter()
        .filter(|path| {
            let found = path.iter().try_fold(&*object, |node, key| node.at(key));
            found.is_some_and(|found| {
                pod_templates(object, how).iter().any(|it| std::ptr::eq(*it, found))
            })
        })
        .collect();
    object.set(&["metadata", "annotations"], &how.annotations);
    for path in templates {
        let path: Vec<&str> = path.iter().copied().chain(["metadata", "annotations"]).collect();
        object.set(&path, &how.annotations);
    }
}

#[cfg(test)]
mod tests;
