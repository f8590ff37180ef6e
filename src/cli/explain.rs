//! `lifespan explain`: which rule a kind gets, and what it says of an object and why.

use std::fs;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::cluster::Reach;
use super::configured::Sources;
use super::runtime::runtime;
use super::terminal::Terminal;
use crate::config::as_json;
use crate::facts::change::Snapshot;
use crate::facts::kind::{Kind, Lane};
use crate::facts::workload::{Mode, Workload};
use crate::kinds::{Catalog, Custom, Explained, explain, snapshot, told_rules};
use crate::lifecycle::settle::{Standing, standing};
use crate::report::Report;
use crate::text::Chain;

use crate::cluster::connect::connect;
use crate::cluster::objects::{Named, read};

/// Arguments of `lifespan explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lifespan explain rollouts
  lifespan explain widgets.example.com/left -n shop
  kubectl get kafka my-cluster -o json | lifespan explain kafkas -f -")]
pub(super) struct Arguments {
    /// A kind, such as rollouts, Rollout or widgets.example.com; with a name, an object in the
    /// cluster: rollouts.argoproj.io/web
    #[arg(value_name = "KIND[/NAME]")]
    kind: String,

    /// An object to try the rule on, YAML or JSON; - is standard input
    #[arg(short, long = "filename", value_name = "FILE")]
    file: Option<PathBuf>,

    /// The namespace of the object in the cluster; by default that of the kubeconfig's context
    #[arg(short, long, value_name = "NAME", value_parser = super::cluster::namespace)]
    pub(super) namespace: Option<String>,

    #[command(flatten)]
    sources: Sources,

    #[command(flatten)]
    pub(super) reach: Reach,
}

