//! Recordings as if they began at another time.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use super::lines::Line;

/// The lines as if the first of them arrived at `begin`: all times in them are moved as well, by
/// whole seconds, since that is what Kubernetes writes.
pub(crate) fn moved_to(lines: &[Line], begin: i64) -> Vec<Line> {
    const SECOND: i64 = 1_000_000_000;
    let first = lines.first().unwrap().at;
    let by = (begin - first + SECOND) / SECOND * SECOND;
    let moved = |line: &Line| {
        let mut object = serde_json::from_str(&line.object).unwrap();
        move_times(&mut object, by);
        Line { at: line.at + by, object: object.to_string(), ..line.clone() }
    };
    lines.iter().map(moved).collect()
}

fn move_times(value: &mut serde_json::Value, by: i64) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.values_mut().for_each(|value| move_times(value, by));
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| move_times(item, by)),
        serde_json::Value::String(text) => {
            if let Some(moved) = moved_time(text, by).or_else(|| moved_name(text, by)) {
                *text = moved;
            }
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

/// A time with as many digits as it was written with.
fn moved_time(text: &str, by: i64) -> Option<String> {
    let at =
        text.strip_suffix('Z')?.contains('T').then(|| text.parse::<jiff::Timestamp>())?.ok()?;
    let moved = at + jiff::SignedDuration::from_nanos(by);
    let n_digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len() - 1);
    Some(format!("{moved:.n_digits$}"))
}

/// The name of an Event ends in the nanosecond of its first time, in hexadecimal.
fn moved_name(text: &str, by: i64) -> Option<String> {
    let (head, nanos) = text.rsplit_once('.').filter(|(_, nanos)| nanos.len() == 16)?;
    Some(format!("{head}.{:x}", i64::from_str_radix(nanos, 16).ok()? + by))
}
