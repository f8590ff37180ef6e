//! Plays recordings into an engine, one after another.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;

use crate::engine::Engine;
use crate::facts::change::News;
use crate::facts::kind::Lane;
use crate::facts::span::FinishedSpan;
use crate::facts::time::{Nanos, UnixNanos};
use crate::kinds::{Catalog, Heard, Refused};
use crate::report::Report;

use super::doubt::{Damage, Doubt, Reason};
use super::import::{Audit, Format, Gather, Kubectl, Objects, Reader, Told};
use super::input::Input;
use super::line::Line;
use super::lines::{Lines, MAX_LINE, Taken};

/// Progress is shown each time so many unpacked bytes have been read.
const PROGRESS_EVERY: usize = 1 << 20;

/// Lanes overtake each other by less than this; what comes later is from another time.
const OVERTAKING: Nanos = Nanos::from_seconds(10);

/// Names of resources that are not watched are told apart up to this number.
const MAX_NAMES: usize = 12;

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

/// What became of files that were imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// All of them could be used, at least in part.
    pub are_all_usable: bool,
    /// One of them could.
    pub is_any_usable: bool,
    /// What could not be known, and what was left out: a few words each.
    pub unknown: Vec<String>,
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
        let mut doubt = Doubt::of("a recording");
        let mut is_out_of_order = false;
        let mut read_since = 0_usize;
        let mut cut = None;
        loop {
            let place = lines.number + 1;
            let taken = match lines.take() {
                Ok(Some(taken)) => taken,
                Ok(None) => break,
                Err(error) => {
                    cut = Some(Damage::of_stream(is_packed, &error));
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
                    if back > allowed && !is_out_of_order {
                        is_out_of_order = true;
                        let text = format!(
                            "{name}:{place}: `at` is {back} before an earlier line: expected lines and files in order of time"
                        );
                        report.problem(Reason::BackInTime.name(), &text)?;
                    }
                    doubt.relieve(&name, report)?;
                    self.take_line(&line, &format_args!("{name}:{place}"), report, take)?;
                    None
                }
                Err(_) if bytes.is_empty() => Some(Damage::too_long()),
                Err(_) if !is_ended && doubt.has_usable => {
                    cut = Some(Damage::of_line(place));
                    None
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = bad {
                doubt.bad_line(&name, place, why, report)?;
                if doubt.is_something_else() {
                    break;
                }
            }
            if read_since >= PROGRESS_EVERY {
                read_since = 0;
                report.progress(&self.progress(&name, position.get(), size))?;
            }
        }
        report.clear()?;
        doubt.tell_end(&name, cut.as_ref(), report)?;
        Ok(doubt.has_usable)
    }

    fn take_line(
        &mut self,
        line: &Line<'_>,
        place: &dyn Display,
        report: &mut Report<'_>,
        take: &mut dyn FnMut(Vec<FinishedSpan>) -> io::Result<()>,
    ) -> io::Result<()> {
        match line.news(&self.catalog) {
            Some((lane, heard)) => self.hear(lane, heard, line.at, place, report, take),
            None => {
                if line.said.is_of_object() {
                    self.not_watched(&line.resource);
                }
                self.pass(line.at, take)
            }
        }
    }

    /// Reads files of a format other than recordings, all together.
    ///
    /// Returns whether all, and whether any, of them could be used, and what could not be known.
    ///
    /// # Errors
    /// As [`Player::play`].
    pub fn import(
        &mut self,
        format: Format,
        inputs: Vec<Input>,
        report: &mut Report<'_>,
        take: &mut dyn FnMut(Vec<FinishedSpan>) -> io::Result<()>,
    ) -> io::Result<Imported> {
        let catalog = self.catalog.clone();
        match format {
            Format::Recording => {
                let mut usable = Vec::new();
                for input in inputs {
                    usable.push(self.play(input, report, take)?);
                }
                let (all, any) = (usable.iter().all(|it| *it), usable.iter().any(|it| *it));
                Ok(Imported { are_all_usable: all, is_any_usable: any, unknown: Vec::new() })
            }
            Format::Kubectl => self.import_kubectl(Kubectl::new(&catalog), inputs, report, take),
            Format::K8sObjects => {
                self.import_lines(Gather::new(Objects::new(&catalog), inputs), report, take)
            }
            Format::Audit => {
                self.import_lines(Gather::new(Audit::new(&catalog), inputs), report, take)
            }
        }
    }

    fn import_lines<R: Reader>(
        &mut self,
        mut files: Gather<R>,
        report: &mut Report<'_>,
        take: &mut dyn FnMut(Vec<FinishedSpan>) -> io::Result<()>,
    ) -> io::Result<Imported> {
        let names = files.names();
        let mut told = files.next(report)?;
        while !told.is_empty() {
            self.take_told(told, &names, report, take)?;
            told = files.next(report)?;
        }
        self.tally.lines += files.n_lines;
        report.clear()?;
        let (are_all_usable, is_any_usable) = files.usable();
        Ok(Imported { are_all_usable, is_any_usable, unknown: files.reader.unknown() })
    }

    fn import_kubectl(
        &mut self,
        mut kubectl: Kubectl<'_>,
        inputs: Vec<Input>,
        report: &mut Report<'_>,
        take: &mut dyn FnMut(Vec<FinishedSpan>) -> io::Result<()>,
    ) -> io::Result<Imported> {
        let mut names = Vec::new();
        let mut usable = Vec::new();
        for (file, Input { name, stream, .. }) in inputs.into_iter().enumerate() {
            let mut doubt = Doubt::of_documents("output of kubectl");
            let mut damage = None;
            kubectl.read(file, stream, &mut |document| match document {
                Ok(()) => doubt.relieve(&name, report),
                Err(wrong) if wrong.is_last && doubt.has_usable => {
                    damage = Some(Damage::new(wrong.told()));
                    Ok(())
                }
                Err(wrong) => doubt.bad_line(&name, wrong.number, wrong.why, report),
            })?;
            doubt.tell_end(&name, damage.as_ref(), report)?;
            usable.push(doubt.has_usable);
            names.push(name);
        }
        self.tally.lines += kubectl.n_documents;
        let unknown = vec![kubectl.unknown()];
        self.take_told(kubectl.told(), &names, report, take)?;
        let (all, any) = (usable.iter().all(|it| *it), usable.iter().any(|it| *it));
        Ok(Imported { are_all_usable: all, is_any_usable: any, unknown })
    }

    fn take_told(
        &mut self,
        told: Vec<Told>,
        names: &[String],
        report: &mut Report<'_>,
        take: &mut dyn FnMut(Vec<FinishedSpan>) -> io::Result<()>,
    ) -> io::Result<()> {
        for Told { at, place, what } in told {
            let name = names.get(place.file).map_or("", String::as_str);
            match what {
                Ok((lane, heard)) => {
                    self.engine.set_clock(at);
                    let place = format_args!("{name}:{}", place.number);
                    self.hear(lane, heard, at.at, &place, report, take)?;
                }
                Err(resource) => self.not_watched(&resource),
            }
        }
        Ok(())
    }

    /// A lane told something at `at`.
    fn hear(
        &mut self,
        lane: Lane,
        heard: Heard<News>,
        at: UnixNanos,
        place: &dyn Display,
        report: &mut Report<'_>,
        take: &mut dyn FnMut(Vec<FinishedSpan>) -> io::Result<()>,
    ) -> io::Result<()> {
        let Heard { out, refused, .. } = heard;
        for one in refused {
            let (reason, why) = match one {
                Refused::Object(why) => (Reason::Object, why),
                Refused::Stamp(_, why) => (Reason::Stamp, why),
            };
            report.problem(reason.name(), &format!("{place}: {why}"))?;
        }
        self.now = self.now.max(at);
        if let Some(news) = out {
            let ended = self.engine.hear(lane, news, at);
            self.hand_on(ended, take)?;
        }
        self.pass(at, take)
    }

    /// Time passes.
    fn pass(
        &mut self,
        at: UnixNanos,
        take: &mut dyn FnMut(Vec<FinishedSpan>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.now = self.now.max(at);
        let ended = self.engine.advance(self.now);
        self.hand_on(ended, take)
    }

    /// Something is told of a resource that is not watched.
    fn not_watched(&mut self, resource: &str) {
        let names = &mut self.tally.not_watched;
        let is_told = names.len() < MAX_NAMES || names.contains_key(resource);
        let name = if is_told { resource } else { "others" };
        *names.entry(name.chars().take(80).collect()).or_default() += 1;
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
