//! Spans as rows: parents before children, in order of time.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::ids::SpanId;
use crate::facts::kind::Kind;
use crate::facts::span::{Outcome, Shown, ShownSpan, Value};
use crate::facts::time::UnixNanos;
use crate::text::clean;

use super::Look;
use super::canvas::{BLUE, BOLD, CYAN, Canvas, DIM, GREEN, MAGENTA, PLAIN, RED, Style, YELLOW};
use super::text::fit;

/// A trace as rows, the root first.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) rows: Vec<Row<'a>>,
    /// Whether Pods go by the end of their names, for want of room.
    pub(super) are_names_short: bool,
    root: &'a ShownSpan,
}

/// A span and where it stands.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) span: &'a ShownSpan,
    /// For each level above it, and its own: whether a sibling follows.
    stems: Vec<bool>,
    /// What it is about, beyond its name; empty where the row above says it.
    about: String,
    short: String,
    pub(super) has_children: bool,
    /// It has not ended: it is in progress, or a phase that its open parent ends with.
    pub(super) is_open: bool,
}

/// The value of an attribute.
pub(super) fn attribute<'a>(span: &'a ShownSpan, key: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// The text of an attribute.
pub(super) fn text_of<'a>(span: &'a ShownSpan, key: &str) -> Option<&'a str> {
    match attribute(span, key) {
        Some(Value::Str(text)) => Some(text),
        _ => None,
    }
}

/// Whether an attribute is there and true.
pub(super) fn is_set(span: &ShownSpan, key: &str) -> bool {
    attribute(span, key) == Some(&Value::Bool(true))
}

impl<'a> Tree<'a> {
    /// The rows of a trace. A span whose parent is not among `spans` stands below the root; with
    /// no root, the first span to start takes its place.
    pub(super) fn of(spans: &'a [ShownSpan]) -> Option<Self> {
        let in_time = |span: &&ShownSpan| (span.start, span.end, span.span_id);
        let mut sorted: Vec<&ShownSpan> = spans.iter().collect();
        sorted.sort_by_key(in_time);
        let known: BTreeSet<SpanId> = sorted.iter().map(|span| span.span_id).collect();
        let is_top = |span: &&ShownSpan| span.parent.is_none();
        let root = *sorted.iter().find(|span| is_top(span)).or(sorted.first())?;
        let mut children: BTreeMap<SpanId, Vec<&ShownSpan>> = BTreeMap::new();
        for span in &sorted {
            if span.span_id != root.span_id {
                let parent = span.parent.filter(|parent| known.contains(parent));
                children.entry(parent.unwrap_or(root.span_id)).or_default().push(span);
            }
        }
        let mut tree = Self { rows: Vec::new(), are_names_short: false, root };
        let mut waiting = vec![(root, Vec::new(), None)];
        while let Some((span, stems, above)) = waiting.pop() {
            // Taken out, so that ids that form a ring cannot keep this running.
            let below = children.remove(&span.span_id).unwrap_or_default();
            tree.rows.push(Row::new(span, stems.clone(), above, root, !below.is_empty()));
            let last = below.len().saturating_sub(1);
            for (at, child) in below.into_iter().enumerate().rev() {
                let mut stems = stems.clone();
                stems.push(at != last);
                waiting.push((child, stems, Some(span)));
            }
        }
        Some(tree)
    }

    /// The span at the top.
    pub(super) fn root(&self) -> &'a ShownSpan {
        self.root
    }

    /// How many columns the names take; decides whether they are short.
    pub(super) fn names(&mut self, width: usize) -> usize {
        let most = (width * 9 / 20).clamp(18, 64);
        let longest = |tree: &Self| {
            tree.rows.iter().map(|row| row.name_len(tree.are_names_short)).max().unwrap_or_default()
        };
        self.are_names_short = longest(self) > most;
        longest(self).min(most)
    }
}

impl<'a> Row<'a> {
    fn new(
        span: &'a ShownSpan,
        stems: Vec<bool>,
        above: Option<&ShownSpan>,
        root: &ShownSpan,
        has_children: bool,
    ) -> Self {
        let object = &span.object;
        let is_said = above.is_some_and(|above| above.object.uid == object.uid);
        let (about, short) = if let Some(container) = &span.container {
            (clean(container), clean(container))
        } else if is_said {
            (String::new(), String::new())
        } else {
            let name = clean(&object.name);
            let is_pod = object.kind == Kind::Pod;
            let short = if is_pod { last_part(&name, &root.object.name) } else { name.clone() };
            (name, short)
        };
        let is_open = match span.outcome {
            Some(outcome) => outcome == Shown::InProgress,
            None => above.is_some_and(|above| {
                above.outcome == Some(Shown::InProgress) && above.end == span.end
            }),
        };
        Self { span, stems, about, short, has_children, is_open }
    }

    /// What the span is about, in full; its parent's object where the row does not say it.
    pub(super) fn subject(&self, is_short: bool) -> String {
        let name = clean(&self.span.object.name);
        if is_short { last_part(&name, "") } else { name }
    }

