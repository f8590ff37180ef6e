//! `lifespan stamp`: a trace context onto manifests, or onto objects in a cluster.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::cluster::Reach;
use super::runtime::runtime;
use super::send::Sender;
use super::terminal::Terminal;
use crate::cluster::connect::connect;
use crate::cluster::objects::{Named, stamp as stamp_object};
use crate::context::{self, Changes, Injected, Injection, NotValid, TraceContext, to_traceparent};
use crate::kinds::Catalog;
use crate::manifest::{Became, Stamping, stamp, workloads};
use crate::origin::root;
use crate::report::Report;
use crate::text::Chain;
use crate::{clock, random};

/// Ends of the names of manifests in a folder.
const MANIFESTS: [&str; 3] = ["yaml", "yml", "json"];

/// Arguments of `lifespan stamp`.
#[derive(Debug, Args)]
#[command(after_help = "\
The trace context is that of --traceparent, else that of the variables TRACEPARENT and TRACESTATE,
else a new trace, whose root span is sent if there is an --endpoint. Of manifests, workloads are
stamped (also Rollouts, TrainJobs and other custom resources that lifespan knows); objects in the
cluster are, whatever their kind.

Examples:
  lifespan stamp -f web.yaml | kubectl apply -f -
  kustomize build . | lifespan stamp | kubectl apply -f -
  lifespan stamp deploy/web -n shop --overwrite")]
pub(super) struct Arguments {
    /// Objects in the cluster, such as deploy/web; without any, manifests are read
    #[arg(value_name = "KIND/NAME")]
    objects: Vec<Named>,

    /// Manifests, YAML or JSON, or folders of them; - is standard input, which is read by default.
    /// They are written to standard output
    #[arg(short, long = "filename", value_name = "FILE", conflicts_with = "objects", value_parser = file)]
    files: Vec<PathBuf>,

    /// Read folders below folders too
    #[arg(short = 'R', long, requires = "files")]
    recursive: bool,

    /// Stamp objects of this kind too: Workflow, or Workflow.argoproj.io
    #[arg(long = "kind", value_name = "KIND", conflicts_with = "objects")]
    kinds: Vec<String>,

    /// Stamp objects of all kinds
    #[arg(long, conflicts_with_all = ["objects", "kinds"])]
    all: bool,

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

    /// Stamp pod templates too, and the Jobs of CronJobs; every Deployment that is stamped so
    /// replaces its Pods
    #[arg(long)]
    pod_template: bool,

    /// Put TRACEPARENT and TRACESTATE into the containers of Jobs and TrainJobs too
    #[arg(long, conflicts_with = "objects")]
    env: bool,

    /// Fail where the variables TRACEPARENT and TRACESTATE are malformed, instead of saying so and
    /// writing the manifests without them
    #[arg(long)]
    strict: bool,

    /// Send the root span of a new trace to this OTLP/gRPC server
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: Option<String>,

    /// Of manifests: write nothing, and fail, if the root span cannot be delivered
    #[arg(long, requires = "endpoint", conflicts_with = "objects")]
    require_delivery: bool,

    /// Send in plaintext to an endpoint without a scheme; for this machine that is the default
    #[arg(long, requires = "endpoint")]
    insecure: bool,

    /// The namespace of objects; by default that of the kubeconfig's context
    #[arg(short, long, value_name = "NAME", value_parser = super::cluster::namespace)]
    pub(super) namespace: Option<String>,

    #[command(flatten)]
    pub(super) reach: Reach,
}

/// An annotation key that Kubernetes takes.
pub(super) fn key(text: &str) -> Result<String, &'static str> {
    if context::is_key(text) {
        Ok(text.to_owned())
    } else {
        Err("expected the key of an annotation")
    }
}

/// A file, and not a URL.
fn file(text: &str) -> Result<PathBuf, &'static str> {
    if text.contains("://") {
        return Err("URLs are not read: curl -fsS URL | lifespan stamp");
    }
    Ok(PathBuf::from(text))
}

/// Why nothing is stamped.
enum Stop {
    /// A person is told.
    Refused(String),
    Io(io::Error),
}

impl From<String> for Stop {
    fn from(problem: String) -> Self {
        Self::Refused(problem)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A trace context, and whether it begins here.
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
    match run_or_stop(arguments, out, &mut report) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Stop::Refused(problem)) => {
            report.say(&problem)?;
            Ok(ExitCode::FAILURE)
        }
        Err(Stop::Io(error)) => Err(error),
    }
}

