//! What is typed, and what becomes of it.

mod cluster;
mod configured;
mod explain;
mod live;
mod output;
mod record;
mod replay;
mod runtime;
mod send;
mod serve;
mod stamp;
mod terminal;
mod webhook;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use terminal::Terminal;

/// Turns every change of a Kubernetes object's spec into OpenTelemetry spans: one trace for each
/// rollout, from the write of the spec until the cluster has settled.
#[derive(Debug, Parser)]
#[command(
    name = "lifespan",
    version,
    args_conflicts_with_subcommands = true,
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
    /// Tells which rule a kind gets, and what it says of an object and why
    Explain(explain::Arguments),
    /// Writes a trace context onto manifests, or onto objects in a cluster
    Stamp(stamp::Arguments),
    /// Stamps what is written to a cluster, as an admission webhook
    Webhook(webhook::Arguments),
    /// Prints the permissions that a configuration needs, for kubectl apply
    Rbac(configured::RbacArguments),
}

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
    let done = match Arguments::try_parse_from(arguments) {
        Ok(Arguments { command: Some(Command::Replay(arguments)), .. }) => {
            replay::run(&arguments, terminal, out, err)
        }
        Ok(Arguments { command: Some(Command::Record(arguments)), .. }) => {
            record::run(&arguments, terminal, out, err)
        }
        Ok(Arguments { command: Some(Command::Validate(sources)), .. }) => {
            configured::validate(&sources, err)
        }
        Ok(Arguments { command: Some(Command::PrintConfig(arguments)), .. }) => {
            configured::print(&arguments, out, err)
        }
        Ok(Arguments { command: Some(Command::Stamp(arguments)), .. }) => {
            stamp::run(&arguments, terminal, out, err)
        }
        Ok(Arguments { command: Some(Command::Webhook(arguments)), .. }) => {
            webhook::run(&arguments, terminal, err)
        }
        Ok(Arguments { command: Some(Command::Explain(arguments)), .. }) => {
            explain::run(&arguments, terminal, out, err)
        }
        Ok(Arguments { command: Some(Command::Components), .. }) => configured::list(out),
        Ok(Arguments { command: Some(Command::Rbac(arguments)), .. }) => {
            configured::rbac(&arguments, out, err)
        }
        Ok(Arguments { command: None, sources, .. }) if sources.is_given() => {
            serve::run(&sources, err)
        }
        Ok(Arguments { command: None, live, .. }) => live::run(&live, terminal, out, err),
        Err(error) => usage(&error, terminal, out, err),
    };
    let done = done.and_then(|code| out.flush().map(|()| code));
    match done {
        Ok(code) => code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        // Nothing is left to tell it to if standard error is gone as well.
        Err(error) => match writeln!(err, "lifespan: cannot write: {error}") {
            Ok(()) | Err(_) => ExitCode::FAILURE,
        },
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
