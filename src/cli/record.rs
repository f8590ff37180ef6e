//! `lifespan record`: what a live cluster says, written down for `lifespan replay`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::cluster::{ClusterArguments, scope};
use super::configured::Sources;
use super::output::counted;
use super::recording_file::{self, RecordingFile, Sink};
use super::runtime::{Signals, runtime};
use super::terminal::Terminal;
use crate::cluster::connect::{Cluster, connect};
use crate::config::Receiver;
use crate::context::Rules;
use crate::facts::duration;
use crate::facts::time::Nanos;
use crate::random;
use crate::recording::{ForRecording, Redaction, Written};
use crate::report::Report;
use crate::watch::lanes::{Statuses, Watched, start};
use crate::watch::target::{Encoding, Target, WatchSettings};

/// A recorder that is killed loses no more than this.
const FLUSH: Duration = Duration::from_secs(1);

/// Lines that wait to be written.
const WAITING: usize = 1_024;

/// Arguments of `lifespan record`.
#[derive(Debug, Args)]
#[command(after_help = "\
Of objects only what a replay needs is written: any text that it does not need, such as an argument
or a value of an environment variable, is replaced by a hash. Secrets are never read.

The file is written beside its place, with .part after its name, and put there when it is whole.

Examples:
  lifespan record --for 10m -o rollout.jsonl.gz
  lifespan record -n shop -l app=web > web.jsonl    # until Ctrl-C
  lifespan record --config lifespan.yaml -o all.jsonl.gz")]
#[group(skip)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) cluster: ClusterArguments,

    #[command(flatten)]
    pub(super) sources: Sources,

    /// How long; by default until Ctrl-C
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    time: Option<Nanos>,

    /// The recording, gzipped if it ends in .gz; by default standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write over a recording that is there
    #[arg(long)]
    force: bool,

    /// Write whole objects, but for values of environment variables and kubectl's manifests
    #[arg(long)]
    full: bool,
}

/// Records until it is time, or a signal comes.
pub(super) fn run(
    arguments: &Arguments,
    terminal: &Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    if arguments.sources.is_given() && arguments.cluster.is_given() {
        let why = "the configuration says which cluster and what of it: give --config alone";
        writeln!(err, "lifespan: {why}")?;
        return Ok(ExitCode::from(super::WRONG_USAGE));
    }
    let receiver = match arguments.sources.receiver(err)? {
        Ok(receiver) => receiver,
        Err(code) => return Ok(code),
    };
    let mut report = Report::new(err, terminal.error_columns());
    if let Some(Receiver { namespaces, .. }) = &receiver
        && namespaces.len() > 1
    {
        // Each would be a list of its own, and in a recording a list is of all that there is.
        report.say("a recording is of one namespace or of all, the configuration names several")?;
        return Ok(ExitCode::FAILURE);
    }
    if let Some(path) = &arguments.output
        && let Some(why) = recording_file::refused(path, arguments.force)
    {
        report.say(&why)?;
        return Ok(ExitCode::FAILURE);
    }
    runtime()?.block_on(record(arguments, receiver.as_ref(), out, &mut report))
}

