//! Commands that read a configuration: `validate`, `print-config`, `components`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::fetch;
use crate::config::{
    Faults, Format, Loaded, Lookup, Receiver, Source, as_json, components, described, load, shown,
};
use crate::facts::kind::Lane;
use crate::rbac;
use crate::watch::target::Target;

/// Where a configuration comes from.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Configuration")]
pub(super) struct Sources {
    /// A file, a URL, or file:, env: or yaml: and what follows; later ones over earlier ones
    #[arg(long, value_name = "URI")]
    config: Vec<String>,

    /// One key, over all files, such as receivers::k8s_lifecycle::stable_time=5s
    #[arg(long, value_name = "KEY=VALUE", requires = "config")]
    set: Vec<String>,

    /// Features to switch: gates with commas between them, each on, or off after a -
    #[arg(long, value_name = "GATES", requires = "config", allow_hyphen_values = true)]
    feature_gates: Vec<String>,
}

/// The environment and the files of this process.
#[derive(Debug)]
struct Process;

impl Lookup for Process {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| {
            let kind = error.kind();
            if kind == io::ErrorKind::NotFound {
                "there is no such file".to_owned()
            } else if kind == io::ErrorKind::InvalidData {
                "it is no text".to_owned()
            } else {
                error.to_string()
            }
        })
    }

    fn http(&self, url: &str) -> Result<String, String> {
        fetch::get(url)
    }
}

impl Sources {
    /// Whether any was given.
    pub(super) fn is_given(&self) -> bool {
        !self.config.is_empty()
    }

    /// Loads them. Must not be called inside a runtime.
    pub(super) fn load(&self) -> Result<Loaded, Faults> {
        let configs = self.config.iter().cloned().map(Source::Config);
        let sets = self.set.iter().cloned().map(Source::Set);
        let gates = self.feature_gates.iter().cloned().map(Source::Gates);
        load(&configs.chain(sets).chain(gates).collect::<Vec<_>>(), &Process)
    }

    /// The receiver that they configure, `None` where none were given; how the command ends where
    /// something is wrong with them, which has been told.
    pub(super) fn receiver(
        &self,
        err: &mut dyn Write,
    ) -> io::Result<Result<Option<Receiver>, ExitCode>> {
        if !self.is_given() {
            return Ok(Ok(None));
        }
        let loaded = self.load_or_tell(err)?;
        Ok(loaded.map(|loaded| Some(loaded.config.receiver)).ok_or(ExitCode::FAILURE))
    }

    /// Loads them, or tells what is wrong.
    pub(super) fn load_or_tell(&self, err: &mut dyn Write) -> io::Result<Option<Loaded>> {
        if !self.is_given() {
            writeln!(err, "lifespan: at least one config flag must be provided: --config FILE")?;
            return Ok(None);
        }
        match self.load() {
            Ok(loaded) => Ok(Some(loaded)),
            Err(faults) => {
                let n = faults.0.len();
                let s = if n == 1 { "" } else { "s" };
                writeln!(err, "{faults}\nlifespan: invalid configuration: {n} fault{s}")?;
                Ok(None)
            }
        }
    }
}

/// `lifespan validate`: says nothing if all is well.
pub(super) fn validate(sources: &Sources, err: &mut dyn Write) -> io::Result<ExitCode> {
    let Some(loaded) = sources.load_or_tell(err)? else { return Ok(ExitCode::FAILURE) };
    for warning in loaded.warnings {
        writeln!(err, "{warning}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `lifespan print-config`.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct PrintArguments {
    #[command(flatten)]
    sources: Sources,

    /// Whether secrets are shown
    #[arg(long, value_enum, default_value_t = Mode::Redacted)]
    mode: Mode,

    /// How it is written
    #[arg(long, value_enum, default_value_t = Written::Yaml)]
    format: Written,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// They are not
    Redacted,
    /// They are
    Unredacted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Written {
    /// YAML
    Yaml,
    /// JSON
    Json,
}

/// `lifespan print-config`: what is in force, defaults included.
pub(super) fn print(
    arguments: &PrintArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let Some(loaded) = arguments.sources.load_or_tell(err)? else { return Ok(ExitCode::FAILURE) };
    let yaml = shown(&loaded.entries, arguments.mode == Mode::Unredacted);
    let format = match arguments.format {
        Written::Yaml => Format::Yaml,
        Written::Json => Format::Json,
    };
    match format {
        Format::Yaml => write!(out, "{yaml}")?,
        Format::Json => writeln!(out, "{}", as_json(&yaml).map_err(io::Error::other)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `lifespan components`: what can be configured.
pub(super) fn list(out: &mut dyn Write) -> io::Result<ExitCode> {
    write!(out, "{}", components())?;
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `lifespan featuregate`.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct GateArguments {
    /// One gate, of which all is told
    id: Option<String>,
}

/// `lifespan featuregate`: what can be switched with --feature-gates.
pub(super) fn gates(
    arguments: &GateArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    match described(arguments.id.as_deref()) {
        Ok(text) => write!(out, "{text}").map(|()| ExitCode::SUCCESS),
        Err(problem) => writeln!(err, "lifespan: {problem}").map(|()| ExitCode::FAILURE),
    }
}

/// Arguments of `lifespan rbac`.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct RbacArguments {
    #[command(flatten)]
    sources: Sources,

    /// The namespace of the service account; by default lifespan
    #[arg(short, long, value_name = "NAME", value_parser = super::cluster::namespace)]
    pub(super) namespace: Option<String>,
}

/// `lifespan rbac`: the roles that the configuration needs; without one, those of the defaults.
pub(super) fn rbac(
    arguments: &RbacArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let receiver = match arguments.sources.receiver(err)? {
        Ok(receiver) => receiver,
        Err(code) => return Ok(code),
    };
    let namespace = arguments.namespace.as_deref().unwrap_or("lifespan");
    let yaml = match receiver {
        Some(receiver) => {
            let targets: Vec<_> = receiver.watched().into_iter().map(|it| it.target).collect();
            rbac::rbac(&targets, namespace, receiver.settings.cluster_uid.is_none())
        }
        None => {
            let lanes = Lane::ALL.iter().filter_map(|lane| lane.resource());
            let targets: Vec<_> = lanes.map(|it| Target::built_in(it, "", "")).collect();
            rbac::rbac(&targets, namespace, true)
        }
    };
    out.write_all(yaml.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
