//! `lifespan replay`: recordings in, waterfalls or OTLP out.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::engine::{Engine, Settings};
use crate::lifecycle::span::Outcome;
use crate::lifecycle::time::Nanos;
use crate::recording::{Input, Player};
use crate::report::{Chain, Report};
use crate::show::{Look, clean, waterfall};
use crate::traces::{MAX_SPANS, Selection, Trace, Traces};

use super::duration;
use super::terminal::Terminal;

/// Arguments of `lifespan replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
A recording has one JSON object a line, with `at`, `resource`, `type` and `object`. What cannot be
read of it is told on standard error, and the rest is used.

Examples:
  lifespan replay config/demo/rolling-update.jsonl.gz
  lifespan replay --failed --slower-than 30s monday.jsonl.gz tuesday.jsonl.gz
  lifespan replay --format json recording.jsonl > spans.jsonl")]
pub(super) struct Arguments {
    /// Recordings, plain or gzipped, in order of time; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// What to write to standard output
    #[arg(long, value_enum, default_value_t = Format::Waterfall)]
    format: Format,

    /// Only the traces whose id begins with these hexadecimal digits
    #[arg(long, value_name = "ID", value_parser = hex_prefix)]
    trace: Option<String>,

    /// Only the traces of this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// Only traces that failed, timed out or carry an error
    #[arg(long)]
    failed: bool,

    /// Only traces that took longer than this
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    slower_than: Option<Nanos>,

    /// Whether to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,

    /// Columns to fill; by default those of the terminal, and 100 where there is none
    #[arg(long, value_name = "COLUMNS")]
    width: Option<u16>,

    /// Write only ASCII characters
    #[arg(long)]
    ascii: bool,

    /// The uid of the namespace kube-system, which is part of every trace id
    #[arg(long, value_name = "UID", default_value = "")]
    cluster_uid: String,

    /// How long a change waits for slower watches
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "2s")]
    settle_time: Nanos,

    /// How long a settled state must last to be called stable
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10s")]
    stable_time: Nanos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Bars on an axis of time
    Waterfall,
    /// OTLP as JSON, one document a line
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Also into files and pipes
    Always,
    /// Not at all
    Never,
}

/// Reads the files and writes what happened in them.
///
/// Fails with 1 if one of the files could not be used at all. Damage within a usable file is told,
/// and counted in the last line, but is no failure: recordings are mostly cut by whoever stops
/// recording.
pub(super) fn run(
    arguments: &Arguments,
    terminal: &Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let mut report = Report::new(err, terminal.is_error_terminal);
    let mut output = Output::new(arguments, terminal, out);
    let mut player = Player::new(Engine::new(arguments.settings()));
    let mut traces = Traces::new(MAX_SPANS);
    let mut all_usable = true;
    let mut any_usable = false;
    for file in &arguments.files {
        let input = match Input::open(file) {
            Ok(input) => input,
            Err(error) => {
                report.say(&Chain(&error).to_string())?;
                all_usable = false;
                continue;
            }
        };
        let is_usable = player.play(input, &mut report, &mut |spans| {
            traces.add(spans).iter().try_for_each(|trace| output.put(trace))
        })?;
        all_usable &= is_usable;
        any_usable |= is_usable;
    }
    player.finish(&mut |spans| traces.add(spans).iter().try_for_each(|trace| output.put(trace)))?;
    let open = player.engine().in_progress(player.now());
    for trace in traces.finish(open) {
        output.put(&trace)?;
    }
    report.finish()?;
    if any_usable {
        let summary = output.summary(&player, &report);
        match arguments.format {
            Format::Waterfall => writeln!(output.out, "{summary}")?,
            Format::Json => report.say(&summary)?,
        }
    }
    Ok(if all_usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    fn settings(&self) -> Settings {
        Settings {
            cluster_uid: self.cluster_uid.clone(),
            settle_time: self.settle_time,
            stable_time: self.stable_time,
            ..Settings::default()
        }
    }

    fn look(&self, terminal: &Terminal) -> Look {
        let look = terminal.look();
        Look {
            width: self.width.map_or(look.width, usize::from),
            has_color: match self.color {
                Color::Auto => look.has_color,
                Color::Always => true,
                Color::Never => false,
            },
            has_unicode: look.has_unicode && !self.ascii,
        }
    }
}

/// Where selected traces go.
struct Output<'a> {
    out: &'a mut dyn Write,
    format: Format,
    look: Look,
    selection: Selection,
    n_traces: u64,
    n_spans: u64,
    n_in_progress: u64,
    n_left_out: u64,
}

impl<'a> Output<'a> {
    fn new(arguments: &Arguments, terminal: &Terminal, out: &'a mut dyn Write) -> Self {
        Self {
            out,
            format: arguments.format,
            look: arguments.look(terminal),
            selection: Selection {
                trace: arguments.trace.clone(),
                service: arguments.service.clone(),
                is_failed: arguments.failed,
                slower_than: arguments.slower_than,
            },
            n_traces: 0,
            n_spans: 0,
            n_in_progress: 0,
            n_left_out: 0,
        }
    }

    fn put(&mut self, trace: &Trace) -> io::Result<()> {
        if !self.selection.admits(trace) {
            self.n_left_out += 1;
            return Ok(());
        }
        let ended = trace.spans.iter().filter(|span| !(span.outcome == Some(Outcome::InProgress)));
        self.n_spans += u64::try_from(ended.count()).unwrap_or(u64::MAX);
        if trace.is_in_progress() {
            self.n_in_progress += 1;
        } else {
            self.n_traces += 1;
        }
        match self.format {
            Format::Waterfall => writeln!(self.out, "{}", waterfall(&trace.spans, self.look)),
            Format::Json => Ok(()),
        }
    }

    /// The last line: what there was, and what of it could not be used.
    fn summary(&self, player: &Player, report: &Report<'_>) -> String {
        let tally = player.tally();
        let mut text = format!(
            "{}, {} from {}",
            counted(self.n_traces, "trace"),
            counted(self.n_spans, "span"),
            counted(tally.lines, "line"),
        );
        let between = if self.look.has_unicode { " · " } else { " - " };
        let mut add = |part: String| {
            text.push_str(between);
            text.push_str(&part);
        };
        add(format!("{} still known", counted(player.engine().counts().objects, "object")));
        if self.n_in_progress > 0 {
            add(format!("{} in progress", self.n_in_progress));
        }
        if self.n_left_out > 0 {
            add(format!("{} not selected", self.n_left_out));
        }
        for (reason, n) in report.counts() {
            add(format!("{n} {reason}"));
        }
        if !tally.not_watched.is_empty() {
            let mut names = String::from("not watched: ");
            for (at, (name, n)) in tally.not_watched.iter().enumerate() {
                let comma = if at == 0 { "" } else { ", " };
                // Writing to a String cannot fail.
                if write!(names, "{comma}{} {n}", clean(name)).is_err() {
                    break;
                }
            }
            add(names);
        }
        text
    }
}

fn counted(n: u64, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}

fn hex_prefix(text: &str) -> Result<String, &'static str> {
    let is_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && text.len() <= 32 {
        Ok(text.to_lowercase())
    } else {
        Err("expected 1 to 32 hexadecimal digits")
    }
}
