//! Durations as Go writes them: `300ms`, `1.5h`, `2h45m`.

use crate::facts::time::Nanos;

/// The text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration such as 200ms, 5s or 1h30m")]
pub struct NotADuration;

const UNITS: [(&str, i64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A duration of 0 or more as [`parse`] reads it: `1h30m`, `1500ms`, `0s`.
#[must_use]
pub fn written(time: Nanos) -> String {
    let mut rest = time.0;
    let mut out = String::new();
    for (unit, size) in UNITS.into_iter().rev().filter(|(unit, _)| *unit != "us") {
        let whole = rest / size;
        if whole > 0 {
            out.push_str(&format!("{whole}{unit}"));
        }
        rest %= size;
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// Reads a duration of 0 or more, as Go's `time.ParseDuration` does.
pub fn parse(text: &str) -> Result<Nanos, NotADuration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Nanos(0));
    }
    if rest.is_empty() {
        return Err(NotADuration);
    }
    let mut total = 0_i64;
    while !rest.is_empty() {
        let number = split(&mut rest, |c| c.is_ascii_digit() || c == '.');
        let unit = split(&mut rest, |c| !c.is_ascii_digit() && c != '.');
        let (_, length) = UNITS.into_iter().find(|&(name, _)| name == unit).ok_or(NotADuration)?;
        let part = nanos(number, length).ok_or(NotADuration)?;
        total = total.checked_add(part).ok_or(NotADuration)?;
    }
    Ok(Nanos(total))
}

/// Takes off what is made of such characters.
fn split<'a>(rest: &mut &'a str, belongs: impl Fn(char) -> bool) -> &'a str {
    let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    let (part, after) = rest.split_at(end);
    *rest = after;
    part
}

/// `1.5` of a unit; digits below a nanosecond are dropped.
fn nanos(number: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = whole.checked_mul(unit)?;
    let mut worth = unit;
    for digit in fraction.bytes().take(18) {
        // Exact while it lasts: every unit but ns is a multiple of 10.
        total = total.checked_add(i64::from(digit - b'0') * worth / 10)?;
        worth /= 10;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use crate::facts::duration::*;

    #[test]
    fn a_duration_is_written_as_it_may_be_read() {
        for (text, expected) in [
            ("90m", "1h30m"),
            ("1500ms", "1s500ms"),
            ("0", "0s"),
            ("1us1ns", "1µs1ns"),
            ("24h", "24h"),
        ] {
            let time = parse(text).unwrap();
            assert_eq!(written(time), expected);
            assert_eq!(parse(expected), Ok(time));
        }
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("0", 0),
            ("0s", 0),
            ("5s", 5_000_000_000),
            ("+200ms", 200_000_000),
            ("1.5h", 5_400_000_000_000),
            ("2h45m", 9_900_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("3us", 3_000),
            ("3µs", 3_000),
            ("1.000000001s", 1_000_000_001),
        ] {
            assert_eq!(parse(text), Ok(Nanos(expected)), "{text}");
        }
        for wrong in ["", "5", "s", ".s", "1.2.3s", "-1s", "5 s", "5x", "1h5", "99999999999h", "é"]
        {
            assert_eq!(parse(wrong), Err(NotADuration), "{wrong}");
        }
    }
}
