//! Log lines with the Collector's fields, for people or for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry;

use crate::config::{LogEncoding, LogLevel, Logs};
use crate::facts::time::UnixNanos;
use crate::text::utc;

/// So many lines wait for whoever reads them; what comes then is dropped, and that is said.
const WAITING: usize = 4_096;

/// At the end they are waited for so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes lines to standard error from now on, for the whole process; the first call counts. They are
/// written by a thread of their own: who reads them may have stopped, and nothing shall wait for that.
pub fn start(logs: Logs, resource: &BTreeMap<String, String>) -> Logging {
    let (manner, used) = watch::channel((logs, resource.clone()));
    let (out, lines) = Out::new();
    let to = Lines { manner: used, clock: crate::clock::now, out: out.clone() };
    let unsaid = to.unsaid();
    thread::spawn(move || write(&lines, &unsaid, &mut std::io::stderr()));
    // It fails where lines are written already: then they go on as they do.
    drop(tracing::subscriber::set_global_default(registry().with(to)));
    Logging { manner, out }
}

/// How lines are written, to be changed while they are. When it is dropped, those that wait are written.
#[derive(Debug)]
pub struct Logging {
    manner: watch::Sender<(Logs, BTreeMap<String, String>)>,
    out: Out,
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.out.is_read();
    }
}

/// What the thread that writes is told.
#[derive(Debug)]
enum Said {
    Line(String),
    /// All before it is written.
    All(mpsc::Sender<()>),
}

/// The way to the thread that writes.
#[derive(Clone, Debug)]
struct Out {
    to: SyncSender<Said>,
    /// Lines that had no room, since that was said.
    n_dropped: Arc<AtomicU64>,
}

impl Out {
    fn new() -> (Self, Receiver<Said>) {
        let (to, lines) = mpsc::sync_channel(WAITING);
        (Self { to, n_dropped: Arc::default() }, lines)
    }