async fn record(
    arguments: &Arguments,
    receiver: Option<&Receiver>,
    out: &mut dyn Write,
    report: &mut Report<'_>,
) -> io::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let access = receiver.map_or_else(|| arguments.cluster.access(), |it| it.access.clone());
    let connected = tokio::select! {
        connected = connect(&access, false) => connected,
        _ = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    let cluster = match connected {
        Ok(cluster) => cluster.with_watch_list(receiver.and_then(|it| it.watch_list)),
        Err(error) => {
            report.say(&error.to_string())?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let targets = tokio::select! {
        targets = targets(arguments, receiver, &cluster, report) => targets?,
        _ = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    let mut sink = match &arguments.output {
        None => Sink::Out(out),
        Some(path) => match RecordingFile::create(path) {
            Ok(file) => Sink::File(file),
            Err(error) => {
                report.say(&format!("cannot write {}: {error}", path.display()))?;
                return Ok(ExitCode::FAILURE);
            }
        },
    };
    let built_in = Rules::built_in();
    let rules = receiver.map_or(&built_in, |it| it.catalog.context());
    let redaction = Redaction::new(random::key(), rules);
    let listener = |target: &Target| ForRecording {
        resource: target.resource(),
        redaction: Some(redaction.clone()),
        is_full: arguments.full,
    };
    let watched: Vec<_> = targets
        .into_iter()
        .map(|(target, has_no_backlog)| Watched {
            listener: listener(&target),
            target,
            has_no_backlog,
            from: None,
        })
        .collect();
    let n_watched = watched.len();
    let (say, mut said) = mpsc::channel::<Written>(WAITING);
    let settings = receiver.map_or_else(WatchSettings::default, |it| it.watch_settings.clone());
    // A recording is JSON, and of all that there is.
    let settings = WatchSettings { encoding: Encoding::Json, ..settings };
    let scope = match receiver {
        None => scope(&arguments.cluster.namespace(&cluster)),
        Some(_) => "what is configured".to_owned(),
    };
    let watches = start(&cluster, &settings, watched, &say);
    let statuses = watches.statuses();
    let mut tally = Tally::default();
    tokio::select! {
        done = write(&mut said, &mut sink, &mut tally, &statuses, &scope, report) => done?,
        () = pause(arguments.time) => {}
        _ = signals.next() => {}
    }
    drop(watches);
    sink.finish()?;
    report.clear()?;
    let n_unread = tell_unread(&statuses, report)?;
    report.say(&format!("{tally}, from {}", cluster.server))?;
    Ok(if n_unread < n_watched { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was written.
#[derive(Debug, Default)]
struct Tally {
    n_lines: u64,
    n_objects: u64,
    n_bytes: u64,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { n_lines, n_objects, n_bytes } = *self;
        let (lines, size) = (counted(n_lines, "line"), recording_file::size(n_bytes));
        write!(f, "{lines}, {n_objects} of them objects, {size}")
    }
}

/// Writes what is said for as long as nobody ends it.
async fn write(
    said: &mut mpsc::Receiver<Written>,
    sink: &mut Sink<'_>,
    tally: &mut Tally,
    statuses: &Statuses,
    scope: &str,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let mut tick = interval(FLUSH);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(Written { line, is_object }) = said.recv() => {
                tally.n_lines += 1;
                tally.n_objects += u64::from(is_object);
                tally.n_bytes += line.len() as u64;
                sink.write(line.as_bytes())?;
            }
            _ = tick.tick() => {
                sink.flush()?;
                report.progress(&progress(statuses, scope, tally))?;
            }
        }
    }
}

/// Tells which kinds were never listed; how many those are.
fn tell_unread(statuses: &Statuses, report: &mut Report<'_>) -> io::Result<usize> {
    let unread: Vec<_> = statuses
        .now()
        .into_iter()
        .filter(|status| !status.is_synced)
        .map(|status| match status.last_error {
            Some((_, error)) => format!("{} ({error})", status.resource),
            None => status.resource,
        })
        .collect();
    if !unread.is_empty() {
        report.say(&format!("not recorded: {}", unread.join(", ")))?;
    }
    Ok(unread.len())
}

/// What is recorded, and whether what was there before is of no interest.
async fn targets(
    arguments: &Arguments,
    receiver: Option<&Receiver>,
    cluster: &Cluster,
    report: &mut Report<'_>,
) -> io::Result<Vec<(Target, bool)>> {
    if let Some(receiver) = receiver {
        let watched = receiver.watched().into_iter();
        return Ok(watched.map(|it| (it.target, it.has_no_backlog)).collect());
    }
    // Secrets are not among the kinds that are known, and cannot be.
    let namespace = arguments.cluster.namespace(cluster);
    let catalog = arguments.cluster.catalog(cluster, &namespace, report).await?;
    let target = |lane| arguments.cluster.target(&catalog, lane, &namespace);
    let targets = catalog.lanes().map(|lane| (target(lane), !lane.has_lives()));
    Ok(targets.collect())
}

fn progress(statuses: &Statuses, scope: &str, tally: &Tally) -> String {
    let statuses = statuses.now();
    let listing = statuses.iter().find(|status| !status.is_synced && status.last_error.is_none());
    let what = match listing {
        Some(status) => format!("listing {}, {} so far", status.resource, status.list.n_objects),
        None => "recording until Ctrl-C".to_owned(),
    };
    format!("{scope}: {what}; {tally}")
}

async fn pause(time: Option<Nanos>) {
    match time.and_then(|time| u64::try_from(time.0).ok()) {
        Some(nanos) => sleep(Duration::from_nanos(nanos)).await,
        None => std::future::pending().await,
    }
}
