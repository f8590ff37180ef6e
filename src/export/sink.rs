//! Exporters that write: the debug exporter and the file exporter.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

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
    /// What was written last may be part of a line: the disk was full.
    is_torn: bool,
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

/// A file exporter that appends to the file at `path`.
pub(super) fn file(id: String, path: &Path) -> io::Result<(Intake, Sink)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let is_torn = file.metadata().is_ok_and(|it| it.is_file()) && !ends_with_a_line(path);
    let (intake, sink) = sink(id, Form::Json, Box::new(file));
    Ok((intake, Sink { is_torn, ..sink }))
}

/// Whether nothing has been cut short at the end of a file.
fn ends_with_a_line(path: &Path) -> bool {
    let last = || -> io::Result<u8> {
        let (mut file, mut last) = (File::open(path)?, [b'\n']);
        if file.metadata()?.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        let [last] = last;
        Ok(last)
    };
    last().is_ok_and(|last| last == b'\n')
}

fn sink(id: String, form: Form, to: Box<dyn Write + Send>) -> (Intake, Sink) {
    let intake = Intake::of_requests(id, WAITING);
    let account = intake.account();
    (intake, Sink { account, form, to, began: Instant::now(), is_torn: false })
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
        // What was cut short shall not take a whole line with it.
        let text = if self.is_torn { format!("\n{text}") } else { text };
        let written = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
        self.is_torn = written.is_err();
        written.map_err(|error| error.to_string())
    }
}
