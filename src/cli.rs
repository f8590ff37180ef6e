//! What is typed, and what becomes of it.

mod cluster;
mod configured;
mod explain;
mod fetch;
mod live;
mod manual;
mod output;
mod record;
mod recording_file;
mod reload;
mod replay;
mod runtime;
mod send;
mod serve;
mod stamp;
mod storage;
mod terminal;
mod webhook;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use cluster::ClusterArguments;

pub use terminal::Terminal;

/// Wrong usage, as clap has it.
const WRONG_USAGE: u8 = 2;

/// Turns every change of a Kubernetes object's spec into OpenTelemetry spans: one trace for each
/// rollout, from the write of the spec until the cluster has settled.
#[derive(Debug, Parser)]
#[command(
    name = "lifespan",
    version,
    after_help = "\
Exit status: 0 when every input could be used, 1 when one could not, 2 for wrong usage."
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    sources: configured::Sources,

    #[command(flatten)]
    live: live::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the traces of a recorded cluster as waterfalls
    Replay(replay::Arguments),
    /// Writes down what a live cluster says, for replay
    Record(record::Arguments),
    /// Checks a configuration: silent if all is well
    Validate(configured::Sources),
    /// Prints the configuration that is in force, defaults included
    #[command(alias = "print-initial-config")]
    PrintConfig(configured::PrintArguments),
    /// Lists what can be configured
    Components,
    /// Lists the features that --feature-gates switches
    Featuregate(configured::GateArguments),
    /// Tells which rule a kind gets, and what it says of an object and why
    Explain(explain::Arguments),
    /// Writes a trace context onto manifests, or onto objects in a cluster
    Stamp(stamp::Arguments),
    /// Stamps what is written to a cluster, as an admission webhook
    Webhook(webhook::Arguments),
    /// Prints the permissions that a configuration needs, for kubectl apply
    Rbac(configured::RbacArguments),
    /// Tells what is stored: open transitions, and what waits to be sent
    Storage(storage::Arguments),
    /// Prints the version
    Version,
    /// Prints what a shell needs to complete commands and options
    Completion(manual::CompletionArguments),
    /// Prints the manual page of lifespan, or of one of its commands
    Man(manual::ManArguments),
}

impl Command {
    /// What was said of the cluster before the command, as kubectl has it, is meant for the command.
    fn inherit(&mut self, before: ClusterArguments) -> Result<(), &'static str> {
        if !before.is_given() {
            return Ok(());
        }
        match self {
            Self::Record(arguments) => arguments.cluster.inherit(before),
            Self::Explain(explain::Arguments { reach, namespace, .. })
            | Self::Stamp(stamp::Arguments { reach, namespace, .. }) => {
                if before.all_namespaces {
                    return Err("one object is in one namespace: --all-namespaces has no meaning");
                }
                *namespace = namespace.take().or(before.namespace);
                reach.inherit(before.reach);
            }
            Self::Webhook(arguments) => {
                if before.namespace.is_some() || before.all_namespaces {
                    return Err("a webhook is asked about all namespaces");
                }
                arguments.reach.inherit(before.reach);
            }
            Self::Rbac(arguments) => {
                if before.all_namespaces || before.reach.is_given() {
                    return Err("it asks no cluster: only --namespace has a meaning");
                }
                arguments.namespace = arguments.namespace.take().or(before.namespace);
            }
            Self::Replay(_)
            | Self::Validate(_)
            | Self::PrintConfig(_)
            | Self::Components
            | Self::Featuregate(_)
            | Self::Storage(_)
            | Self::Version
            | Self::Completion(_)
            | Self::Man(_) => return Err("it asks no cluster"),
        }
        Ok(())
    }
}

