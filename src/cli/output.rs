//! Where the selected traces go, and the count of what went.

use std::io::{self, Write};

use crate::facts::span::ShownSpan;
use crate::otlp::batch::{MAX_REQUEST_BYTES, requests};
use crate::otlp::json;
use crate::report::Report;
use crate::show::{Look, waterfall};
use crate::text::clean;
use crate::traces::{Selection, Trace};

use super::send::Sender;

/// What standard output gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Waterfalls that look like this.
    Waterfall(Look),
    /// OTLP as JSON, one document a line.
    Json,
}

/// Puts out the traces that are selected, and counts all.
pub(super) struct Output<'a> {
    out: &'a mut dyn Write,
    form: Form,
    selection: Selection,
    sender: Option<Sender>,
    n_traces: u64,
    n_spans: u64,
    n_in_progress: u64,
    n_left_out: u64,
}

impl<'a> Output<'a> {
    pub(super) fn new(
        out: &'a mut dyn Write,
        form: Form,
        selection: Selection,
        sender: Option<Sender>,
    ) -> Self {
        let (n_traces, n_spans, n_in_progress, n_left_out) = (0, 0, 0, 0);
        Self { out, form, selection, sender, n_traces, n_spans, n_in_progress, n_left_out }
    }

    /// Puts out a trace, if it is selected. What has not ended is shown, and is no span yet.
    pub(super) fn put(&mut self, trace: Trace) -> io::Result<()> {
        if !self.selection.admits(&trace) {
            self.n_left_out += 1;
            return Ok(());
        }
        if let Form::Waterfall(look) = self.form {
            writeln!(self.out, "{}", waterfall(&trace.spans, look))?;
        }
        self.hand_on(trace)
    }

    /// Counts a trace, and gives its spans to whoever wants them as they are.
    fn hand_on(&mut self, trace: Trace) -> io::Result<()> {
        let is_in_progress = trace.is_in_progress();
        let ended: Vec<_> = trace.spans.into_iter().filter_map(ShownSpan::finished).collect();
        // The spans of a trace leave together: of one that has not ended they are shown alone.
        let is_out = !is_in_progress || matches!(self.form, Form::Waterfall(_));
        self.n_spans += if is_out { u64::try_from(ended.len()).unwrap_or(u64::MAX) } else { 0 };
        if is_in_progress {
            self.n_in_progress += 1;
            return Ok(());
        }
        self.n_traces += 1;
        if self.form == Form::Json {
            for request in requests(&ended, MAX_REQUEST_BYTES) {
                let document = json::document(&request.bytes).map_err(io::Error::other)?;
                writeln!(self.out, "{document}")?;
            }
        }
        if let Some(sender) = &mut self.sender {
            sender.put(ended);
        }
        Ok(())
    }

    /// Shows a trace that has settled and may still change; it is put out when it leaves.
    pub(super) fn put_settling(&mut self, trace: &Trace) -> io::Result<()> {
        if let Form::Waterfall(look) = self.form
            && self.selection.admits(trace)
        {
            write!(self.out, "{}", waterfall(&trace.spans, look))?;
            writeln!(self.out, "  settling: shown as it is now, and sent when that has lasted\n")?;
        }
        Ok(())
    }

    /// Puts out a trace that was shown as settling and is the same: a line is enough to show that.
    pub(super) fn put_lasting(&mut self, trace: Trace) -> io::Result<()> {
        if let (Form::Waterfall(_), Some(root)) = (self.form, trace.root()) {
            let object = clean(&root.object.path());
            writeln!(self.out, "{} {object} has lasted\n", clean(&root.name))?;
        }
        self.hand_on(trace)
    }

    /// Writes out what is held.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Sends what still waits; returns whether all spans were delivered.
    pub(super) fn send(&mut self, report: &mut Report<'_>) -> io::Result<bool> {
        let Some(sender) = &mut self.sender else { return Ok(true) };
        // What was drawn so far must not wait for a server.
        self.out.flush()?;
        report.progress(&format!("sending to {}", sender.endpoint()))?;
        sender.finish();
        report.clear()?;
        match sender.complaint() {
            None => Ok(true),
            Some(complaint) => report.say(&complaint).map(|()| false),
        }
    }

    /// Ends the output with one line on what there was, and what of it could not be used. It goes
    /// to standard error where standard output is for programs.
    pub(super) fn finish(self, input: &[String], report: &mut Report<'_>) -> io::Result<()> {
        match self.form {
            Form::Waterfall(look) => {
                let between = if look.has_unicode { " · " } else { " - " };
                let summary = self.summary(input, report).join(between);
                writeln!(self.out, "{summary}")
            }
            Form::Json => report.say(&self.summary(input, report).join(", ")),
        }
    }

    fn summary(&self, input: &[String], report: &Report<'_>) -> Vec<String> {
        let mut parts = vec![counted(self.n_traces, "trace"), counted(self.n_spans, "span")];
        parts.extend(input.iter().cloned());
        if self.n_in_progress > 0 {
            parts.push(format!("{} in progress", self.n_in_progress));
        }
        if let Some(sender) = &self.sender {
            parts.push(format!("{} sent to {}", sender.n_sent(), sender.endpoint()));
        }
        if self.n_left_out > 0 {
            parts.push(format!("{} not selected", self.n_left_out));
        }
        parts.extend(report.counts().iter().map(|(reason, n)| format!("{reason}: {n}")));
        parts
    }
}

/// `1 trace`, `2 traces`
pub(super) fn counted(n: u64, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}
