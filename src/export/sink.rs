//! Exporters that write: the debug exporter and the file exporter.

use std::io::Write;

use tokio::time::Instant;

use super::debug;
use super::intake::{Account, Intake};
use super::sampler::Sampler;
use super::settings::{Sampling, Verbosity};
use crate::otlp::batch::Request;
use crate::otlp::json;
use crate::text::Chain;

/// Requests that may wait to be written.
const WAITING: usize = 1_000;

/// What is written of a request.
#[derive(Debug)]
enum Form {
    Debug(Verbosity, Sampler),
    Json,
}

/// Writes what is handed in.
pub(super) struct Sink {
    account: Account,
    form: Form,
    to: Box<dyn Write + Send>,
    began: Instant,
}

/// A debug exporter that writes to `to`.
pub(super) fn debug(
    id: String,
    verbosity: Verbosity,
    sampling: Sampling,
    to: Box<dyn Write + Send>,
) -> (Intake, Sink) {
    sink(id, Form::Debug(verbosity, Sampler::new(sampling)), to)
}

/// A file exporter that writes to `to`.
pub(super) fn file(id: String, to: Box<dyn Write + Send>) -> (Intake, Sink) {
    sink(id, Form::Json, to)
}

fn sink(id: String, form: Form, to: Box<dyn Write + Send>) -> (Intake, Sink) {
    let intake = Intake::of_requests(id, WAITING);
    let account = intake.account();
    (intake, Sink { account, form, to, began: Instant::now() })
}

impl Sink {
    /// Runs until the intake is gone.
    pub(super) async fn run(mut self) {
        while let Some(item) = self.account.line().next().await {
            // It is not stored, so that it is here.
            let Some(request) = item.request else { continue };
            let n = request.n_spans as u64;
            let written = self.write(&request);
            self.account.write(|books| {
                books.queued -= n;
                books.is_away = written.is_err();
                match &written {
                    Ok(()) => {
                        books.sent += n;
                        books.last_error = None;
                    }
                    Err(problem) => {
                        books.failed += n;
                        books.last_error = Some(problem.clone());
                    }
                }
            });
            if let Err(error) = written {
                tracing::error!(
                    otelcol.component.id = self.account.id(),
                    otelcol.component.kind = "exporter",
                    otelcol.signal = "traces",
                    error,
                    dropped_items = n,
                    "Exporting failed. Dropping data."
                );
            }
        }
    }

    fn write(&mut self, request: &Request) -> Result<(), String> {
        let text = match &mut self.form {
            Form::Debug(verbosity, sampler) => {
                if !sampler.takes(self.began.elapsed().as_secs()) {
                    return Ok(());
                }
                debug::text(&request.bytes, *verbosity)
            }
            Form::Json => json::document(&request.bytes).map(|document| document + "\n"),
        };
        let text = text.map_err(|error| Chain(&error).to_string())?;
        let written = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
        written.map_err(|error| error.to_string())
    }
}
