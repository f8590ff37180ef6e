//! `lifespan --config …`: runs as configured, until a signal comes.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::configured::Sources;
use super::reload::{Come, Ended, come, read, refuse, tell_left_behind, warn};
use super::runtime::{Signals, runtime};
use crate::admin::answer::Serves;
use crate::admin::server::Answering;
use crate::app::look::{Look, Stage};
use crate::app::{App, Stopped};
use crate::clock;
use crate::cluster::connect::{Cluster, ConnectError, connect};
use crate::cluster::machine::Machine;
use crate::config::{Config, Extension, Metrics, MetricsLevel, Push, Receiver};
use crate::engine::state::{FORMAT, Restored};
use crate::engine::{Engine, Settings};
use crate::export::{AllBooks, Delivery};
use crate::facts::time::UnixNanos;
use crate::random;
use crate::storage::{OpenError, Origin, Storage, StorageError};
use crate::telemetry::instance::resource;
use crate::telemetry::logs;
use crate::text::Chain;
use crate::watch::lanes::Watched;
use crate::watch::listener::ForCore;

/// How long exporters have at the end; a Pod has 30 s by default.
const GRACE: Duration = Duration::from_secs(25);

/// An API server that is away at the start is asked again this often at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Runs until a signal comes; a second one ends it at once. SIGHUP reads the configuration again and
/// starts anew with it, as the Collector does; one that cannot be used is refused, and what runs
/// goes on.
pub(super) fn run(sources: &Sources, err: &mut dyn Write) -> io::Result<ExitCode> {
    let Some(loaded) = sources.load_or_tell(err)? else { return Ok(ExitCode::FAILURE) };
    let key = random::key();
    let logging =
        logs::start(loaded.config.service.logs, &resource(key, &loaded.config.service.resource));
    warn(&loaded.warnings);
    tracing::info!(Version = env!("CARGO_PKG_VERSION"), "Starting lifespan...");
    let runtime = runtime()?;
    let mut signals = runtime.block_on(async { Signals::with_reload() })?;
    let mut config = loaded.config;
    let (mut before, mut is_back) = (None, false);
    let code = loop {
        let resource = resource(key, &config.service.resource);
        logging.set(config.service.logs, &resource);
        match one_run((&config, is_back), resource, sources, &runtime, &mut signals) {
            Ended::With(code) => break code,
            Ended::Reload(new) => {
                tracing::info!("Config updated, restart service");
                tell_left_behind(&config, &new);
                before = Some(std::mem::replace(&mut config, *new));
                is_back = false;
            }
            Ended::CannotStart(problem) => {
                let Some(old) = before.take() else {
                    writeln!(err, "lifespan: {problem}")?;
                    break ExitCode::FAILURE;
                };
                refuse(&problem);
                (config, is_back) = (old, true);
            }
        }
    };
    // A disk that hangs is not waited for.
    runtime.shutdown_background();
    Ok(code)
}

/// Everything from the first address to the last span; by a configuration that was in force before, if it
/// `is_back`.
fn one_run(
    (config, is_back): (&Config, bool),
    resource: BTreeMap<String, String>,
    sources: &Sources,
    runtime: &Runtime,
    signals: &mut Signals,
) -> Ended {
    let (stage, seen) = watch::channel(not_reached(AllBooks::default()));
    let look = Look::new(resource, seen);
    // Addresses first: what is wrong with them is wrong before anything is watched.
    let known = move |needs| look.known(needs);
    let answering = match Answering::start(addresses(config), pushes(config), known) {
        Ok(answering) => answering,
        Err(error) => return Ended::CannotStart(error.to_string()),
    };
    let ended = runtime.block_on(watching((config, is_back), sources, &stage, signals));
    drop(answering);
    ended
}

async fn watching(
    (config, is_back): (&Config, bool),
    sources: &Sources,
    stage: &watch::Sender<Stage>,
    signals: &mut Signals,
) -> Ended {
    // Queues first: what waits is sent, whether the API server answers or not.
    let opened = tokio::select! {
        opened = stored(config) => opened,
        come = come(signals, sources) => return come.ended(ExitCode::SUCCESS),
    };
    let storage = match opened {
        Ok(storage) => storage,
        Err(error) => return Ended::CannotStart(Chain(&error).to_string()),
    };
    let delivery = match Delivery::start_with(config.exporters.clone(), storage.clone()) {
        Ok(delivery) => delivery,
        Err(error) => return Ended::CannotStart(Chain(&error).to_string()),
    };
    let books = delivery.books();
    stage.send_replace(not_reached(books.clone()));
    let connected = tokio::select! {
        connected = reached(&config.receiver, is_back, stage, &books) => connected,
        come = come(signals, sources) => {
            stage.send_replace(Stage::Stopping(books, None));
            let stopped = async { Stopped { core: None, books: delivery.drain(GRACE).await } };
            return stops(stopped, (signals, sources), ExitCode::SUCCESS, come).await;
        }
    };
    let cluster = match connected {
        Ok(cluster) => cluster,
        // What is on its way would be sent again by the next process, and by each after that.
        Err(error) => {
            drop(delivery.drain(GRACE).await);
            return Ended::CannotStart(error.to_string());
        }
    };
    tracing::info!(server = cluster.server, version = cluster.version, "Connected to the cluster");
    let storage = storage.filter(|_| config.receiver.is_stored);
    let mut app = match start(&config.receiver, &cluster, delivery, storage.as_ref()) {
        Ok(app) => app,
        Err(error) => return Ended::CannotStart(Chain(&error).to_string()),
    };
    let running = (app.view(), cluster.server);
    stage.send_replace(Stage::Running(running.0.clone(), running.1.clone()));
    tracing::info!("Everything is ready. Begin running and processing data.");
    let (code, come) = tokio::select! {
        come = come(signals, sources) => (ExitCode::SUCCESS, come),
        problem = app.failed() => {
            tracing::error!(problem, "A task has ended that must not");
            (ExitCode::FAILURE, Come::End)
        }
    };
    stage.send_replace(Stage::Stopping(books, Some(running)));
    stops(app.stop(GRACE), (signals, sources), code, come).await
}