fn run_or_stop(
    arguments: &Arguments,
    out: &mut dyn Write,
    report: &mut Report<'_>,
) -> Result<(), Stop> {
    let began = clock::now();
    let Some(Origin { mut context, is_minted }) = origin(arguments, report)? else {
        // What is broken here must not hold up what others deploy.
        report.say("nothing is stamped")?;
        if arguments.objects.is_empty() {
            let texts = texts(arguments)?.into_iter().map(|(_, text)| text);
            out.write_all(together(texts).as_bytes())?;
        }
        return Ok(());
    };
    let endpoint = arguments.endpoint.as_deref().filter(|_| is_minted);
    let sender = endpoint.map(|to| Sender::new(to, arguments.insecure)).transpose();
    let sender = sender.map_err(|error| Chain(&error).to_string())?;
    if is_minted && sender.is_none() {
        // Nobody records this span, and it must say so.
        context = context.unrecorded();
    }
    let stamping = stamping(arguments, &context);
    check(&stamping, report)?;
    let (text, objects) = if arguments.objects.is_empty() {
        manifests(arguments, &stamping)?
    } else {
        objects(arguments, &stamping)?
    };
    // Who applies what is written must not wait for a server that is away, unless that was asked for.
    if !arguments.require_delivery {
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }
    let stamped = objects.iter().filter(|(_, became)| *became == Became::Stamped);
    let names: Vec<String> = stamped.map(|(name, _)| name.clone()).collect();
    if is_minted && !names.is_empty() {
        match sender {
            None => report.say("a new trace without a span of its own: --endpoint sends one")?,
            Some(mut sender) => {
                sender.put(vec![root(&context, "stamp", began, clock::now(), names.into_iter())]);
                sender.finish();
                match sender.complaint() {
                    Some(problem) if arguments.require_delivery => return Err(problem.into()),
                    Some(problem) => report.say(&problem)?,
                    None => {}
                }
            }
        }
    }
    if arguments.require_delivery {
        out.write_all(text.as_bytes())?;
    }
    tell(&objects, &context, report)?;
    Ok(())
}

fn stamping<'a>(arguments: &'a Arguments, context: &'a TraceContext) -> Stamping<'a> {
    Stamping {
        context,
        injection: Injection {
            overwrites: arguments.overwrite,
            baggage: arguments.baggage.as_deref(),
            ..Injection::to_key(&arguments.key)
        },
        kinds: (!arguments.all).then(|| known(&arguments.kinds)),
        with_pod_templates: arguments.pod_template,
        with_env: arguments.env,
    }
}

/// Whether anybody could read what is to be written.
fn check(stamping: &Stamping<'_>, report: &mut Report<'_>) -> Result<(), Stop> {
    match stamping.injection.changes(stamping.context, &BTreeMap::new()) {
        Ok(Changes { is_without_state: true, .. }) => {
            let limit = "512 bytes, which is what everyone passes on";
            report.say(&format!("tracestate is longer than {limit}: it is left out"))?;
        }
        Err(Injected::NotValid(problem @ (NotValid::Baggage(_) | NotValid::LongBaggage(_)))) => {
            return Err(format!("--baggage: {problem}").into());
        }
        Err(Injected::NotValid(problem)) => return Err(problem.to_string().into()),
        Ok(_) | Err(_) => {}
    }
    Ok(())
}

/// What became of the objects.
fn tell(
    objects: &[(String, Became)],
    context: &TraceContext,
    report: &mut Report<'_>,
) -> io::Result<()> {
    for (name, became) in objects {
        match became {
            Became::Kept => {
                report.say(&format!("{name} has a trace context: --overwrite replaces it"))?;
            }
            Became::NoRoom => {
                report.say(&format!(
                    "{name} has no room for one: annotations have 256 KiB at most"
                ))?;
            }
            Became::Stamped | Became::Passed => {}
        }
    }
    let n = |which| objects.iter().filter(|(_, became)| *became == which).count();
    let (n_stamped, n_passed) = (n(Became::Stamped), n(Became::Passed));
    let with = match n_stamped {
        0 => String::new(),
        _ => format!(" with {}", to_traceparent(context)),
    };
    let passed = match n_passed {
        0 => "",
        1 => "; 1 is no workload: --all stamps it",
        _ => &format!("; {n_passed} are no workloads: --all stamps them"),
    };
    report.say(&format!("{n_stamped} of {} objects stamped{with}{passed}", objects.len()))
}

/// Kinds that are stamped by default, and those that were named.
fn known(named: &[String]) -> Vec<String> {
    let catalog = Catalog::default();
    let customs = catalog.customs().iter().map(|it| format!("{}.{}", it.kind, it.group));
    workloads().into_iter().chain(customs).chain(named.iter().cloned()).collect()
}

