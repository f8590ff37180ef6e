//! `lifespan` without a configuration: a cluster, watched and shown as it lives.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::cluster::{ClusterArguments, scope};
use super::output::{Form, Output, counted};
use super::runtime::{Signals, runtime};
use super::send;
use super::terminal::Terminal;
use crate::app::{App, Core, Stopped, View};
use crate::cluster::connect::connect;
use crate::engine::{Engine, Settings, Trees};
use crate::export::Delivery;
use crate::facts::duration;
use crate::facts::ids::TraceId;
use crate::facts::span::{FinishedSpan, ShownSpan};
use crate::facts::time::Nanos;
use crate::report::Report;
use crate::text::Chain;
use crate::traces::{Selection, Trace};
use crate::watch::lanes::Watched;
use crate::watch::listener::ForCore;
use crate::watch::status::{Phase, Status};
use crate::watch::target::{Encoding, WatchSettings};

/// Batches of spans that may wait to be shown.
const WAITING: usize = 1_024;

/// How long exporters have at the end.
const GRACE: Duration = Duration::from_secs(5);

/// The source of what is said of the API server.
const SERVER: &str = "";

/// Arguments of `lifespan` without a command.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) cluster: ClusterArguments,

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
            Ok((told, code)) => output.finish(&told, &mut report).map(|()| code),
            Err(code) => Ok(code),
        }
    })
}

async fn watch(
    arguments: &Arguments,
    output: &mut Output<'_>,
    report: &mut Report<'_>,
    signals: &mut Signals,
) -> io::Result<Result<(Vec<String>, ExitCode), ExitCode>> {
    let exporters = arguments.endpoint.iter().map(|to| send::exporter(to, arguments.insecure));
    let delivery = match Delivery::start(exporters.collect()) {
        Ok(delivery) => delivery,
        Err(error) => {
            report.say(&Chain(&error).to_string())?;
            return Ok(Err(ExitCode::from(super::WRONG_USAGE)));
        }
    };
    let access = arguments.cluster.access();
    let connected = tokio::select! {
        connected = connect(&access, true) => connected,
        _ = signals.next() => return Ok(Err(ExitCode::SUCCESS)),
    };
    let cluster = match connected {
        Ok(cluster) => cluster,
        Err(error) => {
            report.say(&error.to_string())?;
            return Ok(Err(ExitCode::FAILURE));
        }
    };
    let namespace = arguments.cluster.namespace(&cluster);
    let scope = scope(&namespace);
    report.say(&format!("watching {scope} of {} ({})", cluster.server, cluster.version))?;
    let catalog = tokio::select! {
        catalog = arguments.cluster.catalog(&cluster, &namespace, report) => catalog?,
        _ = signals.next() => return Ok(Err(ExitCode::SUCCESS)),
    };
    let settings = Settings {
        cluster_uid: cluster.uid.clone(),
        stable_time: arguments.stable_time,
        waits_for: catalog.lanes().map(|lane| (lane, 0)).collect(),
        custom_kinds: catalog.custom_kinds(),
        ..Settings::default()
    };
    let engine = Engine::by_server(settings, cluster.api.machine().now().ahead);
    let watched = catalog.lanes().map(|lane| Watched {
        target: arguments.cluster.target(&catalog, lane, &namespace),
        has_no_backlog: !lane.has_lives(),
        from: None,
        listener: ForCore::new(Arc::clone(&catalog), lane, 0),
    });
    let (show, mut shown) = mpsc::channel(WAITING);
    let mut app = App::start(
        &cluster,
        &WatchSettings { encoding: Encoding::Auto, ..WatchSettings::default() },
        watched.collect(),
        engine,
        delivery,
        Some(show),
    );
    let view = app.view();
    let seen = until_the_end(&mut app, &mut shown, output, report, signals).await;
    let stopped = tokio::select! {
        stopped = app.stop(GRACE) => stopped,
        _ = signals.next() => return Ok(Err(ExitCode::FAILURE)),
    };
    // What could not be shown has been sent all the same.
    let Some(mut settling) = seen? else { return Ok(Err(ExitCode::FAILURE)) };
    report.clear()?;
    while let Ok(spans) = shown.try_recv() {
        show_traces(spans, &mut settling, output)?;
    }
    finish(stopped, &view, output).map(Ok)
}

/// Shows what happens until a signal comes; what was shown as settling then, `None` if a task has
/// ended that must not.
async fn until_the_end(
    app: &mut App,
    shown: &mut mpsc::Receiver<Vec<FinishedSpan>>,
    output: &mut Output<'_>,
    report: &mut Report<'_>,
    signals: &mut Signals,
) -> io::Result<Option<Settling>> {
    let view = app.view();
    let mut tick = interval(Duration::from_millis(250));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Problems::default();
    let mut settling = Settling::default();
    loop {
        tokio::select! {
            Some(spans) = shown.recv() => {
                report.clear()?;
                show_traces(spans, &mut settling, output)?;
                output.flush()?;
            }
            _ = tick.tick() => {
                told.news(&view, report)?;
                let settled = settling.newly(&view.trees);
                if !settled.is_empty() {
                    report.clear()?;
                    for trace in settled {
                        output.put_settling(&trace)?;
                    }
                    output.flush()?;
                }
                report.progress(&progress(&view))?;
            }
            why = app.failed() => {
                report.say(&why)?;
                return Ok(None);
            }
            _ = signals.next() => return Ok(Some(settling)),
        }
    }
}

