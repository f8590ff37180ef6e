//! `lifespan stamp`: a trace context onto manifests, or onto objects in a cluster.

use std::fs;
use std::io::{self, Read as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::cluster::Reach;
use super::runtime::runtime;
use super::send::Sender;
use super::terminal::Terminal;
use crate::cluster::connect::connect;
use crate::cluster::objects::{Named, stamp as stamp_object};
use crate::context::{self, Injection};
use crate::facts::span::FinishedSpan;
use crate::facts::stamp::TraceContext;
use crate::manifest::{Stamping, stamp};
use crate::origin::root;
use crate::report::Report;
use crate::text::Chain;
use crate::{clock, random};

/// Arguments of `lifespan stamp`.
#[derive(Debug, Args)]
#[command(after_help = "\
The trace context is that of --traceparent, else that of the variables TRACEPARENT and TRACESTATE,
else a new trace, whose root span is sent if there is an --endpoint.

Examples:
  lifespan stamp -f web.yaml | kubectl apply -f -
  kustomize build . | lifespan stamp | kubectl apply -f -
  lifespan stamp deploy/web -n shop --overwrite")]
pub(super) struct Arguments {
    /// Objects in the cluster, such as deploy/web; without any, manifests are read
    #[arg(value_name = "KIND/NAME")]
    objects: Vec<Named>,

    /// Manifests, YAML or JSON; - is standard input, which is read by default. They are written to
    /// standard output
    #[arg(short, long = "filename", value_name = "FILE", conflicts_with = "objects")]
    files: Vec<PathBuf>,

    /// The trace context, instead of that of the environment
    #[arg(long, value_name = "TRACEPARENT")]
    traceparent: Option<String>,

    /// Its tracestate
    #[arg(long, value_name = "TRACESTATE", requires = "traceparent")]
    tracestate: Option<String>,

    /// W3C baggage to write beside it; that of the environment is not
    #[arg(long, value_name = "BAGGAGE")]
    baggage: Option<String>,

    /// The annotation to write; one that is known for JSON is written as JSON
    #[arg(long, value_name = "KEY", default_value = "tracing.k8s.io/traceparent", value_parser = key)]
    key: String,

    /// Replace a trace context that stands there already
    #[arg(long)]
    overwrite: bool,

    /// Stamp pod templates too; every Deployment that is stamped so replaces its Pods
    #[arg(long)]
    pod_template: bool,

    /// Send the root span of a new trace to this OTLP/gRPC server
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: Option<String>,

    /// Send in plaintext to an endpoint without a scheme; for this machine that is the default
    #[arg(long, requires = "endpoint")]
    insecure: bool,

    /// The namespace of objects; by default that of the kubeconfig's context
    #[arg(short, long, value_name = "NAME", value_parser = super::cluster::namespace)]
    namespace: Option<String>,

    #[command(flatten)]
    reach: Reach,
}

/// An annotation key that Kubernetes takes, except for its lengths.
fn key(text: &str) -> Result<String, &'static str> {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let is_good = text.bytes().all(is_inner)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.ends_with(|last: char| last.is_ascii_alphanumeric())
        && text.matches('/').count() <= 1;
    if is_good { Ok(text.to_owned()) } else { Err("expected the key of an annotation") }
}

/// Where the trace context is from, and it.
struct Origin {
    context: TraceContext,
    is_minted: bool,
}

