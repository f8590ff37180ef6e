//! Several histories as that of one cluster.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeMap;

use super::lines::{Line, Type};
use super::model::MAX_DELAY;

/// A write: when it can have been at the latest, of which history, and its resourceVersion there.
type Write = (i64, usize, u64);

fn is_event(line: &Line) -> bool {
    matches!(line.kind, Type::Added | Type::Modified | Type::Deleted)
}

/// Histories that begin at one time with nothing, side by side, each in a namespace of its own: one
/// count of resourceVersions goes through all of them, in the order of their writes.
pub(crate) fn together(histories: &[Vec<Line>]) -> Vec<Line> {
    let mut writes: Vec<Write> = Vec::new();
    for (i, lines) in histories.iter().enumerate() {
        let events = lines.iter().filter(|line| is_event(line));
        let mut known: Vec<(u64, i64)> =
            events.map(|line| (line.version().unwrap(), line.at)).collect();
        known.sort_unstable();
        let mut latest = i64::MAX;
        for (version, at) in known.into_iter().rev() {
            latest = latest.min(at);
            writes.push((latest, i, version));
        }
    }
    writes.sort_unstable();
    let places = writes.iter().zip(1_001_u64..);
    let new: BTreeMap<(usize, u64), u64> = places.map(|(it, new)| ((it.1, it.2), new)).collect();
    let mut lines: Vec<(u64, Line)> = Vec::new();
    for (i, history) in histories.iter().enumerate() {
        // They all begin with the same lists of nothing.
        for line in history.iter().filter(|line| is_event(line) || i == 0) {
            if !is_event(line) {
                lines.push((0, line.clone()));
                continue;
            }
            let old = line.version().unwrap();
            let version = *new.get(&(i, old)).unwrap();
            let (key, from) = ("\"resourceVersion\":\"", format!("{old}\""));
            let object =
                line.object.replacen(&format!("{key}{from}"), &format!("{key}{version}\""), 1);
            let namespace = format!("\"namespace\":\"n{i}\"");
            let object = object.replace("\"namespace\":\"default\"", &namespace);
            lines.push((version, Line { object, ..line.clone() }));
        }
    }
    // A watch tells in the order of the writes.
    lines.sort_by_key(|(version, line)| (*version, line.at));
    let mut told: BTreeMap<Box<str>, i64> = BTreeMap::new();
    for (_, line) in &mut lines {
        let before = told.entry(line.resource.clone()).or_default();
        assert!(*before - line.at < 2 * MAX_DELAY, "{before} {}", line.at);
        line.at = line.at.max(*before + 1_000);
        *before = line.at;
    }
    let mut lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
    lines.sort_by_key(|line| line.at);
    lines
}
