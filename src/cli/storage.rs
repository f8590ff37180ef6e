//! `lifespan storage`: what a store holds.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::configured::Sources;
use crate::clock;
use crate::facts::time::UnixNanos;
use crate::storage::{Contents, Queue, inspect};
use crate::text::{clean, putln, utc};

/// Arguments of `lifespan storage`.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is changed, and no process that has the store is held up.

Examples:
  lifespan storage --config lifespan.yaml
  lifespan storage -o json /var/lib/otelcol/file_storage")]
pub(super) struct Arguments {
    /// The directory of the store; that of the configuration if it is not given
    #[arg(value_name = "DIRECTORY", required_unless_present = "config")]
    directory: Option<PathBuf>,

    /// How it is written
    #[arg(short, long, value_name = "FORM", value_enum, default_value_t = Form::Text)]
    output: Form,

    #[command(flatten)]
    sources: Sources,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For a person.
    Text,
    /// For a program.
    Json,
}

/// Tells what the store holds. A store that is damaged is told, and is a failure.
pub(super) fn run(
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let directory = match &arguments.directory {
        Some(directory) => directory.clone(),
        None => {
            let Some(loaded) = arguments.sources.load_or_tell(err)? else {
                return Ok(ExitCode::FAILURE);
            };
            let Some((_, settings)) = loaded.config.storage else {
                writeln!(
                    err,
                    "lifespan: the configuration stores nothing: no component names a storage"
                )?;
                return Ok(ExitCode::FAILURE);
            };
            settings.directory
        }
    };
    let contents = match inspect(&directory) {
        Ok(contents) => contents,
        Err(error) => {
            let directory = directory.display();
            writeln!(err, "lifespan: there is no store that can be read in {directory}: {error}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    match arguments.output {
        Form::Text => out.write_all(text(&contents, clock::now()).as_bytes())?,
        Form::Json => writeln!(out, "{}", data(&contents))?,
    }
    let is_whole = contents.damage.is_none();
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(of: &Contents, now: UnixNanos) -> String {
    let mut out = String::new();
    putln!(out, "{}: {}", of.name, size(of.n_bytes));
    match &of.damage {
        None => {
            putln!(out, "  format {}, last commit {}", of.format, ago(of.committed_at, now));
        }
        Some(why) => {
            let why = clean(why);
            let whole = if of.queues.is_empty() {
                "nothing in it is whole"
            } else {
                "these requests are whole, and would be sent"
            };
            putln!(out, "  damaged: {why}; {whole}");
        }
    }
    if let Some(origin) = &of.origin {
        let (cluster, format) = (clean(&origin.cluster), origin.format);
        let (n, n_bytes) = of.records.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let n_bytes = size(n_bytes);
        putln!(out, "state of cluster {cluster}: {n} records, {n_bytes}, format {format}");
    }
    for (exporter, Queue { requests, spans, n_bytes, oldest }) in &of.queues {
        let (exporter, n_bytes) = (clean(exporter), size(*n_bytes));
        let oldest = oldest.map(|at| format!(", oldest {}", ago(Some(at), now)));
        let oldest = oldest.unwrap_or_default();
        putln!(out, "queue of {exporter}: {requests} requests, {spans} spans, {n_bytes}{oldest}");
    }
    out
}

fn data(of: &Contents) -> Value {
    let queues = of.queues.iter().map(|(exporter, queue)| {
        let Queue { requests, spans, n_bytes, oldest } = queue;
        let oldest = oldest.map(|at| utc(at).to_string());
        json!({"exporter": exporter, "requests": requests, "spans": spans, "bytes": n_bytes, "oldest": oldest})
    });
    let records = of.records.values().map(|it| it.0).sum::<u64>();
    let n_bytes = of.records.values().map(|it| it.1).sum::<u64>();
    let state = of.origin.as_ref().map(|origin| {
        json!({"cluster": origin.cluster, "format": origin.format, "records": records, "bytes": n_bytes})
    });
    json!({
        "store": of.name,
        "bytes": of.n_bytes,
        "format": of.format,
        "committed_at": of.committed_at.map(|at| utc(at).to_string()),
        "damage": of.damage,
        "state": state,
        "queues": queues.collect::<Vec<_>>(),
    })
}

/// A moment, and how long ago it was.
fn ago(at: Option<UnixNanos>, now: UnixNanos) -> String {
    let Some(at) = at else { return "never".to_owned() };
    let seconds = now.since(at).millis().max(0) / 1_000;
    let ago = match (seconds / 86_400, seconds / 3_600, seconds / 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    };
    format!("{ago} ago")
}

fn size(n_bytes: u64) -> String {
    match n_bytes {
        0..1_024 => format!("{n_bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", n_bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", n_bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::expect;

    use super::*;
    use crate::storage::Origin;

    #[test]
    fn a_store_is_told_with_its_ages_counts_and_queues() {
        let oldest = Some(UnixNanos::from_seconds(100));
        let queue = Queue { requests: 20, spans: 61, n_bytes: 18_000, oldest };
        let empty = Queue::default();
        let contents = Contents {
            name: "/var/lib/lifespan.store".to_owned(),
            n_bytes: 3 << 20,
            format: 1,
            committed_at: Some(UnixNanos::from_seconds(7_290)),
            origin: Some(Origin { cluster: "c0ffee".to_owned(), format: 1 }),
            records: BTreeMap::from([(b't', (12, 900)), (b'h', (1, 30))]),
            queues: [("otlp_grpc".to_owned(), queue), ("otlp_http/b".to_owned(), empty)].into(),
            damage: None,
        };
        let now = UnixNanos::from_seconds(7_300);
        expect![[r#"
            /var/lib/lifespan.store: 3.0 MiB
              format 1, last commit 10 s ago
            state of cluster c0ffee: 13 records, 930 B, format 1
            queue of otlp_grpc: 20 requests, 61 spans, 17.6 KiB, oldest 2 h 0 min ago
            queue of otlp_http/b: 0 requests, 0 spans, 0 B
        "#]]
        .assert_eq(&text(&contents, now));
        expect![[r#"{"bytes":3145728,"committed_at":"1970-01-01T02:01:30Z","damage":null,"format":1,"queues":[{"bytes":18000,"exporter":"otlp_grpc","oldest":"1970-01-01T00:01:40Z","requests":20,"spans":61},{"bytes":0,"exporter":"otlp_http/b","oldest":null,"requests":0,"spans":0}],"state":{"bytes":930,"cluster":"c0ffee","format":1,"records":13},"store":"/var/lib/lifespan.store"}"#]]
        .assert_eq(&data(&contents).to_string());
        let damage = Some("DB corrupted: checksum".to_owned());
        let damaged = Contents { damage, origin: None, ..contents };
        expect![[r#"
            /var/lib/lifespan.store: 3.0 MiB
              damaged: DB corrupted: checksum; these requests are whole, and would be sent
            queue of otlp_grpc: 20 requests, 61 spans, 17.6 KiB, oldest 2 h 0 min ago
            queue of otlp_http/b: 0 requests, 0 spans, 0 B
        "#]]
        .assert_eq(&text(&damaged, now));
    }

    #[test]
    fn the_sample_that_is_documented_has_the_format_that_is_written() {
        let text = include_str!("../../config/documentation.md");
        let state = text.lines().find(|line| line.starts_with("state of cluster ")).unwrap();
        let format = crate::engine::state::FORMAT;
        assert!(state.ends_with(&format!(", format {format}")), "{state}");
    }
}
