//! Text that fits.

use jiff::Timestamp;

use crate::facts::time::UnixNanos;

/// `at` as UTC to the millisecond, `2026-11-20 11:10:37.857Z`.
#[must_use]
pub(super) fn time_of(at: UnixNanos) -> String {
    match Timestamp::from_nanosecond(i128::from(at.0)) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S.%3fZ").to_string(),
        Err(_) => format!("{} ns", at.0),
    }
}

/// At most `width` characters of `text`, the last one an ellipsis where some are left out.
pub(super) fn fit(text: &str, width: usize, has_unicode: bool) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let ellipsis = if has_unicode { "…" } else { "~" };
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + ellipsis
}

/// `text` in lines of at most `width` characters, broken between words; what does not fit into
/// `most` lines is left out.
pub(super) fn broken(text: &str, width: usize, most: usize, has_unicode: bool) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let is_full = lines.len() >= most;
        match lines.last_mut() {
            // The last line takes one word too many, to be cut with an ellipsis.
            Some(line) if is_full || line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
                if line.chars().count() > width {
                    break;
                }
            }
            _ if is_full => break,
            _ => lines.push(word.to_owned()),
        }
    }
    lines.into_iter().map(|line| fit(&line, width, has_unicode)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        assert_eq!(fit("web-1", 5, true), "web-1");
        assert_eq!(fit("web-12", 5, true), "web-…");
        assert_eq!(fit("web-12", 5, false), "web-~");
        assert_eq!(fit("web", 0, true), "…");
    }

    #[test]
    fn a_sentence_is_broken_between_words_and_cut_at_its_last_line() {
        let told = |width, most| broken("one two three four", width, most, true).join("|");
        assert_eq!(told(99, 3), "one two three four");
        assert_eq!(told(9, 3), "one two|three|four");
        assert_eq!(told(9, 2), "one two|three fo…");
        assert_eq!(told(4, 9), "one|two|thr…|four");
        assert_eq!(told(4, 0), "");
    }

    #[test]
    fn a_time_is_told_in_utc_to_the_millisecond() {
        assert_eq!(time_of(UnixNanos(1_795_173_037_857_296_000)), "2026-11-20 11:10:37.857Z");
        assert_eq!(time_of(UnixNanos(0)), "1970-01-01 00:00:00.000Z");
    }
}
