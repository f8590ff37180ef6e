//! What ends a run of the service: a signal, or a configuration that is read anew; and how it ended.

use std::process::ExitCode;

use super::configured::Sources;
use super::runtime::Signals;
use crate::config::Config;
use crate::config::node::Fault;

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
        // A file system or a web server may be slow: what runs goes on meanwhile.
        let sources = sources.clone();
        let reading = tokio::task::spawn_blocking(move || sources.load());
        let read = tokio::select! {
            read = reading => read,
            next = signals.next() => {
                signal = next;
                continue;
            }
        };
        match read {
            Ok(Ok(loaded)) => {
                warn(&loaded.warnings);
                return Come::Reload(Box::new(loaded.config));
            }
            Ok(Err(faults)) => refuse(&faults.to_string()),
            Err(error) => refuse(&error.to_string()),
        }
        signal = signals.next().await;
    }
}

/// What ends the run, if it ends for `come` already and a signal comes besides.
pub(super) async fn come_after(come: Come, signal: &str, sources: &Sources) -> Come {
    if signal != "SIGHUP" {
        return Come::End;
    }
    // Once more: it may be another one by now.
    let sources = sources.clone();
    match tokio::task::spawn_blocking(move || sources.load()).await {
        Ok(Ok(loaded)) => Come::Reload(Box::new(loaded.config)),
        Ok(Err(_)) | Err(_) => come,
    }
}

pub(super) fn warn(warnings: &[Fault]) {
    for warning in warnings {
        tracing::warn!(place = warning.place.to_string(), "{}", warning.message);
    }
}

fn refuse(faults: &str) {
    tracing::error!(
        faults,
        "The new configuration cannot be applied; going on with the one before"
    );
}
