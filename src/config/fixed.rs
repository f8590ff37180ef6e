//! Values of keys that are not supported here and yet promise nothing that does not happen: above all
//! the Collector's own defaults, which a configuration may well write out; pure.

use std::sync::Arc;

use super::node::{Node, Value};
use crate::facts::duration;

/// In a default, what may be anything: it has no effect beside the others.
const ANY: &str = "*";

/// Whether `node` says no more than one of `values`, which are YAML: a map may say less. What is empty
/// says nothing.
pub(super) fn says_no_more(node: &Node, values: &[&str]) -> bool {
    let values = values.iter().filter_map(|text| Node::parse(&Arc::from(""), text).ok());
    is_empty(&node.value) || values.into_iter().any(|value| is_within(node, &value))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Scalar { .. } => false,
        Value::Map(pairs) => pairs.is_empty(),
        Value::List(items) => items.is_empty(),
    }
}

fn is_within(node: &Node, known: &Node) -> bool {
    if is_empty(&node.value) {
        return true;
    }
    match (&node.value, &known.value) {
        (_, Value::Scalar { text, .. }) if text == ANY => true,
        (Value::Scalar { text, .. }, Value::Scalar { text: known, .. }) => is_same(text, known),
        (Value::Map(pairs), Value::Map(known)) => pairs.iter().all(|(key, node)| {
            let known = known.iter().find(|(known, _)| known.text == key.text);
            known.map_or(is_empty(&node.value), |(_, known)| is_within(node, known))
        }),
        (Value::List(items), Value::List(known)) => {
            items.len() == known.len()
                && items.iter().zip(known).all(|(item, known)| is_within(item, known))
        }
        (Value::Null | Value::Scalar { .. } | Value::Map(_) | Value::List(_), _) => false,
    }
}

/// The same text, or the same time.
fn is_same(text: &str, known: &str) -> bool {
    let time = |text| duration::parse(text).ok();
    text == known || time(text).is_some_and(|at| Some(at) == time(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_a_default_in_part_or_whole_says_no_more_and_any_other_value_does() {
        let default = "{on: false, every: 60s, of: {size: 10, at: '*'}, names: [a, b]}";
        let says = |text: &str| {
            let node = Node::parse(&Arc::from("c"), text).unwrap();
            says_no_more(&node, &["false", default])
        };
        for same in [
            "",
            "{}",
            "[]",
            "false",
            "{on: false}",
            "{every: 1m}",
            "{of: {size: 10, at: /tmp}, names: [a, b]}",
            "{names: }",
            "{other: }",
            "{of: {}}",
        ] {
            assert!(says(same), "{same}");
        }
        for other in [
            "true",
            "{on: true}",
            "{on: false, every: 61s}",
            "{of: {size: 11}}",
            "{of: 10}",
            "{names: [a]}",
            "{names: [b, a]}",
            "{other: 1}",
            "[false]",
            "''",
        ] {
            assert!(!says(other), "{other}");
        }
    }
}
