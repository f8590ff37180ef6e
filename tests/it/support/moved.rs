//! Recordings as if they began at another time.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use super::lines::Line;

const SECOND: i64 = 1_000_000_000;

/// The lines as if the first of them arrived at `begin`: all times in them are moved as well, by
/// whole seconds, since that is what Kubernetes writes.
pub(crate) fn moved_to(lines: &[Line], begin: i64) -> Vec<Line> {
    let first = lines.first().unwrap().at;
    let by = (begin - first + SECOND) / SECOND * SECOND;
    let moved = |line: &Line| {
        let mut object = serde_json::from_str(&line.object).unwrap();
        each_text(&mut object, &mut |text| moved_time(text, by).or_else(|| moved_name(text, by)));
        Line { at: line.at + by, object: object.to_string(), ..line.clone() }
    };
    lines.iter().map(moved).collect()
}

/// Replaces each text for which `with` has another.
fn each_text(value: &mut serde_json::Value, with: &mut impl FnMut(&str) -> Option<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.values_mut().for_each(|value| each_text(value, with));
        }
        serde_json::Value::Array(items) => {
            items.iter_mut().for_each(|item| each_text(item, with));
        }
        serde_json::Value::String(text) => {
            if let Some(other) = with(text) {
                *text = other;
            }
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

fn time(text: &str) -> Option<jiff::Timestamp> {
    text.strip_suffix('Z')?.contains('T').then(|| text.parse())?.ok()
}

/// A time with as many digits as it was written with.
fn moved_time(text: &str, by: i64) -> Option<String> {
    let moved = time(text)? + jiff::SignedDuration::from_nanos(by);
    let n_digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len() - 1);
    Some(format!("{moved:.n_digits$}"))
}

/// The name of an Event ends in the nanosecond of its first time, in hexadecimal.
fn moved_name(text: &str, by: i64) -> Option<String> {
    let (head, nanos) = text.rsplit_once('.').filter(|(_, nanos)| nanos.len() == 16)?;
    Some(format!("{head}.{:x}", i64::from_str_radix(nanos, 16).ok()? + by))
}

/// The lines as if all that happened before the first of them had happened by `by` earlier.
pub(crate) fn aged(lines: &[Line], by: i64) -> Vec<Line> {
    let first = lines.first().unwrap().at;
    let aged = |line: &Line| {
        let mut object = serde_json::from_str(&line.object).unwrap();
        each_text(&mut object, &mut |text| {
            let at = time(text)?;
            // What is written of the second in which it begins may come after.
            (at.as_second() < first / SECOND).then(|| moved_time(text, -by))?
        });
        Line { object: object.to_string(), ..line.clone() }
    };
    lines.iter().map(aged).collect()
}
