//! `trace_context`: where trace contexts are looked for on objects.

use super::node::{Node, Value};
use super::reader::Section;
use super::values::quoted;
use crate::context::{Format, Place, Rule, Rules};

/// Where a rule may look, of which it names one.
const PLACES: &str = "key, prefix, suffix, label, status and env";

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
        "Where they stand, in this order: each an annotation's key, a prefix or suffix of keys (/traceparent), a label, a path below status or an env variable of containers. format: w3c, json or carrier (a map of traceparent and tracestate), b3, b3multi, jaeger, xray or datadog. relation: link, or parent for what should be a part of that trace. kinds: for objects of these alone, as TaskRun.tekton.dev",
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
            format!("trace_context::rules: expected a list of maps with one of {PLACES}"),
        );
        return None;
    };
    let mut rules = Vec::new();
    for item in items {
        let place = item.place.clone();
        let mut section =
            s.reader().section(vec!["trace_context".to_owned(), "rules".to_owned()], item);
        let at = places(&mut section);
        let names = Format::ALL.map(Format::name);
        let format = section.has("format").then(|| section.word("format", &names, ""));
        let relation = section.word("relation", &["link", "parent"], "");
        let kinds = section.texts("kinds", "");
        section.end();
        let [at] = &*at else {
            let message = format!("trace_context::rules: each has exactly one of {PLACES}");
            s.reader().fault(&place, message);
            continue;
        };
        let format = Format::ALL.into_iter().find(|it| Some(it.name()) == format);
        let rule = Rule::new(at.clone(), format, relation == "parent");
        match rule.map(|rule| rule.of_kinds(kinds.iter().map(|(kind, _)| &**kind))) {
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

/// All places that a rule names.
fn places(section: &mut Section<'_>) -> Vec<Place> {
    let mut name = |key| Some(section.text(key, "", "")).filter(|name| !name.is_empty());
    let key = name("key").map(|key| Place::Key(key.into()));
    let prefix = name("prefix").map(|prefix| Place::Prefix(prefix.into()));
    let suffix = name("suffix").map(|suffix| Place::Suffix(suffix.into()));
    let label = name("label").map(|label| Place::Label(label.into()));
    let path = |path: String| Place::Status(path.split('.').map(Box::from).collect());
    let status = name("status").map(path);
    let env = name("env").map(|env| Place::Env(env.into()));
    [key, prefix, suffix, label, status, env].into_iter().flatten().collect()
}

fn written(rule: &Rule) -> String {
    let (place, name) = match rule.place() {
        Place::Key(key) => ("key", key.to_string()),
        Place::Prefix(prefix) => ("prefix", prefix.to_string()),
        Place::Suffix(suffix) => ("suffix", suffix.to_string()),
        Place::Label(label) => ("label", label.to_string()),
        Place::Status(path) => ("status", path.join(".")),
        Place::Env(name) => ("env", name.to_string()),
    };
    let mut out = format!("{{{place}: {}", quoted(&name));
    let suggested = Rule::new(rule.place().clone(), None, false);
    if !suggested.is_ok_and(|suggested| suggested.format() == rule.format()) {
        out.push_str(&format!(", format: {}", rule.format().name()));
    }
    if rule.is_parent() {
        out.push_str(", relation: parent");
    }
    if !rule.kinds().is_empty() {
        let kinds: Vec<String> = rule.kinds().iter().map(|kind| quoted(kind)).collect();
        out.push_str(&format!(", kinds: [{}]", kinds.join(", ")));
    }
    out + "}"
}
