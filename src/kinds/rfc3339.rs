//! Times as Kubernetes writes them.

use jiff::Timestamp;

use crate::facts::time::UnixNanos;

/// Reads an RFC 3339 time, with or without a fraction, in `Z` or at an offset.
///
/// What lies outside of the years 1678 to 2262 becomes the nearest point that nanoseconds reach;
/// `None` where it is no such time.
#[must_use]
pub fn rfc3339(text: &str) -> Option<UnixNanos> {
    whole_seconds_in_utc(text.as_bytes()).or_else(|| any(text))
}

/// The form of `metav1.Time`, which is nearly all there is: `2026-11-20T11:10:32Z`.
fn whole_seconds_in_utc(text: &[u8]) -> Option<UnixNanos> {
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        hour1,
        hour2,
        b':',
        min1,
        min2,
        b':',
        sec1,
        sec2,
        b'Z',
    ] = text
    else {
        return None;
    };
    let year = pair(y1, y2)? * 100 + pair(y3, y4)?;
    let (month, day) = (pair(m1, m2)?, pair(d1, d2)?);
    let (hour, minute, second) = (pair(hour1, hour2)?, pair(min1, min2)?, pair(sec1, sec2)?);
    let in_range = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range {
        return None;
    }
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(UnixNanos::from_seconds(seconds))
}

/// The rest: fractions, offsets, leap seconds, and the judgement of what is none of these.
fn any(text: &str) -> Option<UnixNanos> {
    // RFC 9557 suffixes and dates without a time are jiff's, not RFC 3339's.
    if text.contains('[') || text.as_bytes().get(19).is_none() {
        return None;
    }
    let nanos = text.parse::<Timestamp>().ok()?.as_nanosecond();
    let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
    i64::try_from(nanos.clamp(min, max)).ok().map(UnixNanos)
}

fn pair(tens: u8, ones: u8) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar; years are counted from March, so that the leap
/// day is the last of its year.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::rfc3339;

    fn nanos(text: &str) -> Option<i64> {
        rfc3339(text).map(|at| at.0)
    }

    #[test]
    fn times_are_read_with_and_without_fraction_and_offset() {
        let at = 1_795_173_032_000_000_000;
        assert_eq!(nanos("2026-11-20T11:10:32Z"), Some(at));
        assert_eq!(nanos("2026-11-20T11:10:32.586840Z"), Some(at + 586_840_000));
        assert_eq!(nanos("2026-11-20T12:10:32+01:00"), Some(at));
        assert_eq!(nanos("2026-11-20t11:10:32z"), Some(at));
        assert_eq!(nanos("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(nanos("2024-02-29T00:00:00Z"), Some(1_709_164_800_000_000_000));
    }

    #[test]
    fn far_off_years_saturate() {
        assert_eq!(nanos("9999-12-31T23:59:59Z"), Some(i64::MAX));
        assert_eq!(nanos("9999-12-30T21:59:59.5Z"), Some(i64::MAX));
        assert_eq!(nanos("0001-01-01T00:00:00Z"), Some(i64::MIN));
        assert_eq!(nanos("0000-01-01T00:00:00Z"), Some(i64::MIN));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-20",
            "2026-11-20T11:10:32",
            "2026-13-20T11:10:32Z",
            "2026-02-29T11:10:32Z",
            "2026-11-20T24:10:32Z",
            "2026-11-20T11:60:32Z",
            "2026-11-2éT11:10:32Z",
            "+02026-11-20T11:10:32Z[UTC]",
            "1795173032",
        ] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_long_one(seconds in -9_000_000_000_i64..9_000_000_000) {
            let text = jiff::Timestamp::from_second(seconds).unwrap().to_string();
            assert_eq!(nanos(&text), Some(seconds * 1_000_000_000), "{text}");
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            assert!(rfc3339(&text).is_none() || text.len() >= 20);
        }
    }
}
