//! What clap knows of the arguments, for people and shells: `version`, `completion`, `man`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

/// `lifespan version`
pub(super) fn version(out: &mut dyn Write) -> io::Result<ExitCode> {
    writeln!(out, "lifespan {}", env!("CARGO_PKG_VERSION"))?;
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `lifespan completion`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  source <(lifespan completion bash)
  lifespan completion zsh > \"${fpath[1]}/_lifespan\"
  lifespan completion fish | source")]
#[group(skip)]
pub(super) struct CompletionArguments {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// `lifespan completion`
pub(super) fn completion(
    arguments: &CompletionArguments,
    mut command: Command,
    out: &mut dyn Write,
) -> io::Result<ExitCode> {
    // It writes to what cannot fail, so that a reader that is gone is told as for any command.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "lifespan", &mut script);
    out.write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `lifespan man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lifespan man | man -l -
  lifespan man record > /usr/local/share/man/man1/lifespan-record.1")]
#[group(skip)]
pub(super) struct ManArguments {
    /// A command of lifespan; by default lifespan itself
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

/// `lifespan man`
pub(super) fn man(
    arguments: &ManArguments,
    mut command: Command,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    command.build();
    let page = match &arguments.command {
        None => clap_mangen::Man::new(command),
        Some(name) => {
            let Some(found) = command.find_subcommand(name) else {
                writeln!(err, "lifespan: {name} is no command of lifespan")?;
                return Ok(ExitCode::from(2));
            };
            let title = format!("lifespan-{}", found.get_name());
            clap_mangen::Man::new(found.clone().version(env!("CARGO_PKG_VERSION"))).title(title)
        }
    };
    page.render(out)?;
    Ok(ExitCode::SUCCESS)
}