/// Stamps what was named; nothing is written unless all of it could be.
pub(super) fn run(
    arguments: &Arguments,
    terminal: &Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let mut report = Report::new(err, terminal.error_columns());
    let began = clock::now();
    let Origin { mut context, is_minted } = match origin(arguments) {
        Ok(origin) => origin,
        Err(problem) => {
            report.say(&problem)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    if is_minted && arguments.endpoint.is_none() {
        // Nobody records this span, and the flag must say so.
        context.flags &= !1;
    }
    let injection = Injection {
        overwrites: arguments.overwrite,
        baggage: arguments.baggage.as_deref(),
        ..Injection::to_key(&arguments.key)
    };
    let stamping = Stamping {
        annotations: injection.annotations(&context).unwrap_or_default(),
        overwrites: arguments.overwrite,
        with_pod_templates: arguments.pod_template,
    };
    let done = if arguments.objects.is_empty() {
        manifests(arguments, &stamping)
    } else {
        objects(arguments, &stamping)?
    };
    let (text, objects) = match done {
        Ok(done) => done,
        Err(problem) => {
            report.say(&problem)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let n_stamped = objects.iter().filter(|(_, is_stamped)| *is_stamped).count();
    let mut code = ExitCode::SUCCESS;
    if is_minted && n_stamped > 0 {
        match &arguments.endpoint {
            None => report.say("a new trace without a span of its own: --endpoint sends one")?,
            Some(endpoint) => {
                let stamped = objects.iter().filter(|(_, is_stamped)| *is_stamped);
                let names = stamped.map(|(name, _)| name.clone());
                let span = root(&context, "stamp", began, clock::now(), names);
                if let Err(problem) = send(endpoint, arguments.insecure, span) {
                    report.say(&problem)?;
                    code = ExitCode::FAILURE;
                }
            }
        }
    }
    out.write_all(text.as_bytes())?;
    for (name, is_stamped) in &objects {
        if !is_stamped {
            report.say(&format!("{name} has a trace context: --overwrite replaces it"))?;
        }
    }
    let with = match n_stamped {
        0 => String::new(),
        _ => format!(" with {}", context::to_traceparent(&context)),
    };
    report.say(&format!("{n_stamped} of {} objects stamped{with}", objects.len()))?;
    Ok(code)
}

fn origin(arguments: &Arguments) -> Result<Origin, String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (given, state, what) = match &arguments.traceparent {
        Some(given) => {
            (given.clone(), arguments.tracestate.clone(), ["--traceparent", "--tracestate"])
        }
        None => match variable("TRACEPARENT") {
            Some(given) => (given, variable("TRACESTATE"), ["TRACEPARENT", "TRACESTATE"]),
            None => {
                return Ok(Origin { context: context::minted(&random::key()), is_minted: true });
            }
        },
    };
    let [parent_name, state_name] = what;
    let (trace_id, span_id, flags) =
        context::traceparent(&given).map_err(|error| format!("{parent_name}: {error}"))?;
    let state = state.unwrap_or_default();
    context::tracestate(&state).map_err(|error| format!("{state_name}: {error}"))?;
    if let Some(baggage) = &arguments.baggage {
        context::baggage(baggage, &[]).map_err(|error| format!("--baggage: {error}"))?;
    }
    let context = TraceContext { trace_id, span_id, flags, trace_state: state.into() };
    Ok(Origin { context, is_minted: false })
}

/// What was written, and the objects.
type Done = Result<(String, Vec<(String, bool)>), String>;

fn manifests(arguments: &Arguments, stamping: &Stamping) -> Done {
    let standard_input = [PathBuf::from("-")];
    let files = if arguments.files.is_empty() { &standard_input[..] } else { &arguments.files };
    let mut out = String::new();
    let mut objects = Vec::new();
    for file in files {
        let is_standard = file.as_os_str() == "-";
        let name = if is_standard { "standard input".into() } else { file.display().to_string() };
        let read = if is_standard {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            fs::read_to_string(file)
        };
        let text = read.map_err(|error| format!("cannot read {name}: {error}"))?;
        let stamped = stamp(&text, stamping).map_err(|error| format!("{name}: {error}"))?;
        if !out.is_empty() && !stamped.text.starts_with("---") {
            let newline = if out.ends_with('\n') { "" } else { "\n" };
            out = format!("{out}{newline}---\n");
        }
        out.push_str(&stamped.text);
        objects.extend(stamped.objects);
    }
    Ok((out, objects))
}

fn objects(arguments: &Arguments, stamping: &Stamping) -> io::Result<Done> {
    Ok(runtime()?.block_on(async {
        let access = arguments.reach.access();
        let cluster = connect(&access).await.map_err(|error| error.to_string())?;
        let mut done = Vec::new();
        for named in &arguments.objects {
            let namespace = arguments.namespace.as_deref();
            let stamped = stamp_object(&cluster.api, namespace, named, stamping).await;
            done.push(stamped.map_err(|error| error.to_string())?);
        }
        Ok((String::new(), done))
    }))
}

fn send(endpoint: &str, is_insecure: bool, span: FinishedSpan) -> Result<(), String> {
    let mut sender =
        Sender::new(endpoint, is_insecure).map_err(|error| Chain(&error).to_string())?;
    sender.put(vec![span]);
    sender.finish();
    sender.complaint().map_or(Ok(()), Err)
}
