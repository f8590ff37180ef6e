//! `lifespan replay`: recordings in, waterfalls or OTLP out.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::config::Receiver;
use crate::engine::{Engine, Settings};
use crate::facts::time::Nanos;
use crate::kinds::Catalog;
use crate::recording::{Format, Imported, Input, Player};
use crate::report::Report;
use crate::show::Look;
use crate::text::Chain;
use crate::text::clean;
use crate::traces::{MAX_SPANS, Selection, Traces};

use super::configured::Sources;
use super::output::{Form, Output, counted};
use super::send::Sender;
use super::terminal::Terminal;
use crate::facts::duration;

/// Arguments of `lifespan replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
A recording has one JSON object a line, with `at`, `resource`, `type` and `object`. What cannot be
read of it is told on standard error, and the rest is used.

Examples:
  lifespan replay config/demo/rolling-update.jsonl.gz
  lifespan replay --failed --slower-than 30s monday.jsonl.gz tuesday.jsonl.gz
  lifespan replay -o json recording.jsonl > spans.jsonl
  lifespan replay audit.log audit-2.log
  kubectl get deploy,rs,pods -A -o json | lifespan replay -")]
pub(super) struct Arguments {
    /// Files of one format, plain or gzipped; - is standard input. Recordings in order of time
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// What the files are
    #[arg(long, value_enum, default_value_t = InputFormat::Auto)]
    format: InputFormat,

