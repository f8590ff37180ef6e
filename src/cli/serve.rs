//! `lifespan --config …`: runs as configured, until a signal comes.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::configured::Sources;
use super::runtime::{Signals, runtime};
use crate::admin::answer::Serves;
use crate::admin::known::Known;
use crate::admin::server::{CannotListen, listen, serve};
use crate::admin::waits;
use crate::app::{App, View};
use crate::clock;
use crate::config::{Config, Extension, Metrics, MetricsLevel};
use crate::engine::Engine;
use crate::export::Delivery;
use crate::facts::time::UnixNanos;
use crate::jitter;
use crate::telemetry::instance::resource;
use crate::telemetry::logs;
use crate::telemetry::metrics::Snapshot;
use crate::telemetry::process::process;
use crate::text::Chain;
use crate::watch::connect::{Cluster, connect};

/// How long exporters have at the end; a Pod has 30 s by default.
const GRACE: Duration = Duration::from_secs(25);

/// Runs until a signal comes; a second one ends it at once.
pub(super) fn run(sources: &Sources, err: &mut dyn Write) -> io::Result<ExitCode> {
    let Some(loaded) = sources.load_or_tell(err)? else { return Ok(ExitCode::FAILURE) };
    let resource = resource(jitter::key(), &loaded.config.service.resource);
    logs::start(loaded.config.service.logs, &resource);
    for warning in &loaded.warnings {
        tracing::warn!(place = warning.place.to_string(), "{}", warning.message);
    }
    tracing::info!(Version = env!("CARGO_PKG_VERSION"), "Starting lifespan...");
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        match start(loaded.config, resource, &mut signals).await {
            Ok(Some(running)) => Ok(running.until_a_signal(&mut signals).await),
            Ok(None) => Ok(ExitCode::SUCCESS),
            Err(problem) => {
                writeln!(err, "lifespan: {problem}")?;
                Ok(ExitCode::FAILURE)
            }
        }
    })
}

/// What runs.
struct Running {
    app: App,
    /// Pages and metrics.
    admin: JoinSet<()>,
    is_stopping: watch::Sender<bool>,
}

type Resource = std::collections::BTreeMap<String, String>;

/// Starts everything; `None` if a signal came first.
async fn start(
    config: Config,
    resource: Resource,
    signals: &mut Signals,
) -> Result<Option<Running>, String> {
    let Config { receiver, exporters, extensions, service } = config;
    let told = |error: &dyn std::error::Error| Chain(error).to_string();
    // Addresses first: what is wrong with them is wrong before anything is watched.
    let listeners = listeners(extensions.into_values(), &service.metrics).await;
    let listeners = listeners.map_err(|error| error.to_string())?;
    let delivery = Delivery::start(exporters).map_err(|error| told(&error))?;
    let connected = tokio::select! {
        connected = connect(&receiver.access) => connected.map_err(|error| error.to_string())?,
        _ = signals.next() => return Ok(None),
    };
    let cluster = Cluster {
        has_watch_list: receiver.watch_list.unwrap_or(connected.has_watch_list),
        ..connected
    };
    tracing::info!(server = cluster.server, version = cluster.version, "Connected to the cluster");
    let watched = receiver.watched();
    let mut settings = receiver.settings;
    if settings.cluster_uid.is_empty() {
        settings.cluster_uid.clone_from(&cluster.uid);
    }
    settings.waits_for =
        watched.iter().map(|watched| (watched.ear.lane, watched.ear.part)).collect();
    let engine = Engine::new(settings);
    let app = App::start(&cluster, &receiver.manners, watched, engine, delivery, None);
    let (is_stopping, stopping) = watch::channel(false);
    let facts = Facts {
        view: app.view(),
        resource,
        started: clock::now(),
        server: cluster.server.clone(),
        stopping,
    };
    let mut admin = JoinSet::new();
    for (listener, serves) in listeners {
        let facts = facts.clone();
        admin.spawn(serve(listener, serves, move || known(facts.clone())));
    }
    tracing::info!("Everything is ready. Begin running and processing data.");
    Ok(Some(Running { app, admin, is_stopping }))
}

impl Running {
    async fn until_a_signal(mut self, signals: &mut Signals) -> ExitCode {
        let (signal, code) = tokio::select! {
            signal = signals.next() => (signal, ExitCode::SUCCESS),
            problem = self.app.failed() => {
                tracing::error!(problem, "A task has ended that must not");
                ("none", ExitCode::FAILURE)
            }
        };
        tracing::info!(signal, "Received signal from OS");
        tracing::info!("Starting shutdown...");
        self.is_stopping.send_replace(true);
        let stopped = tokio::select! {
            stopped = self.app.stop(GRACE) => stopped,
            _ = signals.next() => {
                tracing::warn!("A second signal: what waits is dropped");
                return ExitCode::FAILURE;
            }
        };
        for books in &stopped.books {
            let lost = books.failed + books.refused;
            tracing::info!(
                otelcol.component.id = books.id.as_str(),
                otelcol.component.kind = "exporter",
                sent = books.sent,
                rejected = books.rejected,
                lost,
                "Exporter stopped"
            );
        }
        let n_open = stopped.engine.map_or(0, |engine| {
            let open = engine.in_progress(clock::now());
            open.iter().filter(|span| span.parent.is_none()).count() as u64
        });
        tracing::info!(open_transitions = n_open, "Shutdown complete.");
        self.admin.abort_all();
        code
    }
}

async fn listeners(
    extensions: impl Iterator<Item = Extension>,
    metrics: &Metrics,
) -> Result<Vec<(tokio::net::TcpListener, Serves)>, CannotListen> {
    let mut out = Vec::new();
    if metrics.level != MetricsLevel::None {
        let listener = listen("the metrics reader", &metrics.endpoint).await?;
        out.push((listener, Serves::Metrics(metrics.level)));
    }
    for extension in extensions {
        out.push(match extension {
            Extension::HealthCheck { endpoint, path } => {
                (listen("health_check", &endpoint).await?, Serves::Health(path))
            }
            Extension::Zpages { endpoint } => (listen("zpages", &endpoint).await?, Serves::Zpages),
        });
    }
    Ok(out)
}

/// Where pages find what they tell.
#[derive(Clone)]
struct Facts {
    view: View,
    resource: Resource,
    started: UnixNanos,
    server: String,
    stopping: watch::Receiver<bool>,
}

async fn known(facts: Facts) -> Known {
    let Facts { view, resource, started, server, stopping } = facts;
    let now = clock::now();
    let open = waits::open(&view.in_progress().await);
    let figures = view.figures().await;
    let snapshot = Snapshot {
        receiver: "k8s_lifecycle".to_owned(),
        resource,
        uptime_seconds: now.since(started).millis() as f64 / 1_000.0,
        process: process(),
        counts: figures.counts,
        delays: figures.delays,
        n_open: open.len() as u64,
        watches: view.statuses.now(),
        exporters: view.books.now(),
        now,
    };
    let is_stopping = *stopping.borrow();
    Known { snapshot, open, is_stopping, started, server }
}
