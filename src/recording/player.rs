//! Plays recordings into an engine, one after another.

use std::collections::BTreeMap;
use std::io;

use crate::engine::Engine;
use crate::facts::span::FinishedSpan;
use crate::facts::time::{Nanos, UnixNanos};
use crate::kinds::{Catalog, Heard, Refused};
use crate::report::Report;

use super::input::Input;
use super::line::Line;
use super::lines::{Lines, MAX_LINE, Taken};

/// After so many lines of which none could be read, a file is no recording.
const PATIENCE: usize = 20;

/// Progress is shown each time so many unpacked bytes have been read.
const PROGRESS_EVERY: usize = 1 << 20;

/// Lanes overtake each other by less than this; what comes later is from another time.
const OVERTAKING: Nanos = Nanos::from_seconds(10);

/// Names of resources that are not watched are told apart up to this number.
const MAX_NAMES: usize = 12;

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

/// What was read so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines, whether they could be read or not.
    pub lines: u64,
    /// Objects of resources that are not watched, by resource.
    pub not_watched: BTreeMap<String, u64>,
    /// Root spans that left.
    pub traces: u64,
}

/// Feeds lines to an engine. Time is the latest `at` of the lines.
#[derive(Debug)]
pub struct Player {
    catalog: Catalog,
    engine: Engine,
    now: UnixNanos,
    tally: Tally,
}

impl Player {
    /// Plays what `catalog` knows into `engine`.
    #[must_use]
    pub fn new(catalog: Catalog, engine: Engine) -> Self {
        Self { catalog, engine, now: UnixNanos::default(), tally: Tally::default() }
    }

    /// What was read so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The engine, to ask it what is open.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The latest time of a line; the epoch before the first one.
    #[must_use]
    pub fn now(&self) -> UnixNanos {
        self.now
    }