/// What a kind is to lifespan.
enum Found {
    BuiltIn(Lane, Kind),
    /// And where its rules are from.
    Custom(Box<Custom>, &'static str),
}

/// Tells the rule, and what it comes to on the object if one is named.
pub(super) fn run(
    arguments: &Arguments,
    terminal: &Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let catalog = match arguments.sources.receiver(err)? {
        Ok(receiver) => receiver.map(|receiver| receiver.catalog),
        Err(code) => return Ok(code),
    };
    let (kind, name) = match arguments.kind.split_once('/') {
        Some((kind, name)) => (kind, Some(name)),
        None => (&*arguments.kind, None),
    };
    let mut report = Report::new(err, terminal.error_columns());
    let Some(found) = find(catalog.as_deref(), kind) else {
        report.say(&format!(
            "{kind} is not known: name it as RESOURCE.GROUP, such as widgets.example.com"
        ))?;
        return Ok(ExitCode::FAILURE);
    };
    out.write_all(told_kind(&found).as_bytes())?;
    let objects = match (&arguments.file, name) {
        (None, None) => return Ok(ExitCode::SUCCESS),
        (Some(file), _) => from_file(file),
        (None, Some(_)) => from_cluster(arguments)?,
    };
    let objects = match objects {
        Ok(objects) => objects,
        Err(problem) => {
            report.say(&problem)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut code = ExitCode::SUCCESS;
    for object in objects {
        match said(&found, &object) {
            Ok(text) => out.write_all(text.as_bytes())?,
            Err(problem) => {
                report.say(&problem)?;
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// The kind of this name: of a resource, with its group or without, or of the kind itself.
fn find(configured: Option<&Catalog>, name: &str) -> Option<Found> {
    let is_named = |resource: &str, kind: &str| {
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        let with_group = |short: &str| match group {
            "" => short.to_owned(),
            group => format!("{short}.{group}"),
        };
        [resource.to_owned(), plural.to_owned(), kind.to_owned(), with_group(kind)]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    let of = |catalog: &Catalog| {
        let customs = catalog.customs().iter();
        customs.filter(|it| is_named(&it.resource(), &it.kind)).cloned().map(Box::new).next()
    };
    let built_in = Lane::ALL.into_iter().find_map(|lane| {
        let kind = lane.kind()?;
        is_named(lane.resource()?, kind.name()).then_some(Found::BuiltIn(lane, kind))
    });
    let configured = || configured.and_then(of).map(|it| Found::Custom(it, "configured"));
    let preset = || of(&Catalog::default()).map(|it| Found::Custom(it, "a preset"));
    built_in.or_else(configured).or_else(preset).or_else(|| {
        let (plural, group) = name.split_once('.')?;
        Some(Found::Custom(
            Box::new(Custom::unknown(group, plural)),
            "neither configured nor a preset",
        ))
    })
}

fn told_kind(found: &Found) -> String {
    match found {
        Found::BuiltIn(lane, kind) => {
            let resource = lane.resource().unwrap_or_default();
            format!("{resource}: built in\n  settled when: {}\n", built_in(kind))
        }
        Found::Custom(custom, origin) => {
            let mode = if custom.rules.mode == Mode::Run { "run" } else { "rollout" };
            let mut text = format!("{}: {origin}, mode {mode}\n", custom.resource());
            for (label, rule) in told_rules(&custom.rules) {
                text.push_str(&format!("  {label}: {rule}\n"));
            }
            text
        }
    }
}

/// When an object of a built-in kind has settled.
fn built_in(kind: &Kind) -> &'static str {
    match kind {
        Kind::Deployment => {
            "its controller has observed the generation, and updated = replicas = available = \
             wanted; failed: Progressing is False for ProgressDeadlineExceeded"
        }
        Kind::ReplicaSet | Kind::ReplicationController => "replicas = ready = wanted",
        Kind::StatefulSet => {
            "as kubectl rollout status has it, and replicas = wanted; under OnDelete without its \
             updated part"
        }
        Kind::DaemonSet => {
            "as kubectl rollout status has it, on all nodes that are wanted; under OnDelete \
             without its updated part"
        }
        Kind::Job => "Complete is True; failed: Failed is True",
        Kind::CronJob => "at once: its Jobs are traces of their own",
        Kind::Pod => "it is Ready, or has run to its end",
        Kind::Other(_) => "",
    }
}

/// What is said of the object in `json`.
fn said(found: &Found, json: &str) -> Result<String, String> {
    let Explained { object, verdict, because, notes } = match found {
        Found::Custom(custom, _) => {
            explain(custom, json.as_bytes()).map_err(|error| error.to_string())?
        }
        Found::BuiltIn(lane, _) => {
            let decoded = snapshot(&Catalog::default(), *lane, json.as_bytes());
            match decoded.map_err(|error| error.to_string())?.snapshot {
                Snapshot::Workload(workload) => of_workload(&workload),
                Snapshot::Pod(pod) => {
                    return Err(format!("Pod {}: its phases are told by replay", pod.meta.name));
                }
            }
        }
    };
    let mut text = format!("{object}: {verdict}\n  because {because}\n");
    for note in notes {
        text.push_str(&format!("  {note}\n"));
    }
    Ok(text)
}

fn of_workload(workload: &Workload) -> Explained {
    let Workload { meta, kind, status, .. } = workload;
    let standing = standing(workload);
    let verdict = if let Standing::Failed { reason, .. } = standing {
        format!("failed: {reason}")
    } else if let Standing::Settled(_) = standing {
        "settled".to_owned()
    } else {
        "in progress".to_owned()
    };
    let because = if matches!(kind, Kind::Job | Kind::CronJob) {
        "its conditions say so".to_owned()
    } else {
        format!(
            "it wants {}, and has {} replicas, {} updated, {} ready, {} available",
            workload.count(),
            status.replicas,
            status.updated,
            status.ready,
            status.available
        )
    };
    let within = meta.namespace.as_ref().map(|it| format!("{it}/")).unwrap_or_default();
    let counted = meta.generation.map(|it| format!(", generation {it}")).unwrap_or_default();
    let observed = status.observed.map(|it| format!("its status is about generation {it}"));
    Explained {
        object: format!("{} {within}{}{counted}", kind.name(), meta.name),
        verdict,
        because,
        notes: observed.into_iter().collect(),
    }
}

/// The objects in a file, each as JSON.
fn from_file(file: &Path) -> Result<Vec<String>, String> {
    let name = file.display();
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    let text = read.map_err(|error| format!("{name}: {error}"))?;
    let json = match serde_json::from_str::<Value>(&text) {
        Ok(value) => value,
        Err(_) => {
            let json = as_json(&text)
                .map_err(|fault| format!("{name}:{}: {}", fault.place.line, fault.message))?;
            serde_json::from_str(&json).map_err(|error| format!("{name}: {error}"))?
        }
    };
    let items = json.get("items").and_then(Value::as_array);
    let objects = items.map_or_else(
        || vec![json.to_string()],
        |items| items.iter().map(Value::to_string).collect(),
    );
    Ok(objects)
}

fn from_cluster(arguments: &Arguments) -> io::Result<Result<Vec<String>, String>> {
    let named: Named = match arguments.kind.parse() {
        Ok(named) => named,
        Err(problem) => return Ok(Err(problem.to_owned())),
    };
    Ok(runtime()?.block_on(async {
        let cluster = connect(&arguments.reach.access(), false)
            .await
            .map_err(|error| Chain(&error).to_string())?;
        read(&cluster.api, arguments.namespace.as_deref(), &named)
            .await
            .map(|object| vec![object.to_string()])
            .map_err(|error| Chain(&error).to_string())
    }))
}
