//! Log lines with the Collector's fields, for people or for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;

use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry;

use crate::config::{LogEncoding, LogLevel, Logs};
use crate::facts::time::UnixNanos;
use crate::text::utc;

/// Writes lines to standard error from now on, for the whole process; the first call counts.
pub fn start(logs: Logs, resource: &BTreeMap<String, String>) -> Logging {
    let (manner, used) = watch::channel((logs, resource.clone()));
    let lines = Lines { manner: used, clock: crate::clock::now };
    // It fails where lines are written already: then they go on as they do.
    drop(tracing::subscriber::set_global_default(registry().with(lines)));
    Logging(manner)
}

/// How lines are written, to be changed while they are.
#[derive(Debug)]
pub struct Logging(watch::Sender<(Logs, BTreeMap<String, String>)>);

impl Logging {
    /// From now on.
    pub fn set(&self, logs: Logs, resource: &BTreeMap<String, String>) {
        self.0.send_replace((logs, resource.clone()));
        // What was once below the level is asked about again.
        tracing::callsite::rebuild_interest_cache();
    }
}

struct Lines {
    manner: watch::Receiver<(Logs, BTreeMap<String, String>)>,
    clock: fn() -> UnixNanos,
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
        // Where standard error is gone, nobody can be told.
        drop(std::io::stderr().write_all(text.as_bytes()));
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

    #[test]
    fn a_line_stays_one_line_whatever_it_says() {
        let mut line = line();
        line.fields.insert("error".to_owned(), json!("a\nb\u{1b}[31m"));
        let text = line.text(LogEncoding::Console, &BTreeMap::new());
        assert_eq!(text.matches('\n').count(), 1);
        assert!(!text.contains('\u{1b}'));
    }
}
