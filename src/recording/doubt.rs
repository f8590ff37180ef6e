//! Whether a file is what it is taken for, and what is wrong with it.

use std::fmt;
use std::io;

use super::lines::MAX_LINE;
use crate::report::Report;

/// After so many lines of which none could be read, a file is something else.
const PATIENCE: usize = 20;

/// Why something was not taken in: a closed set, to count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A line that is not one of a recording.
    Line,
    /// An object that cannot be tracked.
    Object,
    /// A trace context that cannot be read.
    Stamp,
    /// The end of a file is missing.
    Cut,
    /// A line from long before the one before it.
    BackInTime,
}

impl Reason {
    /// The reason in the plural, as a summary tells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Line => "malformed lines",
            Self::Object => "malformed objects",
            Self::Stamp => "malformed trace contexts",
            Self::Cut => "cut files",
            Self::BackInTime => "steps back in time",
        }
    }
}

/// Why a file ends before its end.
#[derive(Debug)]
pub(super) struct Damage(String);

impl Damage {
    /// A stream that failed.
    pub(super) fn of_stream(is_packed: bool, error: &io::Error) -> Self {
        Self(match (is_packed, error.kind()) {
            (true, io::ErrorKind::UnexpectedEof) => "the gzip stream is cut".to_owned(),
            (true, _) => format!("the gzip stream is damaged ({error})"),
            (false, _) => format!("it cannot be read any further ({error})"),
        })
    }

    /// The last line has no end, and cannot be read.
    pub(super) fn of_line(number: u64) -> Self {
        Self(format!("line {number} is cut"))
    }

    /// Anything else, as a sentence.
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// A line that is longer than lines may be.
    pub(super) fn too_long() -> String {
        format!("expected a line of at most {} MiB", MAX_LINE >> 20)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Its first bad lines are told only once a good one came.
#[derive(Debug)]
pub(super) struct Doubt {
    /// `a recording`: what the file is taken for.
    what: &'static str,
    /// What its parts are called.
    part: &'static str,
    /// Something of it could be used.
    pub(super) has_usable: bool,
    /// Bad lines before the first good one: where, and why.
    held: Vec<(u64, String)>,
}

impl Doubt {
    /// Of a file of lines that is taken for `what`.
    pub(super) fn of(what: &'static str) -> Self {
        Self { what, part: "line", has_usable: false, held: Vec::new() }
    }

    /// Of a file of documents that is taken for `what`.
    pub(super) fn of_documents(what: &'static str) -> Self {
        Self { part: "document", ..Self::of(what) }
    }

    /// A line that cannot be read.
    pub(super) fn bad_line(
        &mut self,
        name: &str,
        place: u64,
        why: String,
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        if self.has_usable {
            report.problem(Reason::Line.name(), &format!("{name}:{place}: {why}"))?;
        } else {
            self.held.push((place, why));
        }
        Ok(())
    }

    /// A line that can be read.
    pub(super) fn relieve(&mut self, name: &str, report: &mut Report<'_>) -> io::Result<()> {
        self.has_usable = true;
        for (place, why) in self.held.drain(..) {
            report.problem(Reason::Line.name(), &format!("{name}:{place}: {why}"))?;
        }
        Ok(())
    }

    /// The file has ended, or is damaged there: what that says of it.
    pub(super) fn tell_end(
        &self,
        name: &str,
        damage: Option<&Damage>,
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        let Self { what, part, .. } = self;
        match (damage, self.held.first()) {
            (Some(damage), _) if self.has_usable => {
                let text = format!("{name}: {damage}; what stands before that was read");
                report.problem(Reason::Cut.name(), &text)
            }
            (None, _) if self.has_usable => Ok(()),
            (_, Some((place, why))) => {
                report.say(&format!("{name} is not {what}: {part} {place}: {why}"))
            }
            (Some(damage), None) => {
                report.say(&format!("{name}: {damage} before its first {part}"))
            }
            (None, None) => report.say(&format!("{name} is empty")),
        }
    }

    /// It is no such file.
    pub(super) fn is_something_else(&self) -> bool {
        !self.has_usable && self.held.len() >= PATIENCE
    }
}