/// Traces that were shown when they had settled, before their hold was over, as they were then.
#[derive(Debug, Default)]
struct Settling(BTreeMap<TraceId, Vec<ShownSpan>>);

impl Settling {
    /// Those that have settled since this was asked last.
    fn newly(&mut self, trees: &Trees) -> Vec<Trace> {
        let spans = trees.settled(|trace| !self.0.contains_key(&trace));
        let traces = gathered(spans);
        for (id, trace) in &traces {
            self.0.insert(*id, trace.spans.clone());
        }
        traces.into_values().collect()
    }

    /// Whether `trace`, which has left, was shown exactly so.
    fn was_shown(&mut self, id: TraceId, trace: &Trace) -> bool {
        self.0.remove(&id).is_some_and(|shown| shown == trace.spans)
    }
}

fn gathered(spans: Vec<impl Into<ShownSpan>>) -> BTreeMap<TraceId, Trace> {
    let mut traces: BTreeMap<_, Trace> = BTreeMap::new();
    for span in spans.into_iter().map(Into::into) {
        traces.entry(span.trace_id).or_default().spans.push(span);
    }
    traces
}

/// Each trace of which the root has left, and a line for each span that outlived its trace. One that
/// was shown when it had settled, and is the same now, gets a line.
fn show_traces(
    spans: Vec<FinishedSpan>,
    settling: &mut Settling,
    output: &mut Output<'_>,
) -> io::Result<()> {
    gathered(spans).into_iter().try_for_each(|(id, trace)| {
        if settling.was_shown(id, &trace) { output.put_lasting(trace) } else { output.put(trace) }
    })
}

/// What is still open, what there was, and whether all of it was sent.
fn finish(
    stopped: Stopped,
    view: &View,
    output: &mut Output<'_>,
) -> io::Result<(Vec<String>, ExitCode)> {
    let mut told = Vec::new();
    if let Some(Core { engine, n_cut }) = stopped.core {
        let open = engine.in_progress(view.machine.now().corrected());
        gathered(open).into_values().try_for_each(|trace| output.put(trace))?;
        told.push(counted(engine.counts().objects, "object"));
        if n_cut > 0 {
            told.push(format!("{n_cut} settled so late that whether it lasted is not known"));
        }
    }
    let refused: u64 = view.statuses.now().iter().map(|status| status.n_refused).sum();
    if refused > 0 {
        told.push(format!("{refused} objects that cannot be tracked"));
    }
    told.extend(stopped.books.iter().map(|books| {
        let why = books.last_error.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        match books.lost() {
            0 => format!("{} sent to {}", books.sent, books.id),
            lost => format!("{} sent to {}, {lost} not{why}", books.sent, books.id),
        }
    }));
    let is_sent = stopped.books.iter().all(|books| books.lost() == 0);
    Ok((told, if is_sent { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
}

/// Errors of watches and exporters that have been told.
#[derive(Debug, Default)]
struct Problems {
    by_source: BTreeMap<String, String>,
}

impl Problems {
    /// Says what went wrong, once for each new problem. An API server that is away is one problem,
    /// however many kinds are asked for.
    fn news(&mut self, view: &View, report: &mut Report<'_>) -> io::Result<()> {
        let statuses = view.statuses.now();
        let away = statuses.iter().find(|status| status.is_away);
        let away = away.and_then(|status| Some(&status.last_error.as_ref()?.1));
        let server = away.map(|error| format!("the API server does not answer: {error}"));
        if server.is_none() && self.by_source.contains_key(SERVER) {
            report.say("the API server answers again")?;
        }
        let watches = statuses.iter().filter(|status| !status.is_away).map(|status| {
            let Status { resource, phase, last_error, .. } = status;
            let what = match phase {
                Phase::Forbidden => "may not be listed or watched, so its spans are missing",
                Phase::Missing => "is not served by this cluster",
                Phase::Starting | Phase::Listing | Phase::Watching | Phase::Retrying => {
                    "could not be read and is tried again"
                }
            };
            let told = last_error.as_ref().map(|(_, error)| format!("{resource} {what}: {error}"));
            (resource.clone(), told)
        });
        let exporters = view.books.now().into_iter().map(|books| {
            let told = books.last_error.map(|error| format!("spans for {}: {error}", books.id));
            (books.id, told)
        });
        for (source, told) in
            [(SERVER.to_owned(), server)].into_iter().chain(watches).chain(exporters)
        {
            let Some(told) = told else {
                self.by_source.remove(&source);
                continue;
            };
            // What an API server that is away says differs from try to try.
            let is_known = match self.by_source.get(&source) {
                Some(known) => source == SERVER || *known == told,
                None => false,
            };
            if !is_known {
                report.say(&told)?;
                self.by_source.insert(source, told);
            }
        }
        Ok(())
    }
}

fn progress(view: &View) -> String {
    let statuses = view.statuses.now();
    let is_waiting = |status: &&Status| {
        !status.is_synced && matches!(status.phase, Phase::Starting | Phase::Listing)
    };
    if let Some(status) = statuses.iter().find(is_waiting) {
        return format!("listing {}: {} so far", status.resource, status.list.n_objects);
    }
    let objects = counted(view.figures.borrow().counts.objects, "object");
    let (n_open, n_settling) = (view.trees.n_open(), view.trees.n_settling());
    format!("{objects}, {n_open} in progress, {n_settling} settling; Ctrl-C ends")
}