/// Waits until all has `stopped`; a second signal that ends the program ends it at once.
async fn stops(
    stopped: impl Future<Output = Stopped>,
    (signals, sources): (&mut Signals, &Sources),
    code: ExitCode,
    mut come: Come,
) -> Ended {
    tracing::info!("Starting shutdown...");
    let mut stopped = std::pin::pin!(stopped);
    let mut is_old = false;
    loop {
        let signal = tokio::select! {
            stopped = &mut stopped => {
                tell(&stopped);
                break;
            }
            signal = signals.next() => signal,
        };
        if matches!(come, Come::End) {
            tracing::warn!(
                signal,
                "A second signal: what waits is dropped, but for what a storage keeps"
            );
            return Ended::With(ExitCode::FAILURE);
        }
        // What is read anew does not end the program: only this may be the first signal that does.
        tracing::info!(signal, "Received signal from OS");
        match signal {
            "SIGHUP" => is_old = true,
            _ => come = Come::End,
        }
    }
    if is_old
        && matches!(come, Come::Reload(_))
        && let Some(config) = read(sources).await
    {
        come = Come::Reload(config);
    }
    come.ended(code)
}

/// The API server has not been asked yet.
fn not_reached(books: AllBooks) -> Stage {
    Stage::Starting("not reached yet".to_owned(), books)
}

/// The storage, if there is one; another process that has it is waited for a while.
async fn stored(config: &Config) -> Result<Option<Storage>, OpenError> {
    let Some((_, settings)) = &config.storage else { return Ok(None) };
    let began = Instant::now();
    loop {
        let path = settings.directory.clone();
        let of = settings.clone();
        let opened = tokio::task::spawn_blocking(move || Storage::open(&of, clock::now())).await;
        let failed = |error| OpenError::Directory { path, source: io::Error::other(error) };
        match opened.unwrap_or_else(|error| Err(failed(error))) {
            Err(OpenError::Held { .. }) if began.elapsed() < settings.timeout => {
                sleep(Duration::from_millis(100)).await;
            }
            other => return other.map(Some),
        }
    }
}