/// Reads the arguments. What stands before a command must be what kubectl has there.
fn parsed<I, T>(arguments: I) -> Result<Arguments, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let mut command = Arguments::command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    let mut read = Arguments::from_arg_matches(&matches)?;
    let refused = |command: &mut clap::Command, text| {
        Err(command.error(clap::error::ErrorKind::ArgumentConflict, text))
    };
    let Some(name) = matches.subcommand_name() else {
        if read.sources.is_given() && read.live.cluster.is_given() {
            let text = "the configuration says which cluster and what of it: give --config alone";
            return refused(&mut command, text.to_owned());
        }
        return Ok(read);
    };
    let is_misplaced = |argument: &&clap::Arg| {
        let id = argument.get_id().as_str();
        let is_given = matches.value_source(id) == Some(ValueSource::CommandLine);
        is_given && !BEFORE_COMMANDS.contains(&id)
    };
    let misplaced = command.get_arguments().find(is_misplaced).and_then(|it| it.get_long());
    if let Some(long) = misplaced.map(str::to_owned) {
        let text = format!("--{long} stands before the command: {name} --{long} is expected");
        return refused(&mut command, text);
    }
    let inherited = read.command.as_mut().map_or(Ok(()), |it| it.inherit(read.live.cluster.take()));
    match inherited {
        Ok(()) => Ok(read),
        Err(why) => refused(&mut command, format!("{name}: {why}")),
    }
}

/// What kubectl takes before a command as well as after it.
const BEFORE_COMMANDS: [&str; 5] =
    ["namespace", "all_namespaces", "kubeconfig", "context", "as_user"];

/// Does what the arguments, the first of which is the program's name, ask for.
///
/// A reader that stops reading (`| head`) ends the program quietly.
pub fn run<I, T>(
    arguments: I,
    terminal: &Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let done = match parsed(arguments) {
        // It has put nothing into `out`, and an exporter may be writing to what is below that.
        Ok(Arguments { command: None, sources, .. }) if sources.is_given() => {
            return ended(serve::run(&sources, err), err);
        }
        Ok(arguments) => done(&arguments, terminal, out, err),
        Err(error) => usage(&error, terminal, out, err),
    };
    ended(done.and_then(|code| out.flush().map(|()| code)), err)
}

fn ended(done: io::Result<ExitCode>, err: &mut dyn Write) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        // Nothing is left to tell it to if standard error is gone as well.
        Err(error) => match writeln!(err, "lifespan: cannot write: {error}") {
            Ok(()) | Err(_) => ExitCode::FAILURE,
        },
    }
}

fn done(
    arguments: &Arguments,
    terminal: &Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let Some(command) = &arguments.command else {
        return live::run(&arguments.live, terminal, out, err);
    };
    match command {
        Command::Replay(arguments) => replay::run(arguments, terminal, out, err),
        Command::Record(arguments) => record::run(arguments, terminal, out, err),
        Command::Validate(sources) => configured::validate(sources, err),
        Command::PrintConfig(arguments) => configured::print(arguments, out, err),
        Command::Stamp(arguments) => stamp::run(arguments, terminal, out, err),
        Command::Webhook(arguments) => webhook::run(arguments, terminal, err),
        Command::Explain(arguments) => explain::run(arguments, terminal, out, err),
        Command::Components => configured::list(out),
        Command::Featuregate(arguments) => configured::gates(arguments, out, err),
        Command::Rbac(arguments) => configured::rbac(arguments, out, err),
        Command::Storage(arguments) => storage::run(arguments, out, err),
        Command::Version => manual::version(out),
        Command::Completion(arguments) => manual::completion(arguments, Arguments::command(), out),
        Command::Man(arguments) => manual::man(arguments, Arguments::command(), out, err),
    }
}

/// Help and versions go to standard output, wrong usage to standard error.
fn usage(
    error: &clap::Error,
    terminal: &Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let text = error.render();
    let is_terminal =
        if error.use_stderr() { terminal.is_error_terminal } else { terminal.is_output_terminal };
    let text = if is_terminal && terminal.wants_color {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    if error.use_stderr() {
        err.write_all(text.as_bytes())?;
    } else {
        out.write_all(text.as_bytes())?;
    }
    Ok(u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from))
}
