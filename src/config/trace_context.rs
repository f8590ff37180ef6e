//! `trace_context`: where trace contexts are looked for on objects.

use super::node::{Node, Value};
use super::reader::Section;
use super::values::quoted;
use crate::context::{Format, Place, Rule, Rules};

const FORMATS: [(&str, Format); 3] =
    [("w3c", Format::W3c), ("json", Format::Json), ("carrier", Format::Carrier)];

/// Reads the key `trace_context` of a receiver. A list of rules takes the place of the built-in ones.
pub(super) fn trace_context(receiver: &mut Section<'_>) -> Rules {
    let mut section =
        receiver.section("trace_context", "Trace contexts that others left on objects");
    let s = &mut section;
    let mark = s.mark();
    let given = s.node("rules").and_then(|node| rules(s, node));
    let rules = given.unwrap_or_else(|| Rules::built_in().all().to_vec());
    let written: Vec<_> = rules.iter().map(written).collect();
    s.enter_instead(
        mark,
        "rules",
        format!("[{}]", written.join(", ")),
        "Where they stand, in this order: each an annotation's key, a prefix of keys, a path below status or an env variable of containers. format: w3c, json or carrier (a map of traceparent and tracestate). relation: link, or parent for what should be a part of that trace",
    );
    let baggage =
        s.texts("baggage", "Keys of W3C baggage beside them that are kept; all else is left");
    section.end();
    Rules::new(rules, baggage.into_iter().map(|(key, _)| key))
}

fn rules(s: &mut Section<'_>, node: Node) -> Option<Vec<Rule>> {
    let Value::List(items) = node.value else {
        s.reader().fault(
            &node.place,
            "trace_context::rules: expected a list of {key, prefix, status or env}".to_owned(),
        );
        return None;
    };
    let mut rules = Vec::new();
    for item in items {
        let place = item.place.clone();
        let mut section =
            s.reader().section(vec!["trace_context".to_owned(), "rules".to_owned()], item);
        let key = section.text("key", "", "");
        let prefix = section.text("prefix", "", "");
        let status = section.text("status", "", "");
        let env = section.text("env", "", "");
        let format = section
            .has("format")
            .then(|| section.word("format", &FORMATS.map(|(name, _)| name), ""));
        let relation = section.word("relation", &["link", "parent"], "");
        section.end();
        let given = [&key, &prefix, &status, &env].iter().filter(|it| !it.is_empty()).count();
        if given != 1 {
            let message =
                "trace_context::rules: each has exactly one of key, prefix, status and env"
                    .to_owned();
            s.reader().fault(&place, message);
            continue;
        }
        let at = if !key.is_empty() {
            Place::Key(key.into())
        } else if !prefix.is_empty() {
            Place::Prefix(prefix.into())
        } else if !env.is_empty() {
            Place::Env(env.into())
        } else {
            Place::Status(status.split('.').map(Box::from).collect())
        };
        let format = FORMATS.iter().find(|(name, _)| Some(*name) == format).map(|(_, it)| *it);
        match Rule::new(at, format, relation == "parent") {
            Ok(rule) if rules.contains(&rule) => {
                s.reader()
                    .fault(&place, "trace_context::rules: this one stands here twice".to_owned());
            }
            Ok(rule) => rules.push(rule),
            Err(error) => s.reader().fault(&place, format!("trace_context::rules: {error}")),
        }
    }
    Some(rules)
}

fn written(rule: &Rule) -> String {
    let (place, name) = match rule.place() {
        Place::Key(key) => ("key", key.to_string()),
        Place::Prefix(prefix) => ("prefix", prefix.to_string()),
        Place::Status(path) => ("status", path.join(".")),
        Place::Env(name) => ("env", name.to_string()),
    };
    let mut out = format!("{{{place}: {}", quoted(&name));
    let suggested = Rule::new(rule.place().clone(), None, rule.is_parent());
    if suggested.as_ref() != Ok(rule) {
        let format = FORMATS.iter().find(|(_, it)| *it == rule.format()).map_or("", |it| it.0);
        out.push_str(&format!(", format: {format}"));
    }
    if rule.is_parent() {
        out.push_str(", relation: parent");
    }
    out + "}"
}
