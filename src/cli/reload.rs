//! What ends a run of the service: a signal, or a configuration that is read anew; and how it ended.

use std::process::ExitCode;

use super::configured::Sources;
use super::runtime::Signals;
use crate::config::Config;
use crate::config::node::Fault;
use crate::storage::inspect;
use crate::text::Chain;

/// How a run ended.
pub(super) enum Ended {
    /// The program ends.
    With(ExitCode),
    /// It goes on with another configuration.
    Reload(Box<Config>),
    /// It could not begin.
    CannotStart(String),
}

/// What came that ends what is going on.
pub(super) enum Come {
    End,
    Reload(Box<Config>),
}

impl Come {
    /// The run has ended by it.
    pub(super) fn ended(self, code: ExitCode) -> Ended {
        match self {
            Self::End => Ended::With(code),
            Self::Reload(config) => Ended::Reload(config),
        }
    }
}

/// Waits for a signal that ends a run. A configuration that cannot be read ends none.
pub(super) async fn come(signals: &mut Signals, sources: &Sources) -> Come {
    let mut signal = signals.next().await;
    loop {
        tracing::info!(signal, "Received signal from OS");
        if signal != "SIGHUP" {
            return Come::End;
        }
        signal = tokio::select! {
            config = read(sources) => match config {
                Some(config) => return Come::Reload(config),
                None => signals.next().await,
            },
            next = signals.next() => next,
        };
    }
}

/// The configuration as it is now; one that cannot be read is refused. A file system or a web server may
/// be slow: what runs goes on meanwhile.
pub(super) async fn read(sources: &Sources) -> Option<Box<Config>> {
    let sources = sources.clone();
    match tokio::task::spawn_blocking(move || sources.load()).await {
        Ok(Ok(loaded)) => {
            warn(&loaded.warnings);
            return Some(Box::new(loaded.config));
        }
        Ok(Err(faults)) => refuse(&faults.to_string()),
        Err(error) => refuse(&error.to_string()),
    }
    None
}

/// Says what waits in the store of the configuration `before`, if that has another one `now`, or none:
/// nobody sends it.
pub(super) fn tell_left_behind(before: &Config, now: &Config) {
    let directory_of = |of: &Config| of.storage.as_ref().map(|(_, it)| it.directory.clone());
    let Some(left) = directory_of(before).filter(|it| directory_of(now).as_ref() != Some(it))
    else {
        return;
    };
    let directory = left.display();
    match inspect(&left) {
        Ok(contents) => {
            let requests: u64 = contents.queues.values().map(|queue| queue.requests).sum();
            let spans: u64 = contents.queues.values().map(|queue| queue.spans).sum();
            if requests > 0 {
                tracing::warn!(
                    %directory,
                    requests,
                    spans,
                    "The storage is another one from now on; to have sent what waits in the one before, start once with that"
                );
            }
        }
        Err(error) => tracing::warn!(
            %directory,
            error = Chain(&error).to_string(),
            "The storage is another one from now on, and what waits in the one before cannot be read"
        ),
    }
}

pub(super) fn warn(warnings: &[Fault]) {
    for warning in warnings {
        tracing::warn!(place = warning.place.to_string(), "{}", warning.message);
    }
}

pub(super) fn refuse(problem: &str) {
    tracing::error!(
        problem,
        "The new configuration cannot be applied; going on with the one before"
    );
}
