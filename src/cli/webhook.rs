//! `lifespan webhook`: an admission webhook that stamps what is written.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::cluster::Reach;
use super::runtime::{Signals, runtime};
use super::send;
use super::terminal::Terminal;
use crate::admission::Policy;
use crate::cluster::ca_bundle::trust;
use crate::cluster::connect::connect;
use crate::config::{LogEncoding, LogLevel, Logs};
use crate::context::Rules;
use crate::export::Delivery;
use crate::http_server::listen;
use crate::random;
use crate::report::Report;
use crate::telemetry::instance::resource;
use crate::telemetry::logs;
use crate::text::Chain;
use crate::webhook::certificate::{Certificate, Source, certificate};
use crate::webhook::server::{Hook, answer_reviews};

/// How often files of certificates are read again.
const REREAD: Duration = Duration::from_secs(60);

/// What is being answered has so long to end.
const GRACE: Duration = Duration::from_secs(5);

/// Arguments of `lifespan webhook`.
#[derive(Debug, Args)]
#[command(after_help = "\
It answers POST /stamp with TLS, and GET /healthz and /metrics. deploy/kustomize/overlays/webhook
installs it.

Examples:
  lifespan webhook --cert tls.crt --key tls.key
  lifespan webhook --service lifespan-webhook.lifespan.svc --configuration lifespan-webhook")]
pub(super) struct Arguments {
    /// Where to listen
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:9443")]
    listen: String,

    /// The certificate chain, PEM; read again when it changes
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "services")]
    cert: Option<PathBuf>,

    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

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

    /// Send the root spans of new traces to this OTLP/gRPC server
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "no_mint")]
    endpoint: Option<String>,

    /// Send in plaintext to an endpoint without a scheme; for this machine that is the default
    #[arg(long, requires = "endpoint")]
    insecure: bool,

    #[command(flatten)]
    reach: Reach,
}

/// Answers until a signal comes.
pub(super) fn run(
    arguments: &Arguments,
    terminal: &Terminal,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let mut report = Report::new(err, terminal.error_columns());
    let resource = resource(random::key(), &std::collections::BTreeMap::new());
    let _logging =
        logs::start(Logs { level: LogLevel::Info, encoding: LogEncoding::Console }, &resource);
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        match answer_until(arguments, &mut signals).await {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(problem) => {
                report.say(&problem)?;
                Ok(ExitCode::FAILURE)
            }
        }
    })
}

async fn answer_until(arguments: &Arguments, signals: &mut Signals) -> Result<(), String> {
    let source = match (&arguments.cert, &arguments.key) {
        (Some(cert), Some(key)) => Source::Files { cert: cert.clone(), key: key.clone() },
        _ => Source::SelfMade(arguments.services.clone()),
    };
    let Certificate { config, ca_bundle } =
        certificate(&source).map_err(|error| error.to_string())?;
    let listener =
        listen("the webhook", &arguments.listen).await.map_err(|error| error.to_string())?;
    let exporters = arguments.endpoint.iter().map(|to| send::exporter(to, arguments.insecure));
    let delivery =
        Delivery::start(exporters.collect()).map_err(|error| Chain(&error).to_string())?;
    let policy = Policy {
        rules: Rules::built_in(),
        mints: !arguments.no_mint,
        is_recorded: arguments.endpoint.is_some(),
    };
    let hook = Arc::new(Hook::new(policy, arguments.endpoint.is_some().then_some(delivery)));
    let (renew, tls) = watch::channel(config);
    // It answers before the API server is told to trust it: no request goes unanswered.
    let mut tasks = JoinSet::new();
    tasks.spawn(answer_reviews(listener, tls, Arc::clone(&hook)));
    if let Source::Files { .. } = source {
        tasks.spawn(async move {
            loop {
                tokio::time::sleep(REREAD).await;
                let again = source.clone();
                // Files on a slow disk must not hold up answers.
                match tokio::task::spawn_blocking(move || certificate(&again)).await {
                    Ok(Ok(new)) => drop(renew.send_replace(new.config)),
                    Ok(Err(error)) => tracing::warn!(%error, "The certificate in use stays"),
                    Err(_) => {}
                }
            }
        });
    } else if let (Some(name), Some(pem)) = (&arguments.configuration, ca_bundle) {
        let access = arguments.reach.access();
        let cluster = tokio::select! {
            cluster = connect(&access) => cluster.map_err(|error| error.to_string())?,
            _ = signals.next() => return Ok(()),
        };
        trust(&cluster.api, name, &pem).await.map_err(|error| error.to_string())?;
        tracing::info!(configuration = name, "The API server trusts the certificate made here");
    }
    tracing::info!(address = arguments.listen, "Answering reviews");
    let stopped = tokio::select! {
        _ = signals.next() => Ok(()),
        ended = tasks.join_next() => Err(match ended {
            Some(Err(error)) => error.to_string(),
            Some(Ok(())) | None => "the server has ended".to_owned(),
        }),
    };
    tasks.shutdown().await;
    if let Some(delivery) = hook.into_delivery() {
        delivery.drain(GRACE).await;
    }
    stopped
}
