//! `lifespan webhook`: an admission webhook that stamps what is written.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustls::ServerConfig;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::cluster::Reach;
use super::configured::Sources;
use super::runtime::{Signals, runtime};
use super::send;
use super::terminal::Terminal;
use crate::admission::Policy;
use crate::cluster::api_server::ApiServer;
use crate::cluster::ca_bundle::trust;
use crate::cluster::connect::connect;
use crate::cluster::objects::find;
use crate::config::{LogEncoding, LogLevel, Logs};
use crate::context::{Injection, Rules};
use crate::export::Delivery;
use crate::http_server::listen;
use crate::random;
use crate::report::Report;
use crate::telemetry::instance::resource;
use crate::telemetry::logs;
use crate::text::Chain;
use crate::webhook::certificate::{Certificate, Source, certificate};
use crate::webhook::roots::{self, Look, MAX_WAITING};
use crate::webhook::server::{Hook, answer_reviews};

/// How often files of certificates are read again, and whether the certificate is trusted.
const AGAIN: Duration = Duration::from_secs(60);

/// What is being answered has so long to end.
const GRACE: Duration = Duration::from_secs(5);

/// Arguments of `lifespan webhook`.
#[derive(Debug, Args)]
#[command(after_help = "\
It answers POST /stamp with TLS, and GET /healthz, /livez and /metrics. deploy/kustomize/overlays/webhook
installs it.

Examples:
  lifespan webhook --cert tls.crt --cert-key tls.key
  lifespan webhook --service lifespan-webhook.lifespan.svc --configuration lifespan-webhook")]
pub(super) struct Arguments {
    /// Where to listen
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:9443")]
    listen: String,

    /// The certificate chain, PEM; read again when it changes
    #[arg(long, value_name = "FILE", requires = "certificate_key", conflicts_with = "services")]
    cert: Option<PathBuf>,

    /// Its private key, PEM
    #[arg(long = "cert-key", value_name = "FILE", requires = "cert")]
    certificate_key: Option<PathBuf>,

    /// The annotation to write; one that is known for JSON is written as JSON
    #[arg(long, value_name = "KEY", default_value = "tracing.k8s.io/traceparent", value_parser = super::stamp::key)]
    key: String,

    #[command(flatten)]
    sources: Sources,

    /// Without files: make a certificate for this name, under which the API server asks
    #[arg(long = "service", value_name = "NAME", default_value = "localhost")]
    services: Vec<String>,

    /// Have the API server trust the certificate that is made: the MutatingWebhookConfiguration
    /// whose caBundle is written
    #[arg(long, value_name = "NAME", conflicts_with = "cert", value_parser = super::cluster::namespace)]
    configuration: Option<String>,

    /// Stamp only requests that have a trace context; begin no traces
    #[arg(long)]
    no_mint: bool,

    /// Send the root spans of new traces to this OTLP/gRPC server, each once the API server has the
    /// object with the stamp; it must be permitted to get what is stamped
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "no_mint")]
    endpoint: Option<String>,

    /// Send in plaintext to an endpoint without a scheme; for this machine that is the default
    #[arg(long, requires = "endpoint")]
    insecure: bool,

    #[command(flatten)]
    pub(super) reach: Reach,
}

/// Answers until a signal comes.
pub(super) fn run(
    arguments: &Arguments,
    terminal: &Terminal,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let rules = match arguments.sources.receiver(err)? {
        Ok(receiver) => receiver.map_or_else(Rules::built_in, |it| it.catalog.context().clone()),
        Err(code) => return Ok(code),
    };
    let mut report = Report::new(err, terminal.error_columns());
    let resource = resource(random::key(), &std::collections::BTreeMap::new());
    let _logging =
        logs::start(Logs { level: LogLevel::Info, encoding: LogEncoding::Console }, &resource);
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        match answer_until(arguments, rules, &mut signals).await {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(problem) => {
                report.say(&problem)?;
                Ok(ExitCode::FAILURE)
            }
        }
    })
}

