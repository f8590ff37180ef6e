//! `lifespan` without a configuration: a cluster, watched and shown as it lives.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::cluster::ClusterArguments;
use super::output::{Form, Output, counted};
use super::runtime::{Signals, runtime};
use super::send;
use super::terminal::Terminal;
use crate::app::{App, Stopped, View};
use crate::clock;
use crate::engine::{Engine, Settings};
use crate::export::Delivery;
use crate::export::books::Books;
use crate::facts::duration;
use crate::facts::span::FinishedSpan;
use crate::facts::time::Nanos;
use crate::report::Report;
use crate::text::Chain;
use crate::traces::{Selection, Trace};
use crate::watch::connect::connect;
use crate::watch::ear::ForCore;
use crate::watch::lanes::Watched;
use crate::watch::status::{Phase, Status};
use crate::watch::target::Manners;

/// Wrong usage, as clap has it.
const WRONG_USAGE: u8 = 2;

/// Batches of spans that may wait to be shown.
const WAITING: usize = 1_024;

/// How long exporters have at the end.
const GRACE: Duration = Duration::from_secs(5);

/// Arguments of `lifespan` without a command.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Arguments {
    #[command(flatten)]
    cluster: ClusterArguments,

    /// Also send the traces to this OTLP/gRPC server, such as localhost:4317 or https://host:443
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: Option<String>,

    /// Send in plaintext to an endpoint without a scheme; for this machine that is the default
    #[arg(long, requires = "endpoint")]
    insecure: bool,

    /// How long a settled state must last to be called stable
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10s")]
    stable_time: Nanos,
}

/// Watches until a signal comes. A second one ends it at once.
pub(super) fn run(
    arguments: &Arguments,
    terminal: &Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let mut report = Report::new(err, terminal.error_columns());
    let mut output = Output::new(out, Form::Waterfall(terminal.look()), Selection::default(), None);
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let told = watch(arguments, &mut output, &mut report, &mut signals).await?;
        report.clear()?;
        match told {
            Ok(told) => output.finish(&told, &mut report).map(|()| ExitCode::SUCCESS),
            Err(code) => Ok(code),
        }
    })
}

async fn watch(
    arguments: &Arguments,
    output: &mut Output<'_>,
    report: &mut Report<'_>,
    signals: &mut Signals,
) -> io::Result<Result<Vec<String>, ExitCode>> {
    let exporters = arguments.endpoint.iter().map(|to| send::exporter(to, arguments.insecure));
    let delivery = match Delivery::start(exporters.collect()) {
        Ok(delivery) => delivery,
        Err(error) => {
            report.say(&Chain(&error).to_string())?;
            return Ok(Err(ExitCode::from(WRONG_USAGE)));
        }
    };
    let access = arguments.cluster.access();
    let connected = tokio::select! {
        connected = connect(&access) => connected,
        _ = signals.next() => return Ok(Err(ExitCode::SUCCESS)),
    };
    let cluster = match connected {
        Ok(cluster) => cluster,
        Err(error) => {
            report.say(&error.to_string())?;
            return Ok(Err(ExitCode::FAILURE));
        }
    };
    let scope = arguments.cluster.scope();
    report.say(&format!("watching {scope} of {} ({})", cluster.server, cluster.version))?;
    let catalog = tokio::select! {
        catalog = arguments.cluster.catalog(&cluster, report) => catalog?,
        _ = signals.next() => return Ok(Err(ExitCode::SUCCESS)),
    };
    let engine = Engine::new(Settings {
        cluster_uid: cluster.uid.clone(),
        stable_time: arguments.stable_time,
        waits_for: catalog.lanes().map(|lane| (lane, 0)).collect(),
        custom_kinds: catalog.custom_kinds(),
        ..Settings::default()
    });
    let watched = catalog.lanes().map(|lane| Watched {
        target: arguments.cluster.target(&catalog, lane),
        has_no_backlog: !lane.has_lives(),
        ear: ForCore { catalog: Arc::clone(&catalog), lane, part: 0 },
    });
    let (show, mut shown) = mpsc::channel(WAITING);
    let mut app =
        App::start(&cluster, &Manners::default(), watched.collect(), engine, delivery, Some(show));
    let view = app.view();
    let mut tick = interval(Duration::from_millis(250));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Told::default();
    loop {
        tokio::select! {
            Some(spans) = shown.recv() => {
                report.clear()?;
                show_traces(spans, output)?;
                output.flush()?;
            }
            _ = tick.tick() => {
                told.news(&view, report)?;
                report.progress(&progress(&view).await)?;
            }
            why = app.failed() => {
                report.say(&why)?;
                return Ok(Err(ExitCode::FAILURE));
            }
            _ = signals.next() => break,
        }
    }
    report.clear()?;
    let stopped = tokio::select! {
        stopped = app.stop(GRACE) => stopped,
        _ = signals.next() => return Ok(Err(ExitCode::FAILURE)),
    };
    while let Ok(spans) = shown.try_recv() {
        show_traces(spans, output)?;
    }
    finish(stopped, &view, output).map(Ok)
}

