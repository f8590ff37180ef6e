//! What stands above and below the bars: what it was, how it ended, what it belongs to, what
//! took longest.

use crate::facts::span::{Attribute, LinkReason, Shown, ShownSpan, Value};
use crate::facts::time::Nanos;
use crate::text::clean;

use super::Look;
use super::canvas::{BOLD, Canvas, DIM, PLAIN, RED, Style, YELLOW};
use super::rows::{Row, Tree, attribute, is_set, outcome_style, text_of};
use super::text::{broken, fit, time_of};

/// Steps that are named as the longest ones.
const LONGEST: usize = 3;

/// Steps that took less than one in so many parts of the whole are not worth naming.
const WORTH: i64 = 20;

/// Lines that an error may take.
const SENTENCE: usize = 4;

/// Moments that are told below the bars; the rest is counted.
const MOMENTS: usize = 8;

/// A word or two that stay on one line.
type Item = Vec<(String, Style)>;

/// The lines above the bars.
pub(super) fn lines(tree: &Tree<'_>, look: Look, width: usize) -> Vec<Canvas> {
    let root = tree.root();
    let mut lines = vec![title(root, look, width)];
    wrap(&mut lines, facts(root, look), look, width);
    let mut ids = vec![pair("trace", root.trace_id.to_string())];
    if let Some(parent) = &root.remote_parent {
        ids.push(pair("below span", parent.span_id.to_string()));
    }
    let service = root.resource.service();
    if !service.is_empty() && *service != *root.object.name {
        ids.push(pair("service", clean(service)));
    }
    wrap(&mut lines, ids, look, width);
    for link in &root.links {
        let mut item = pair(link_word(link.reason), link.trace_id.to_string());
        if let Some(found) = &link.found {
            item.push((format!(" {}", clean(found)), DIM));
        }
        if link.is_uncertain {
            item.push((" uncertain".to_owned(), YELLOW));
        }
        wrap(&mut lines, vec![item], look, width);
    }
    if let Some((reason, sentence)) = &root.error {
        let (reason, sentence) = (clean(reason), clean(sentence));
        let text = if sentence.is_empty() || sentence == reason {
            reason
        } else {
            format!("{reason}: {sentence}")
        };
        for text in broken(&text, width - 2, SENTENCE, look.has_unicode) {
            let mut line = Canvas::default();
            line.put(2, &text, RED);
            lines.push(line);
        }
    }
    lines
}

fn title(root: &ShownSpan, look: Look, width: usize) -> Canvas {
    let mut line = Canvas::default();
    let outcome = root.outcome;
    let style = if root.error.is_some() { RED } else { outcome_style(outcome) };
    // Where there is no colour the mark alone tells a failure from a success.
    let mark = match (root.error.is_some(), look.has_unicode) {
        (false, true) => "● ",
        (true, true) => "✗ ",
        (false, false) => "* ",
        (true, false) => "! ",
    };
    line.push(mark, style);
    let object = &root.object;
    let name = clean(&object.path());
    let took = root.end.since(root.start);
    let (ended, took) = match outcome {
        Some(Shown::InProgress) => ("in progress", format!(" for {took}")),
        Some(outcome) => (outcome.name(), format!(" in {took}")),
        None => ("", took.to_string()),
    };
    let room = width.saturating_sub(line.len() + ended.len() + took.chars().count() + 2);
    line.push(&fit(&format!("{} {name}", clean(&root.name)), room, look.has_unicode), BOLD);
    line.push("  ", PLAIN);
    line.push(ended, style);
    line.push(&took, PLAIN);
    let at = time_of(root.start);
    if line.len() + 2 + at.len() <= width {
        line.put(width - at.len(), &at, DIM);
    }
    line
}

fn facts(root: &ShownSpan, look: Look) -> Vec<Item> {
    let arrow = if look.has_unicode { "→" } else { "->" };
    let text = |key| text_of(root, key).map(clean);
    let mut facts = Vec::new();
    for (word, key) in [("cause", "lifespan.cause"), ("by", "lifespan.manager")] {
        if let Some(value) = text(key) {
            facts.push(pair(word, value));
        }
    }
    for (word, from, to) in [
        ("image", "lifespan.image.before", "lifespan.image.after"),
        ("replicas", "lifespan.replicas.from", "lifespan.replicas.to"),
    ] {
        let (from, to) = (attribute(root, from).map(told), attribute(root, to).map(told));
        match (from, to) {
            (Some(from), Some(to)) if from != to => {
                facts.push(pair(word, format!("{from} {arrow} {to}")));
            }
            (_, Some(one)) | (Some(one), None) => facts.push(pair(word, one)),
            (None, None) => {}
        }
    }
    if is_set(root, "lifespan.context.stale") {
        facts.push(vec![("stale stamp".to_owned(), YELLOW)]);
    }
    if is_set(root, "lifespan.unstable") {
        facts.push(vec![("unstable".to_owned(), YELLOW)]);
    }
    let terminating = root.attributes.iter().find(|(key, _)| *key == "lifespan.pods.terminating");
    if let Some((_, Value::Int(n @ 1..))) = terminating {
        let n = *n;
        let pods = if n == 1 { "Pod" } else { "Pods" };
        facts.push(vec![(format!("{n} {pods} still terminating at its end"), PLAIN)]);
    }
    facts
}

