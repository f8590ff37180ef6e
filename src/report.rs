//! What a person is told on standard error: problems, one line each, and how far the work is.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

use crate::text::clean;

/// How many problems are told in full; of the rest only the number.
const TOLD_IN_FULL: u64 = 20;

/// Standard error, as a person reads it.
pub struct Report<'a> {
    out: &'a mut dyn Write,
    columns: Option<usize>,
    has_progress: bool,
    told: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl<'a> Report<'a> {
    /// A report to `out`. Progress is shown only on a terminal, which has so many `columns`.
    pub fn new(out: &'a mut dyn Write, columns: Option<usize>) -> Self {
        Self { out, columns, has_progress: false, told: 0, counts: BTreeMap::new() }
    }

    /// Says a sentence that must not be missed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.clear()?;
        writeln!(self.out, "lifespan: {}", clean(text))
    }

    /// Tells a problem, in full if it is one of the first, and counts it under `reason`, a few
    /// words in the plural.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn problem(&mut self, reason: &'static str, text: &str) -> io::Result<()> {
        let count = self.counts.entry(reason).or_default();
        *count = count.saturating_add(1);
        self.told += 1;
        if self.told <= TOLD_IN_FULL {
            self.clear()?;
            writeln!(self.out, "{}", clean(text))?;
        }
        Ok(())
    }

    /// Says how many problems were not told in full, if there are any.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        self.clear()?;
        match self.told.saturating_sub(TOLD_IN_FULL) {
            0 => Ok(()),
            more => writeln!(self.out, "and {more} more"),
        }
    }

    /// How many problems there were, by reason.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// Shows how far the work is, in the place of what was shown before; only on a terminal.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn progress(&mut self, text: &str) -> io::Result<()> {
        if let Some(columns) = self.columns {
            self.has_progress = true;
            // A line that wraps could not be taken away again. Its end tells more than its start.
            let all = text.chars().count();
            let shown = text.chars().skip((all + 1).saturating_sub(columns)).collect::<String>();
            write!(self.out, "\r\x1b[K{}", clean(&shown))?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Takes the progress away.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn clear(&mut self) -> io::Result<()> {
        if self.has_progress {
            self.has_progress = false;
            write!(self.out, "\r\x1b[K")?;
            self.out.flush()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_twenty_problems_the_rest_is_only_counted() {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, None);
        for n in 0..25 {
            report.problem("lines malformed", &format!("web:{n}: not\x1b[31m red")).unwrap();
        }
        report.progress("never seen").unwrap();
        report.finish().unwrap();
        assert_eq!(report.counts().get("lines malformed"), Some(&25));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 21);
        assert!(text.starts_with("web:0: not\u{fffd}[31m red\n"), "{text}");
        assert!(text.ends_with("web:19: not\u{fffd}[31m red\nand 5 more\n"), "{text}");
    }

    #[test]
    fn progress_is_cleared_before_anything_else_is_said() {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, Some(6));
        report.progress("web: 10 %").unwrap();
        report.say("done").unwrap();
        report.finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\r\x1b[K 10 %\r\x1b[Klifespan: done\n");
    }
}