/// Each trace of which the root has left, and a line for each span that outlived its trace.
fn show_traces(spans: Vec<FinishedSpan>, output: &mut Output<'_>) -> io::Result<()> {
    let mut traces: BTreeMap<_, Trace> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace_id).or_default().spans.push(span);
    }
    traces.into_values().try_for_each(|trace| output.put(trace))
}

/// What is still open, and what there was.
fn finish(stopped: Stopped, view: &View, output: &mut Output<'_>) -> io::Result<Vec<String>> {
    let mut told = Vec::new();
    if let Some(engine) = stopped.engine {
        show_traces(engine.in_progress(clock::now()), output)?;
        told.push(counted(engine.counts().objects, "object"));
    }
    let refused: u64 = view.statuses.now().iter().map(|status| status.n_refused).sum();
    if refused > 0 {
        told.push(format!("{refused} objects that cannot be tracked"));
    }
    told.extend(stopped.books.iter().map(|books| {
        let Books { id, sent, rejected, failed, refused, last_error, .. } = books;
        let lost = rejected + failed + refused;
        let why = last_error.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        match lost {
            0 => format!("{sent} sent to {id}"),
            _ => format!("{sent} sent to {id}, {lost} not{why}"),
        }
    }));
    Ok(told)
}

/// Errors of watches and exporters that have been told.
#[derive(Debug, Default)]
struct Told {
    by_source: BTreeMap<String, String>,
}

impl Told {
    /// Says what went wrong, once for each new problem.
    fn news(&mut self, view: &View, report: &mut Report<'_>) -> io::Result<()> {
        let watches = view.statuses.now().into_iter().map(|status| {
            let Status { resource, phase, last_error, .. } = status;
            let what = match phase {
                Phase::Forbidden => "may not be listed or watched, so its spans are missing",
                Phase::Missing => "is not served by this cluster",
                Phase::Starting | Phase::Listing | Phase::Watching | Phase::Retrying => {
                    "could not be read and is tried again"
                }
            };
            let told = last_error.map(|(_, error)| format!("{resource} {what}: {error}"));
            (resource, told)
        });
        let exporters = view.books.now().into_iter().map(|books| {
            let told = books.last_error.map(|error| format!("spans for {}: {error}", books.id));
            (books.id, told)
        });
        for (source, told) in watches.chain(exporters) {
            let Some(told) = told else {
                self.by_source.remove(&source);
                continue;
            };
            if self.by_source.get(&source) != Some(&told) {
                report.say(&told)?;
                self.by_source.insert(source, told);
            }
        }
        Ok(())
    }
}

async fn progress(view: &View) -> String {
    let statuses = view.statuses.now();
    let is_waiting = |status: &&Status| {
        !status.is_synced && matches!(status.phase, Phase::Starting | Phase::Listing)
    };
    if let Some(status) = statuses.iter().find(is_waiting) {
        return format!("listing {}: {} so far", status.resource, status.n_listed);
    }
    let n_open = view.in_progress().await.iter().filter(|span| span.parent.is_none()).count();
    let objects = counted(view.figures().await.counts.objects, "object");
    format!("{objects}, {n_open} in progress; Ctrl-C ends")
}