    fn put(&self, line: String) {
        if self.to.try_send(Said::Line(line)).is_err() {
            self.n_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all that waits is written, for a while; where it has no room nobody reads.
    fn is_read(&self) -> bool {
        let (all, written) = mpsc::channel();
        self.to.try_send(Said::All(all)).is_ok() && written.recv_timeout(PATIENCE).is_ok()
    }
}

/// Writes what it is told until nobody can tell it anything; after each line what `unsaid` says, if
/// anything. Where standard error is gone, nobody can be told.
fn write(lines: &Receiver<Said>, unsaid: &dyn Fn() -> Option<String>, to: &mut dyn Write) {
    for said in lines {
        match said {
            Said::Line(line) => drop(to.write_all(line.as_bytes())),
            Said::All(written) => drop(written.send(())),
        }
        if let Some(line) = unsaid() {
            drop(to.write_all(line.as_bytes()));
        }
    }
}

impl Logging {
    /// From now on.
    pub fn set(&self, logs: Logs, resource: &BTreeMap<String, String>) {
        self.manner.send_replace((logs, resource.clone()));
        // What was once below the level is asked about again.
        tracing::callsite::rebuild_interest_cache();
    }
}

struct Lines {
    manner: watch::Receiver<(Logs, BTreeMap<String, String>)>,
    clock: fn() -> UnixNanos,
    out: Out,
}

impl Lines {
    /// Says how many lines had no room since it was last asked, if any had none.
    fn unsaid(&self) -> impl Fn() -> Option<String> + Send + use<> {
        let (manner, clock) = (self.manner.clone(), self.clock);
        let n_dropped = Arc::clone(&self.out.n_dropped);
        move || {
            let n = Some(n_dropped.swap(0, Ordering::Relaxed)).filter(|n| *n > 0)?;
            let line = Line {
                at: clock(),
                level: Level::WARN,
                caller: caller(Some(file!()), Some(line!())),
                message: "Lines were dropped: nobody read those before".to_owned(),
                fields: Map::from_iter([("dropped_lines".to_owned(), json!(n))]),
            };
            let manner = manner.borrow();
            Some(line.text(manner.0.encoding, &manner.1))
        }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        let limit = match self.manner.borrow().0.level {
            LogLevel::Debug => Level::DEBUG,
            LogLevel::Info => Level::INFO,
            LogLevel::Warn => Level::WARN,
            LogLevel::Error => Level::ERROR,
        };
        *metadata.level() <= limit && metadata.target().starts_with("lifespan")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let line = Line {
            at: (self.clock)(),
            level: *metadata.level(),
            caller: caller(metadata.file(), metadata.line()),
            message: fields.message,
            fields: fields.others,
        };
        let text = {
            let manner = self.manner.borrow();
            line.text(manner.0.encoding, &manner.1)
        };
        self.out.put(text);
    }
}

/// What is worth a line.
struct Line {
    at: UnixNanos,
    level: Level,
    caller: String,
    message: String,
    fields: Map<String, Value>,
}

impl Line {
    fn text(self, encoding: LogEncoding, resource: &BTreeMap<String, String>) -> String {
        let at = format!("{:.3}", utc(self.at));
        let level = self.level.as_str().to_ascii_lowercase();
        let mut fields = Map::from_iter([("resource".to_owned(), json!(resource))]);
        fields.extend(self.fields);
        match encoding {
            LogEncoding::Console => {
                format!(
                    "{at}\t{level}\t{}\t{}\t{}\n",
                    self.caller,
                    self.message,
                    Value::Object(fields)
                )
            }
            LogEncoding::Json => {
                let mut all = Map::from_iter([
                    ("level".to_owned(), json!(level)),
                    ("ts".to_owned(), json!(at)),
                    ("caller".to_owned(), json!(self.caller)),
                    ("msg".to_owned(), json!(self.message)),
                ]);
                all.extend(fields);
                format!("{}\n", Value::Object(all))
            }
        }
    }
}

/// The last two parts of a path and the line, as the Collector tells them.
fn caller(file: Option<&str>, line: Option<u32>) -> String {
    let parts: Vec<_> = file.unwrap_or_default().rsplit('/').take(2).collect();
    let short: Vec<_> = parts.into_iter().rev().collect();
    format!("{}:{}", short.join("/"), line.unwrap_or(0))
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, json!(text));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            at: UnixNanos(1_763_636_999_123_456_789),
            level: Level::WARN,
            caller: caller(Some("src/delivery/worker.rs"), Some(7)),
            message: "Partial success response".to_owned(),
            fields: Map::from_iter([("otelcol.component.id".to_owned(), json!("otlp_grpc"))]),
        }
    }

    #[test]
    fn a_line_has_the_layout_of_the_collector() {
        let resource = BTreeMap::from([("service.name".to_owned(), "lifespan".to_owned())]);
        assert_eq!(
            line().text(LogEncoding::Console, &resource),
            "2025-11-20T11:09:59.123Z\twarn\tdelivery/worker.rs:7\tPartial success response\t\
             {\"otelcol.component.id\":\"otlp_grpc\",\"resource\":{\"service.name\":\"lifespan\"}}\n"
        );
        let json: Value = serde_json::from_str(&line().text(LogEncoding::Json, &resource)).unwrap();
        assert_eq!(json["level"], "warn");
        assert_eq!(json["ts"], "2025-11-20T11:09:59.123Z");
        assert_eq!(json["msg"], "Partial success response");
        assert_eq!(json["resource"]["service.name"], "lifespan");
    }

    /// Somebody who reads no more than so many bytes before being told to read on.
    struct Reader {
        read: Vec<u8>,
        reads_on: Receiver<()>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.read.len() > 100 {
                // Once it is told, for good.
                self.reads_on.iter().next();
            }
            self.read.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_nobody_reads_hold_up_nothing_and_are_counted_and_said_where_they_are_read() {
        let logs = Logs { level: LogLevel::Info, encoding: LogEncoding::Json };
        let (manner, used) = watch::channel((logs, BTreeMap::new()));
        let (out, lines) = Out::new();
        let to = Lines { manner: used, clock: || UnixNanos(0), out: out.clone() };
        let unsaid = to.unsaid();
        let (read_on, reads_on) = mpsc::channel();
        let mut reader = Reader { read: Vec::new(), reads_on };
        let writer = thread::spawn(move || {
            write(&lines, &unsaid, &mut reader);
            reader.read
        });
        let n = 3 * WAITING as u64;
        for i in 0..n {
            out.put(format!("line {i} of many that nobody reads\n"));
        }
        drop(Logging { manner, out });
        drop(read_on);
        drop(to);
        let text = String::from_utf8(writer.join().unwrap()).unwrap();
        let dropped: u64 = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["dropped_lines"].as_u64())
            .sum();
        let written = text.lines().filter(|line| line.starts_with("line ")).count() as u64;
        assert_eq!(dropped + written, n);
        assert!(dropped > WAITING as u64 && text.contains("nobody read"), "{dropped}");
    }

    #[test]
    fn a_line_stays_one_line_whatever_it_says() {
        let mut line = line();
        line.fields.insert("error".to_owned(), json!("a\nb\u{1b}[31m"));
        let text = line.text(LogEncoding::Console, &BTreeMap::new());
        assert_eq!(text.matches('\n').count(), 1);
        assert!(!text.contains('\u{1b}'));
    }
}
