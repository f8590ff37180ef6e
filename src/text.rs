//! Text: put together piece by piece, errors on one line, nothing that steers a terminal.

use std::error::Error;
use std::fmt;

use crate::facts::time::UnixNanos;

/// `write!` into a `String`, which does not fail.
macro_rules! put {
    ($out:expr, $($argument:tt)*) => {
        $out.push_str(&format!($($argument)*))
    };
}

/// `writeln!` into a `String`, which does not fail.
macro_rules! putln {
    ($out:expr, $($argument:tt)*) => {{
        $out.push_str(&format!($($argument)*));
        $out.push('\n');
    }};
}

pub(crate) use {put, putln};

/// `at` as calendars and RFC 3339 have it.
#[must_use]
pub(crate) fn utc(at: UnixNanos) -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default()
}

/// `text` with every character that could steer a terminal or take no cell replaced. Names come
/// from recordings, which anybody may have written.
#[must_use]
pub(crate) fn clean(text: &str) -> String {
    let is_harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{300}'..='\u{36f}')
    };
    text.chars().map(|c| if is_harmful(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// An error with its sources, on one line, without what was already said.
#[derive(Debug)]
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            let text = error.to_string();
            if !said.contains(&text) {
                write!(f, ": {text}")?;
            }
            said = text;
            next = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open web.jsonl")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_chain_tells_each_source_once() {
        let error = Outer(io::Error::other("disk on fire"));
        assert_eq!(Chain(&error).to_string(), "cannot open web.jsonl: disk on fire");
    }

    #[test]
    fn nothing_that_steers_a_terminal_gets_through() {
        assert_eq!(clean("web\x1b]0;x\x07\n\u{202e}é"), "web\u{fffd}]0;x\u{fffd}\u{fffd}\u{fffd}é");
    }
}
