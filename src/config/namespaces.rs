//! Names of namespaces: those to watch, and those to leave out.

use super::node::{Node, Place, Value};
use super::reader::Section;
use super::values::quoted;
use crate::facts::meta::is_label;

/// The namespaces to watch.
pub(super) fn namespaces(s: &mut Section<'_>) -> Vec<String> {
    let given = s.texts("namespaces", "The namespaces to watch; all if empty");
    names(s, given)
}

/// Namespaces that are left out: names, or filters as the Collector has them.
pub(super) fn excluded_namespaces(s: &mut Section<'_>, help: &'static str) -> Vec<String> {
    const KEY: &str = "exclude_namespaces";
    let mark = s.mark();
    let mut given = Vec::new();
    let items = match s.node(KEY) {
        Some(Node { value: Value::List(items), .. }) => items,
        other => other.into_iter().collect(),
    };
    for node in items {
        let place = node.place.clone();
        match &node.value {
            Value::Scalar { text, .. } => {
                given.extend(text.split(',').map(|name| (name.trim().to_owned(), place.clone())));
            }
            Value::Null | Value::List(_) => {
                let problem = format!("{KEY}: expected names of namespaces, or {{strict: NAME}}");
                s.reader().fault(&place, problem);
            }
            Value::Map(_) => {
                let mut filter = s.reader().section(vec![KEY.to_owned()], node);
                filter.unsupported(
                    "regexp",
                    "namespaces are left out by the API server, by their names: {strict: NAME}",
                );
                if filter.has("strict") {
                    given.push((filter.text("strict", "", ""), place));
                }
                filter.end();
            }
        }
    }
    let names = names(s, given);
    let written: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    s.enter_instead(mark, KEY, format!("[{}]", written.join(", ")), help);
    names
}

/// What may be names of namespaces, each once.
fn names(s: &mut Section<'_>, given: Vec<(String, Place)>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, place) in given {
        let problem = if !is_label(&name) {
            format!("{name:?} is no name of a namespace: lower-case letters, digits and -")
        } else if names.contains(&name) {
            format!("the namespace {name:?} stands here twice")
        } else {
            names.push(name);
            continue;
        };
        s.reader().fault(&place, problem);
    }
    names
}