/// The trace context of the arguments, of the environment, or a new one; `None` where what stands in
/// the environment is none, which is told.
fn origin(arguments: &Arguments, report: &mut Report<'_>) -> Result<Option<Origin>, Stop> {
    if let Some(given) = &arguments.traceparent {
        let context = read(given, arguments.tracestate.as_deref().unwrap_or_default(), "--")?;
        return Ok(Some(Origin { context, is_minted: false }));
    }
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(given) = variable("TRACEPARENT") else {
        let context = TraceContext::minted(&random::key());
        return Ok(Some(Origin { context, is_minted: true }));
    };
    let state = variable("TRACESTATE").unwrap_or_default();
    let context = match read(&given, &state, "") {
        Ok(context) => Some(context),
        Err(problem) if arguments.strict => return Err(problem.into()),
        Err(problem) => {
            report.say(&problem)?;
            // Without its tracestate it is one still.
            read(&given, "", "").ok()
        }
    };
    Ok(context.map(|context| Origin { context, is_minted: false }))
}

/// Reads both, which `before` and their names say where they are from.
fn read(parent: &str, state: &str, before: &str) -> Result<TraceContext, String> {
    let name = |name: &str| match before {
        "" => name.to_ascii_uppercase(),
        before => format!("{before}{name}"),
    };
    let (trace_id, span_id, flags) = context::traceparent(parent.trim())
        .map_err(|error| format!("{}: {error}", name(context::TRACEPARENT)))?;
    context::tracestate(state)
        .map_err(|error| format!("{}: {error}", name(context::TRACESTATE)))?;
    Ok(TraceContext { trace_id, span_id, flags, trace_state: state.trim().into() })
}

/// What was written, and the objects.
type Done = Result<(String, Vec<(String, Became)>), String>;

fn manifests(arguments: &Arguments, stamping: &Stamping<'_>) -> Done {
    let mut texts_out = Vec::new();
    let mut objects = Vec::new();
    for (name, text) in texts(arguments)? {
        let stamped = stamp(&text, stamping).map_err(|error| format!("{name}: {error}"))?;
        texts_out.push(stamped.text);
        objects.extend(stamped.objects);
    }
    Ok((together(texts_out.into_iter()), objects))
}

/// Several files as one stream of documents.
fn together(texts: impl Iterator<Item = String>) -> String {
    let mut out = String::new();
    for text in texts {
        if !out.is_empty() && !text.starts_with("---") {
            if !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str("---\n");
        }
        out.push_str(&text);
    }
    out
}

/// The manifests that are named, each with its name.
fn texts(arguments: &Arguments) -> Result<Vec<(String, String)>, String> {
    let standard_input = [PathBuf::from("-")];
    let files = if arguments.files.is_empty() { &standard_input[..] } else { &arguments.files };
    let mut texts = Vec::new();
    for file in files {
        if file.as_os_str() == "-" {
            let mut text = String::new();
            let read = io::stdin().read_to_string(&mut text);
            read.map_err(|error| format!("cannot read standard input: {error}"))?;
            texts.push(("standard input".to_owned(), text));
            continue;
        }
        let mut found = Vec::new();
        if file.is_dir() {
            folder(file, arguments.recursive, &mut found)?;
            if found.is_empty() {
                let below =
                    if arguments.recursive { "" } else { "; -R reads folders below it too" };
                let name = file.display();
                return Err(format!("{name} has no manifests (.yaml, .yml, .json){below}"));
            }
        } else {
            found.push(file.clone());
        }
        for path in found {
            let name = path.display().to_string();
            let read = fs::read_to_string(&path);
            texts.push((name.clone(), read.map_err(|it| format!("cannot read {name}: {it}"))?));
        }
    }
    Ok(texts)
}

/// The manifests in a folder, by name.
fn folder(path: &Path, is_deep: bool, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let wrong = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(wrong)? {
        entries.push(entry.map_err(wrong)?.path());
    }
    entries.sort();
    for entry in entries {
        let end = entry.extension().and_then(|end| end.to_str()).unwrap_or_default();
        if entry.is_dir() {
            if is_deep {
                folder(&entry, is_deep, found)?;
            }
        } else if MANIFESTS.contains(&end) {
            found.push(entry);
        }
    }
    Ok(())
}

fn objects(arguments: &Arguments, stamping: &Stamping<'_>) -> Done {
    let runtime = runtime().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let access = arguments.reach.access();
        let cluster = connect(&access, false).await.map_err(|error| error.to_string())?;
        let mut done = Vec::new();
        for named in &arguments.objects {
            let namespace = arguments.namespace.as_deref();
            let stamped = stamp_object(&cluster.api, namespace, named, stamping).await;
            done.push(stamped.map_err(|error| error.to_string())?);
        }
        Ok((String::new(), done))
    })
}