    /// Reads `input` to its end or to where it is damaged, and hands on what ended by it.
    /// Problems go to `report`. Returns whether anything in it could be used.
    ///
    /// # Errors
    /// Only what `report` and `take` return: a damaged input is told, not returned.
    pub fn play(
        &mut self,
        input: Input,
        report: &mut Report<'_>,
        take: &mut dyn FnMut(Vec<FinishedSpan>) -> io::Result<()>,
    ) -> io::Result<bool> {
        let Input { name, size, position, is_packed, stream } = input;
        let mut lines = Lines::new(stream, MAX_LINE);
        let mut doubt = Doubt::default();
        let mut read_since = 0_usize;
        let mut cut = None;
        loop {
            let place = lines.number + 1;
            let taken = match lines.take() {
                Ok(Some(taken)) => taken,
                Ok(None) => break,
                Err(error) => {
                    cut = Some(match (is_packed, error.kind()) {
                        (true, io::ErrorKind::UnexpectedEof) => "the gzip stream is cut".to_owned(),
                        (true, _) => format!("the gzip stream is damaged ({error})"),
                        (false, _) => format!("it cannot be read any further ({error})"),
                    });
                    break;
                }
            };
            let (bytes, is_ended) = match taken {
                Taken::Line { bytes, .. } if bytes.trim_ascii().is_empty() => continue,
                Taken::Line { bytes, is_ended } => (bytes, is_ended),
                Taken::TooLong => (&[][..], true),
            };
            self.tally.lines += 1;
            read_since += bytes.len();
            let bad = match Line::parse(bytes) {
                Ok(line) => {
                    // Of a step back only the first is told: all that follows is as wrong.
                    let allowed = if doubt.has_usable { OVERTAKING } else { Nanos(0) };
                    let back = self.now.since(line.at);
                    if back > allowed && !doubt.is_out_of_order {
                        doubt.is_out_of_order = true;
                        let text = format!(
                            "{name}:{place}: `at` is {back} before an earlier line: expected lines and files in order of time"
                        );
                        report.problem(Reason::BackInTime.name(), &text)?;
                    }
                    doubt.relieve(&name, report)?;
                    self.take_line(&line, &format_args!("{name}:{place}"), report, take)?;
                    None
                }
                Err(_) if bytes.is_empty() => {
                    Some(format!("expected a line of at most {} MiB", MAX_LINE >> 20))
                }
                Err(_) if !is_ended && doubt.has_usable => {
                    cut = Some(format!("line {place} is cut"));
                    None
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = bad {
                doubt.bad_line(&name, place, why, report)?;
                if doubt.is_no_recording() {
                    break;
                }
            }
            if read_since >= PROGRESS_EVERY {
                read_since = 0;
                report.progress(&self.progress(&name, position.get(), size))?;
            }
        }
        report.clear()?;
        doubt.tell_end(&name, cut.as_deref(), report)?;
        Ok(doubt.has_usable)
    }

    fn take_line(
        &mut self,
        line: &Line<'_>,
        place: &dyn std::fmt::Display,
        report: &mut Report<'_>,
        take: &mut dyn FnMut(Vec<FinishedSpan>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.now = self.now.max(line.at);
        match line.news(&self.catalog) {
            Some((lane, Heard { out, refused, .. })) => {
                for one in refused {
                    let (reason, why) = match one {
                        Refused::Object(why) => (Reason::Object, why),
                        Refused::Stamp(_, why) => (Reason::Stamp, why),
                    };
                    report.problem(reason.name(), &format!("{place}: {why}"))?;
                }
                if let Some(news) = out {
                    let ended = self.engine.hear(lane, news, line.at);
                    self.hand_on(ended, take)?;
                }
            }
            None if line.said.is_of_object() => {
                let names = &mut self.tally.not_watched;
                let name = if names.len() < MAX_NAMES || names.contains_key(&*line.resource) {
                    &*line.resource
                } else {
                    "others"
                };
                *names.entry(name.chars().take(80).collect()).or_default() += 1;
            }
            None => {}
        }
        let ended = self.engine.advance(self.now);
        self.hand_on(ended, take)
    }

    /// The last input has ended: hands on what was held back.
    ///
    /// # Errors
    /// What `take` returns.
    pub fn finish(
        &mut self,
        take: &mut dyn FnMut(Vec<FinishedSpan>) -> io::Result<()>,
    ) -> io::Result<()> {
        let ended = self.engine.finish();
        self.hand_on(ended, take)
    }

    fn hand_on(
        &mut self,
        ended: Vec<FinishedSpan>,
        take: &mut dyn FnMut(Vec<FinishedSpan>) -> io::Result<()>,
    ) -> io::Result<()> {
        if ended.is_empty() {
            return Ok(());
        }
        let roots = ended.iter().filter(|span| span.parent.is_none()).count();
        self.tally.traces += u64::try_from(roots).unwrap_or(u64::MAX);
        take(ended)
    }

    fn progress(&self, name: &str, read: u64, size: Option<u64>) -> String {
        let mb = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes % 1_000_000 / 100_000);
        let far = match size {
            Some(size) if size > 0 => {
                format!("{} of {} MB ({} %)", mb(read), mb(size), read.saturating_mul(100) / size)
            }
            _ => format!("{} MB", mb(read)),
        };
        let Tally { lines, traces, .. } = &self.tally;
        format!("{name}: {far}, lines: {lines}, traces: {traces}")
    }
}

/// Whether a file is a recording at all. Its first bad lines are told only once a good one came.
#[derive(Debug, Default)]
struct Doubt {
    has_usable: bool,
    /// A step back in time was told.
    is_out_of_order: bool,
    /// Bad lines before the first good one: where, and why.
    held: Vec<(u64, String)>,
}

impl Doubt {
    fn bad_line(
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

    fn relieve(&mut self, name: &str, report: &mut Report<'_>) -> io::Result<()> {
        self.has_usable = true;
        for (place, why) in self.held.drain(..) {
            report.problem(Reason::Line.name(), &format!("{name}:{place}: {why}"))?;
        }
        Ok(())
    }

    /// The file has ended, or is `cut` there: what that says of it.
    fn tell_end(&self, name: &str, cut: Option<&str>, report: &mut Report<'_>) -> io::Result<()> {
        match (cut, self.held.first()) {
            (Some(cut), _) if self.has_usable => {
                let text = format!("{name}: {cut}; what stands before that was read");
                report.problem(Reason::Cut.name(), &text)
            }
            (None, _) if self.has_usable => Ok(()),
            (_, Some((place, why))) => {
                report.say(&format!("{name} is not a recording: line {place}: {why}"))
            }
            (Some(cut), None) => report.say(&format!("{name}: {cut} before its first line")),
            (None, None) => report.say(&format!("{name} is empty")),
        }
    }

    fn is_no_recording(&self) -> bool {
        !self.has_usable && self.held.len() >= PATIENCE
    }
}