    fn about(&self, is_short: bool) -> &str {
        if is_short { &self.short } else { &self.about }
    }

    fn name_len(&self, is_short: bool) -> usize {
        let about = self.about(is_short).chars().count();
        let gap = usize::from(about > 0);
        self.stems.len() * 2 + self.span.name.chars().count() + gap + about
    }

    /// Writes the lines that lead to rows below.
    pub(super) fn put_stems(&self, line: &mut Canvas, look: Look) {
        for &goes_on in &self.stems {
            let stem = match (goes_on, look.has_unicode) {
                (true, true) => "│ ",
                (true, false) => "| ",
                (false, _) => "  ",
            };
            line.push(stem, DIM);
        }
        if self.has_children {
            line.push(if look.has_unicode { "│" } else { "|" }, DIM);
        }
    }

    /// Writes the name, at most `width` columns.
    pub(super) fn put_name(&self, line: &mut Canvas, is_short: bool, width: usize, look: Look) {
        let (own, above) = self.stems.split_last().map_or((None, &[][..]), |(o, a)| (Some(o), a));
        for &goes_on in above {
            line.push(
                if !goes_on {
                    "  "
                } else if look.has_unicode {
                    "│ "
                } else {
                    "| "
                },
                DIM,
            );
        }
        if let Some(goes_on) = own {
            let stem = match (goes_on, look.has_unicode) {
                (true, true) => "├ ",
                (false, true) => "└ ",
                (true, false) => "|-",
                (false, false) => "`-",
            };
            line.push(stem, DIM);
        }
        let style = if self.stems.is_empty() { BOLD } else { PLAIN };
        let room = width.saturating_sub(line.len());
        let name = fit(&clean(&self.span.name), room, look.has_unicode);
        line.push(&name, style);
        let room = width.saturating_sub(line.len());
        if room > 2 && !self.about(is_short).is_empty() {
            line.push(" ", PLAIN);
            line.push(&fit(self.about(is_short), room - 1, look.has_unicode), DIM);
        }
    }

    /// What must be said beside the bar: how it ended, and why. Of the root, the title says it.
    pub(super) fn notes(&self) -> String {
        let span = self.span;
        if self.stems.is_empty() {
            return String::new();
        }
        let mut notes: Vec<String> = Vec::new();
        if let Some(outcome) = span.outcome
            && outcome != Shown::Ended(Outcome::Completed)
        {
            notes.push(outcome.name().to_owned());
        }
        let reason = span.error.as_ref().map(|(reason, _)| &**reason);
        for note in reason.into_iter().chain(text_of(span, "lifespan.reason")) {
            let note = clean(note);
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        if let Some(Value::Int(code)) = attribute(span, "lifespan.exit_code") {
            notes.push(format!("exit {code}"));
        }
        if is_set(span, "lifespan.forced") {
            notes.push("forced".to_owned());
        }
        if let Some(Value::Int(n)) = attribute(span, "lifespan.pods.omitted") {
            notes.push(format!("{n} Pods not shown"));
        }
        notes.join(" ")
    }

    pub(super) fn note_style(&self) -> Style {
        if self.span.error.is_some() { RED } else { outcome_style(self.span.outcome) }
    }

    /// Whether it is about an end, which is drawn lighter than a beginning.
    pub(super) fn is_ending(&self) -> bool {
        self.span.name.starts_with("terminate ") || self.span.name.starts_with("delete ")
    }

    pub(super) fn bar_style(&self) -> Style {
        let verb = self.span.name.split(' ').next().unwrap_or_default();
        match verb {
            _ if self.span.error.is_some() => RED,
            "terminate" | "delete" => MAGENTA,
            "schedule" | "prepare" => BLUE,
            "pull" => YELLOW,
            "await" => GREEN,
            "restart" => YELLOW,
            "start" | "run" => CYAN,
            _ => PLAIN,
        }
    }

    /// Moments that are marked on the bar: what transitions say of themselves. Kubernetes Events,
    /// whose names are capitalised, are too many.
    pub(super) fn marks(&self) -> impl Iterator<Item = UnixNanos> {
        let told = self.span.events.iter();
        told.filter(|event| event.name.starts_with(char::is_lowercase)).map(|event| event.at)
    }
}

pub(super) fn outcome_style(outcome: Option<Shown>) -> Style {
    let outcome = match outcome {
        None => return PLAIN,
        Some(Shown::InProgress) => return CYAN,
        Some(Shown::Ended(outcome)) => outcome,
    };
    match outcome {
        Outcome::Completed => GREEN,
        Outcome::Failed | Outcome::TimedOut => RED,
        Outcome::Paused | Outcome::Suspended => BLUE,
        Outcome::Superseded | Outcome::Deleted | Outcome::Vanished | Outcome::Unfinished => YELLOW,
    }
}

/// `web-6ffb8788cc-4nqpf` is `4nqpf`, if it belongs to `root`.
fn last_part(name: &str, root: &str) -> String {
    match name.rsplit_once('-') {
        Some((_, part)) if !part.is_empty() && name.starts_with(root) => part.to_owned(),
        _ => name.to_owned(),
    }
}