/// The cluster, waited for while its API server is away; whatever it says, where that `is_back`.
async fn reached(
    receiver: &Receiver,
    is_back: bool,
    stage: &watch::Sender<Stage>,
    books: &AllBooks,
) -> Result<Cluster, ConnectError> {
    let mut pause = Duration::from_secs(1);
    let mut is_told = false;
    loop {
        let error = match connect(&receiver.access, receiver.settings.cluster_uid.is_none()).await {
            Ok(cluster) => return Ok(cluster.with_watch_list(receiver.watch_list)),
            Err(error) => error,
        };
        let what = match &error {
            ConnectError::Unreachable { .. } => "does not answer",
            ConnectError::Forbidden { .. } => "refuses to be asked",
            ConnectError::Access(_)
            | ConnectError::Unauthorized { .. }
            | ConnectError::Strange { .. }
                if !is_back =>
            {
                return Err(error);
            }
            ConnectError::Access(_) => "cannot be found any more",
            ConnectError::Unauthorized { .. } | ConnectError::Strange { .. } => "refuses",
        };
        let error = error.to_string();
        if !is_told {
            tracing::warn!(error, "The API server {what}; waiting for it");
            is_told = true;
        }
        stage.send_replace(Stage::Starting(error, books.clone()));
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn start(
    receiver: &Receiver,
    cluster: &Cluster,
    delivery: Delivery,
    storage: Option<&Storage>,
) -> Result<App, StorageError> {
    let mut watched = receiver.watched();
    let mut settings = receiver.settings.clone();
    settings.cluster_uid = settings.cluster_uid.or_else(|| cluster.uid.clone());
    if let (None, Some(storage)) = (&settings.cluster_uid, storage) {
        // An API server that has just begun refuses what it grants later: that is no other cluster.
        settings.cluster_uid = storage.origin()?.map(|it| it.cluster).filter(|it| !it.is_empty());
    }
    let of = |watched: &Watched<ForCore>| (watched.listener.lane, watched.listener.part);
    settings.targets = watched.iter().map(|it| (of(it), it.target.identity())).collect();
    let excluded = watched.iter().filter(|it| !it.target.excluded.is_empty());
    settings.excluded =
        excluded.map(|it| (of(it), it.target.excluded.iter().cloned().collect())).collect();
    settings.waits_for = watched.iter().map(of).collect();
    let engine = match storage {
        Some(storage) => gone_on_with(storage, settings, cluster.api.machine())?,
        None => Engine::by_server(settings, cluster.api.machine().now().ahead),
    };
    for watched in &mut watched {
        let (lane, part) = of(watched);
        watched.from = engine.resumes_at(lane, part);
    }
    Ok(App::start(cluster, &receiver.watch_settings, watched, engine, delivery, None))
}

/// The core that goes on with what is stored of this cluster, if anything is.
fn gone_on_with(
    storage: &Storage,
    settings: Settings,
    machine: &Machine,
) -> Result<Engine, StorageError> {
    let clock = machine.now();
    let now = clock.at;
    let ahead = machine.known().bounds.map(|_| clock.ahead);
    let cluster = settings.cluster_uid.clone().unwrap_or_default();
    let kept = storage.state(&Origin { cluster, format: FORMAT }, now)?;
    let records: Vec<_> =
        kept.0.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    if !records.is_empty() {
        match Engine::restore(settings.clone(), records, (now, ahead)) {
            Ok((engine, restored)) => {
                tell_restored(&restored, now);
                return Ok(engine);
            }
            Err(error) => storage.set_state_aside(&format!("cannot be used: {error}"), now)?,
        }
    }
    let mut engine = Engine::by_server(settings, clock.ahead);
    engine.store_changes();
    Ok(engine)
}

fn tell_restored(restored: &Restored, now: UnixNanos) {
    let Restored { at, n_trees, n_open, dropped, n_unwatched, n_damaged } = restored;
    let stored_seconds_ago = now.since(*at).millis() as f64 / 1_000.0;
    tracing::info!(
        trees = n_trees,
        open_transitions = n_open,
        stored_seconds_ago,
        "Going on with what was stored"
    );
    if *n_unwatched > 0 {
        tracing::warn!(
            dropped_trees = n_unwatched,
            "Not all that was stored is watched any more; nothing more is told of that"
        );
    }
    let dropped_trees = dropped.len() - n_unwatched;
    if *n_damaged > 0 {
        tracing::error!(
            damaged_records = n_damaged,
            dropped_trees,
            "A part of what was stored cannot be used; lists tell of it anew"
        );
    } else if dropped_trees > 0 {
        tracing::warn!(
            dropped_trees,
            "Not all is watched as it was when this was stored; lists tell of what that was part of anew"
        );
    }
}

/// What became of all spans, and what was still open.
fn tell(stopped: &Stopped) {
    for books in &stopped.books {
        tracing::info!(
            otelcol.component.id = books.id.as_str(),
            otelcol.component.kind = "exporter",
            sent = books.sent,
            rejected = books.rejected,
            lost = books.failed + books.refused,
            kept = books.kept,
            "Exporter stopped"
        );
    }
    let (n_open, n_cut) =
        stopped.core.as_ref().map_or((0, 0), |core| (core.engine.trees().n_open(), core.n_cut));
    tracing::info!(
        open_transitions = n_open,
        settling_transitions_released = n_cut,
        lost_spans = stopped.books.iter().map(|books| books.lost()).sum::<u64>(),
        "Shutdown complete."
    );
}

/// What is listened on, and for what.
fn addresses(config: &Config) -> Vec<(&'static str, String, Serves)> {
    let metrics = &config.service.metrics;
    let mut out = Vec::new();
    if metrics.level != MetricsLevel::None {
        for endpoint in &metrics.pulls {
            let serves = Serves::Metrics(metrics.level);
            out.push(("the metrics reader", endpoint.clone(), serves));
        }
    }
    for extension in config.extensions.values().cloned() {
        out.push(match extension {
            Extension::HealthCheck { endpoint, path, is_strict } => {
                ("health_check", endpoint, Serves::Health { path, is_strict })
            }
            Extension::Status { endpoint, path, health } => {
                ("health_check", endpoint, Serves::Status { path, health })
            }
            Extension::Zpages { endpoint } => ("zpages", endpoint, Serves::Zpages),
        });
    }
    out
}

/// Where metrics are sent to.
fn pushes(config: &Config) -> Vec<(Push, MetricsLevel)> {
    let Metrics { level, pushes, .. } = &config.service.metrics;
    let is_any = *level != MetricsLevel::None;
    pushes.iter().filter(|_| is_any).map(|push| (push.clone(), *level)).collect()
}