async fn answer_until(
    arguments: &Arguments,
    rules: Rules,
    signals: &mut Signals,
) -> Result<(), String> {
    let source = match (&arguments.cert, &arguments.certificate_key) {
        (Some(cert), Some(key)) => Source::Files { cert: cert.clone(), key: key.clone() },
        _ => Source::SelfMade(arguments.services.clone()),
    };
    let Certificate { config, ca_bundle } =
        certificate(&source).map_err(|error| error.to_string())?;
    let policy = policy(arguments, rules);
    let listener =
        listen("the webhook", &arguments.listen).await.map_err(|error| error.to_string())?;
    let is_recorded = arguments.endpoint.is_some();
    let (begun, waiting) = mpsc::channel(MAX_WAITING);
    let hook = Arc::new(Hook::new(policy.clone(), is_recorded.then_some(begun)));
    let (renew, tls) = watch::channel(config);
    // It answers before the API server is told to trust it: no request goes unanswered.
    let mut tasks = JoinSet::new();
    tasks.spawn(answer_reviews(listener, tls, Arc::clone(&hook)));
    let is_own = matches!(source, Source::SelfMade(_));
    let api = if is_recorded || (is_own && arguments.configuration.is_some()) {
        let access = arguments.reach.access();
        let cluster = tokio::select! {
            cluster = connect(&access, false) => cluster.map_err(|error| error.to_string())?,
            _ = signals.next() => return Ok(()),
        };
        Some(cluster.api)
    } else {
        None
    };
    if !is_own {
        tasks.spawn(reread(source, renew));
    } else if let (Some(name), Some(pem), Some(api)) = (&arguments.configuration, ca_bundle, &api) {
        trust(api, name, &pem).await.map_err(|error| error.to_string())?;
        tracing::info!(configuration = name, "The API server trusts the certificate made here");
        tasks.spawn(keep_trusted(api.clone(), name.clone(), pem, Arc::clone(&hook)));
    }
    tracing::info!(address = arguments.listen, "Answering reviews");
    let exporters = arguments.endpoint.iter().map(|to| send::exporter(to, arguments.insecure));
    let delivery =
        Delivery::start(exporters.collect()).map_err(|error| Chain(&error).to_string())?;
    let stop = async {
        let stopped = tokio::select! {
            _ = signals.next() => Ok(()),
            ended = tasks.join_next() => Err(match ended {
                Some(Err(error)) => error.to_string(),
                Some(Ok(())) | None => "the server has ended".to_owned(),
            }),
        };
        tasks.shutdown().await;
        stopped
    };
    let unsaid = Arc::clone(&hook);
    let roots = roots::send(
        waiting,
        &policy,
        &delivery,
        |path| look(api.as_ref(), path),
        |problem| {
            unsaid.unsent();
            if let Some(problem) = problem {
                tracing::warn!(
                    problem,
                    "The root span of a trace is not sent: whether its object was stored cannot be \
                     read; get of what is stamped must be permitted"
                );
            }
        },
    );
    let stopped = beside(roots, stop, &hook).await;
    delivery.drain(GRACE).await;
    stopped
}

/// Sends root spans until the server is to stop. What was admitted a moment before that is looked
/// for once more.
async fn beside<T>(
    roots: impl Future<Output = ()>,
    stop: impl Future<Output = T>,
    hook: &Hook,
) -> T {
    let (mut roots, mut stop) = (std::pin::pin!(roots), std::pin::pin!(stop));
    let mut has_ended = false;
    let stopped = loop {
        tokio::select! {
            stopped = &mut stop => break stopped,
            () = &mut roots, if !has_ended => has_ended = true,
        }
    };
    hook.close();
    if !has_ended {
        drop(tokio::time::timeout(GRACE, roots).await);
    }
    stopped
}

/// How requests are answered.
fn policy(arguments: &Arguments, rules: Rules) -> Policy {
    let place = Injection::to_key(&arguments.key).rule;
    Policy {
        rules: rules.with(place.clone()),
        place,
        mints: !arguments.no_mint,
        is_recorded: arguments.endpoint.is_some(),
    }
}

/// Reads files of certificates again and again.
async fn reread(source: Source, renew: watch::Sender<Arc<ServerConfig>>) {
    loop {
        tokio::time::sleep(AGAIN).await;
        let again = source.clone();
        // Files on a slow disk must not hold up answers.
        match tokio::task::spawn_blocking(move || certificate(&again)).await {
            Ok(Ok(new)) => drop(renew.send_replace(new.config)),
            Ok(Err(error)) => tracing::warn!(%error, "The certificate in use stays"),
            Err(_) => {}
        }
    }
}

/// Writes the certificate again where it was lost: a configuration that is applied anew has none.
async fn keep_trusted(api: ApiServer, name: String, pem: String, hook: Arc<Hook>) {
    loop {
        tokio::time::sleep(AGAIN).await;
        match trust(&api, &name, &pem).await {
            Ok(was_lost) => {
                if was_lost {
                    tracing::warn!(
                        configuration = name,
                        "The caBundle was lost, and is written again"
                    );
                }
                hook.set_distrust(None);
            }
            Err(error) => {
                tracing::warn!(%error, "Whether the API server trusts the certificate is not known");
                hook.set_distrust(Some(error.to_string()));
            }
        }
    }
}

/// What the API server has at `path`.
async fn look(api: Option<&ApiServer>, path: String) -> Look {
    let Some(api) = api else { return Look::Is(None) };
    match find(api, &path).await {
        Ok(found) => Look::Is(found),
        Err(failed) => Look::Failed(failed.to_string()),
    }
}