    /// What to write to standard output
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Waterfall)]
    output: OutputFormat,

    /// Also send the traces to this OTLP/gRPC server, such as localhost:4317 or https://host:443
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: Option<String>,

    /// Send in plaintext to an endpoint without a scheme; for this machine that is the default
    #[arg(long, requires = "endpoint")]
    insecure: bool,

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

    #[command(flatten)]
    sources: Sources,

    /// The uid of the namespace kube-system, which is part of every trace id
    #[arg(long, value_name = "UID")]
    cluster_uid: Option<String>,

    /// How long a change waits for slower watches
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "2s", conflicts_with = "config")]
    settle_time: Nanos,

    /// How long a settled state must last to be called stable
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10s", conflicts_with = "config")]
    stable_time: Nanos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InputFormat {
    /// Told by how the first one begins
    Auto,
    /// Recordings of lifespan record
    Recording,
    /// Output of kubectl get -o json or -o yaml, of objects, lists and -w, one file a kind or all in one
    Kubectl,
    /// Logs of the Collector's k8s_objects receiver, by its file exporter as JSON
    #[value(name = "k8s_objects")]
    K8sObjects,
    /// Audit logs of API servers, at level RequestResponse or Request
    Audit,
    /// As --output json, which it was called before there were several inputs
    #[value(hide = true)]
    Json,
    /// As --output waterfall, likewise
    #[value(hide = true)]
    Waterfall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
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
/// Fails with 1 if one of the files could not be used at all, or spans were not delivered. Damage within a usable file is told,
/// and counted in the last line, but is no failure: recordings are mostly cut by whoever stops
/// recording.
pub(super) fn run(
    arguments: &Arguments,
    terminal: &Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let (catalog, settings) = match arguments.sources.receiver(err)? {
        Ok(receiver) => arguments.known(receiver),
        Err(code) => return Ok(code),
    };
    let mut report = Report::new(err, terminal.error_columns());
    if arguments.files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
        report.say("standard input can be read once: `-` stands twice")?;
        return Ok(ExitCode::from(super::WRONG_USAGE));
    }
    let sender = arguments.endpoint.as_ref().map(|to| Sender::new(to, arguments.insecure));
    let sender = match sender.transpose() {
        Ok(sender) => sender,
        Err(error) => {
            report.say(&Chain(&error).to_string())?;
            return Ok(ExitCode::from(super::WRONG_USAGE));
        }
    };
    let mut output = Output::new(out, arguments.form(terminal), arguments.selection(), sender);
    let mut player = Player::new(catalog, Engine::new(settings));
    let mut traces = Traces::new(MAX_SPANS);
    let mut inputs = Vec::new();
    let mut all_open = true;
    for file in &arguments.files {
        match Input::open(file) {
            Ok(input) => inputs.push(input),
            Err(error) => {
                report.say(&Chain(&error).to_string())?;
                all_open = false;
            }
        }
    }
    let format = arguments.format.of(&mut inputs);
    let Imported { are_all_usable, is_any_usable, unknown } =
        player.import(format, inputs, &mut report, &mut |spans| {
            traces.add(spans).into_iter().try_for_each(|trace| output.put(trace))
        })?;
    player.finish(&mut |spans| {
        traces.add(spans).into_iter().try_for_each(|trace| output.put(trace))
    })?;
    let open = player.engine().in_progress(player.now());
    for trace in traces.finish(open) {
        output.put(trace)?;
    }
    report.finish()?;
    let is_sent = output.send(&mut report)?;
    if is_any_usable {
        if !unknown.is_empty() {
            report.say(&format!("read as {}: {}", format.name(), unknown.join("; ")))?;
        }
        output.finish(&told(&player, format), &mut report)?;
    }
    Ok(if all_open && are_all_usable && is_sent { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What there was to read, for the last line.
fn told(player: &Player, format: Format) -> Vec<String> {
    let tally = player.tally();
    let mut parts = vec![
        format!("{} at the end", counted(player.engine().counts().objects, "object")),
        counted(tally.lines, if format == Format::Kubectl { "document" } else { "line" }),
    ];
    let names = tally.not_watched.iter().map(|(name, n)| format!("{} {n}", clean(name)));
    let names: Vec<_> = names.collect();
    if !names.is_empty() {
        parts.push(format!("not watched: {}", names.join(", ")));
    }
    parts
}

impl InputFormat {
    /// The format of the files: as it was said, or as the first that has anything in it begins.
    fn of(self, inputs: &mut [Input]) -> Format {
        match self {
            Self::Auto | Self::Json | Self::Waterfall => {
                let mut starts = inputs.iter_mut().map(Input::start);
                starts.find(|start| !start.is_empty()).map_or(Format::Recording, Format::of)
            }
            Self::Recording => Format::Recording,
            Self::Kubectl => Format::Kubectl,
            Self::K8sObjects => Format::K8sObjects,
            Self::Audit => Format::Audit,
        }
    }
}

impl Arguments {
    /// What is known of objects and how it is understood.
    fn known(&self, receiver: Option<Receiver>) -> (Catalog, Settings) {
        let cluster_uid = self.cluster_uid.clone().filter(|uid| !uid.is_empty());
        let Some(Receiver { catalog, mut settings, .. }) = receiver else {
            let catalog = Catalog::default();
            let settings = Settings {
                cluster_uid,
                settle_time: self.settle_time,
                stable_time: self.stable_time,
                custom_kinds: catalog.custom_kinds(),
                ..Settings::default()
            };
            return (catalog, settings);
        };
        settings.cluster_uid = cluster_uid.or(settings.cluster_uid);
        (Arc::unwrap_or_clone(catalog), settings)
    }

    fn selection(&self) -> Selection {
        Selection {
            trace: self.trace.clone(),
            service: self.service.clone(),
            is_failed: self.failed,
            slower_than: self.slower_than,
        }
    }

    fn form(&self, terminal: &Terminal) -> Form {
        let is_json = self.output == OutputFormat::Json || self.format == InputFormat::Json;
        if is_json {
            return Form::Json;
        }
        let look = terminal.look();
        Form::Waterfall(Look {
            width: self.width.map_or(look.width, usize::from),
            has_color: match self.color {
                Color::Auto => look.has_color,
                Color::Always => true,
                Color::Never => false,
            },
            has_unicode: look.has_unicode && !self.ascii,
        })
    }
}

fn hex_prefix(text: &str) -> Result<String, &'static str> {
    let is_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && text.len() <= 32 {
        Ok(text.to_lowercase())
    } else {
        Err("expected 1 to 32 hexadecimal digits")
    }
}
