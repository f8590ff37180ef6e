//! Exporters that write: the debug exporter and the file exporter.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::task::spawn_blocking;
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

/// Who reads a pipe is waited for so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where it is written to.
type Out = Box<dyn Write + Send>;

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
    /// `None` after a write that never came back.
    to: Option<Out>,
    began: Instant,
    /// What was written last may be part of a line: the disk was full.
    is_torn: bool,
}

/// A debug exporter that writes to `to`.
pub(super) fn debug(
    id: String,
    verbosity: Verbosity,
    sampling: Sampling,
    to: Out,
) -> (Intake, Sink) {
    sink(id, Form::Debug(verbosity, Sampler::new(sampling)), to)
}

/// A file exporter that appends to the file at `path`.
pub(super) fn file(id: String, path: &Path) -> io::Result<(Intake, Sink)> {
    let file = opened(path)?;
    let is_torn = file.metadata().is_ok_and(|it| it.is_file()) && !ends_with_a_line(path);
    let (intake, sink) = sink(id, Form::Json, Box::new(file));
    Ok((intake, Sink { is_torn, ..sink }))
}

/// The file at `path`. Opening a pipe waits for whoever reads it, perhaps for ever.
fn opened(path: &Path) -> io::Result<File> {
    let open = |path: &Path| OpenOptions::new().create(true).append(true).open(path);
    if !fs::metadata(path).is_ok_and(|it| it.file_type().is_fifo()) {
        return open(path);
    }
    let (opened, waits) = mpsc::channel();
    let pipe = path.to_owned();
    thread::spawn(move || drop(opened.send(open(&pipe))));
    let unread = |_| Err(io::Error::other("it is a pipe that nobody reads"));
    waits.recv_timeout(PATIENCE).unwrap_or_else(unread)
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

fn sink(id: String, form: Form, to: Out) -> (Intake, Sink) {
    let intake = Intake::of_requests(id, WAITING);
    let account = intake.account();
    let (to, began) = (Some(to), Instant::now());
    (intake, Sink { account, form, to, began, is_torn: false })
}

impl Sink {
    /// Runs until the intake is gone.
    pub(super) async fn run(mut self) {
        while let Some(item) = self.account.line().next().await {
            // It is not stored, so that it is here.
            let Some(request) = item.request else { continue };
            let n = request.n_spans as u64;
            let written = self.write(&request).await;
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

    /// Writes in a thread beside: who reads a pipe may be slow, or stop reading, and a disk may hang.
    /// Meanwhile what comes waits, and what has no room is dropped and counted.
    async fn write(&mut self, request: &Request) -> Result<(), String> {
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
        let mut to = self.to.take().ok_or("a write before it failed for good")?;
        let write = move || {
            let written = to.write_all(text.as_bytes()).and_then(|()| to.flush());
            (to, written)
        };
        let (to, written) = spawn_blocking(write).await.map_err(|error| error.to_string())?;
        self.to = Some(to);
        self.is_torn = written.is_err();
        written.map_err(|error| error.to_string())
    }
}
