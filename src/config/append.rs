//! Lists of a later source after those of earlier ones, where a gate asks for it; pure.

use super::node::{Node, Value};

/// `over` in which the lists of `service::extensions`, and of receivers and exporters below
/// `service`, begin with what `base` has there.
#[must_use]
pub(super) fn appended(base: &Node, over: Node) -> Node {
    at(base, over, &mut Vec::new())
}

fn at(base: &Node, over: Node, path: &mut Vec<String>) -> Node {
    let Node { place, value } = over;
    let value = match (&base.value, value) {
        (Value::Map(known), Value::Map(pairs)) => {
            let pairs = pairs.into_iter().map(|(key, node)| {
                let Some((_, below)) = known.iter().find(|(other, _)| other.text == key.text)
                else {
                    return (key, node);
                };
                path.push(key.text.clone());
                let node = at(below, node, path);
                path.pop();
                (key, node)
            });
            Value::Map(pairs.collect())
        }
        (Value::List(before), Value::List(items)) if is_added(path) => {
            let text = |node: &Node| match &node.value {
                Value::Scalar { text, .. } => Some(text.clone()),
                Value::Null | Value::Map(_) | Value::List(_) => None,
            };
            let mut all = before.clone();
            for item in items {
                if !all.iter().any(|known| text(known) == text(&item)) {
                    all.push(item);
                }
            }
            Value::List(all)
        }
        (_, value) => value,
    };
    Node { place, value }
}

fn is_added(path: &[String]) -> bool {
    match path {
        [service, last] => service == "service" && last == "extensions",
        [service, .., last] => service == "service" && (last == "receivers" || last == "exporters"),
        _ => false,
    }
}