/// The lines below the bars.
pub(super) fn footer(tree: &Tree<'_>, look: Look, width: usize) -> Vec<Canvas> {
    let mut lines = Vec::new();
    let root = tree.root();
    let own = root.events.iter().filter(|event| event.name.starts_with(char::is_lowercase));
    for event in own.clone().take(MOMENTS) {
        let mark = if look.has_unicode { "◆ " } else { "* " };
        let when = event.at.since(root.start);
        let text = format!("+{when} {}{}", clean(&event.name), details(&event.attributes, look));
        let mut line = Canvas::default();
        line.put(2, mark, BOLD);
        line.push(&fit(&text, width - 4, look.has_unicode), PLAIN);
        lines.push(line);
    }
    let more = own.count().saturating_sub(MOMENTS);
    if more > 0 {
        wrap(&mut lines, vec![pair("and", format!("{more} more"))], look, width);
    }
    let mut items = longest(tree);
    if let Some(pod) = text_of(root, "lifespan.gating_pod") {
        let mut item = pair("last ready", clean(pod));
        if let Some(phase) = text_of(root, "lifespan.gating_phase") {
            item.push((format!(" ({})", clean(phase)), PLAIN));
        }
        items.push(item);
    }
    wrap(&mut lines, items, look, width);
    lines
}

/// The steps that took longest, among those that are not made of others.
fn longest(tree: &Tree<'_>) -> Vec<Item> {
    let took = |row: &Row<'_>| row.span.end.since(row.span.start);
    let mut steps: Vec<&Row<'_>> = tree.rows.iter().skip(1).filter(|r| !r.has_children).collect();
    if steps.len() < 2 {
        return Vec::new();
    }
    steps.sort_by_key(|row| std::cmp::Reverse(took(row)));
    let mut items = Vec::new();
    let whole = tree.rows.first().map_or(Nanos(0), took);
    let is_worth = |row: &&Row<'_>| took(row).times(WORTH) > whole;
    for row in steps.into_iter().take(LONGEST).filter(is_worth) {
        let word = if items.is_empty() { "longest " } else { "" };
        let name = clean(&row.span.name);
        let what = match &row.span.container {
            Some(container) => format!("{name} {}", clean(container)),
            None => name,
        };
        items.push(vec![
            (word.to_owned(), DIM),
            (what, PLAIN),
            (format!(" {}", row.subject(tree.are_names_short)), DIM),
            (format!(" {}", took(row)), PLAIN),
        ]);
    }
    items
}

fn pair(word: &str, value: String) -> Item {
    vec![(format!("{word} "), DIM), (value, PLAIN)]
}

/// Attributes in a few words: `replicas 4 → 6, by kubectl`.
fn details(attributes: &[Attribute], look: Look) -> String {
    let mut text = String::new();
    let mut before = None;
    for (key, value) in attributes {
        let key = key.strip_prefix("lifespan.").unwrap_or(key);
        let (word, side) = key.rsplit_once('.').unwrap_or(("", key));
        let value = told(value);
        text += &match side {
            "to" | "after" if before == Some(word) && look.has_unicode => format!(" → {value}"),
            "to" | "after" if before == Some(word) => format!(" -> {value}"),
            "from" | "before" if word.is_empty() => format!(" {value}"),
            "from" | "before" => format!(" {word} {value}"),
            "field" => format!(" {value}"),
            "manager" => format!(", by {value}"),
            _ => format!(", {key} {value}"),
        };
        before = matches!(side, "from" | "before").then_some(word);
    }
    text
}

fn told(value: &Value) -> String {
    match value {
        Value::Str(text) => clean(text),
        Value::Int(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::List(texts) => clean(&texts.join(", ")),
    }
}

const fn link_word(reason: LinkReason) -> &'static str {
    match reason {
        LinkReason::Stamp => "link stamp",
        LinkReason::Supersedes => "link supersedes",
        LinkReason::Resumes => "link resumes",
        LinkReason::Follows => "link follows",
    }
}

/// Sets items side by side, as many on a line as fit.
fn wrap(lines: &mut Vec<Canvas>, items: Vec<Item>, look: Look, width: usize) {
    let between = if look.has_unicode { " · " } else { " - " };
    let mut line = Canvas::default();
    for item in items {
        let length: usize = item.iter().map(|(text, _)| text.chars().count()).sum();
        if line.len() > 0 && line.len() + 3 + length > width {
            lines.push(std::mem::take(&mut line));
        }
        if line.len() == 0 {
            line.push("  ", PLAIN);
        } else {
            line.push(between, DIM);
        }
        for (text, style) in item {
            let room = width.saturating_sub(line.len());
            if room > 0 {
                line.push(&fit(&text, room, look.has_unicode), style);
            }
        }
    }
    if line.len() > 0 {
        lines.push(line);
    }
}
