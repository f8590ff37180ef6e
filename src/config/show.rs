//! A configuration written out again: what is in force, and what could be said; pure.

use super::expand::Lookup;
use super::gates::COMPONENT_STATUS;
use super::load::{Source, load};
use super::node::{Fault, Node, Value};
use super::reader::Entry;
use crate::text::putln;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// A configuration in which every component occurs, for [`documented`].
const EVERYTHING: &str = "\
receivers: {k8s_lifecycle: }
exporters:
  otlp_grpc: {endpoint: 'localhost:4317', keepalive: {}, sending_queue: {batch: {}}}
  otlp_http: {endpoint: 'http://localhost:4318', auth: {authenticator: bearertokenauth}, sending_queue: {batch: {}}}
  debug:
  file: {path: ./spans.jsonl}
extensions:
  health_check:
  zpages:
  bearertokenauth: {filename: /var/run/secrets/token}
  basicauth: {client_auth: {username: me, password_file: /var/run/secrets/password}}
  headers_setter: {headers: [{key: x-scope-orgid, value: shop}]}
  file_storage:
service:
  extensions: [health_check, zpages, bearertokenauth]
  pipelines: {traces: {receivers: [k8s_lifecycle], exporters: [otlp_grpc]}}
";

/// The same for keys that a gate opens.
const GATED: &str = "extensions: {health_check: {use_v2: false}}";

/// Every key with its value; secrets only if asked for.
#[must_use]
pub fn shown(entries: &[Entry], shows_secrets: bool) -> String {
    written(entries, shows_secrets, false, |_| false)
}

/// A world without variables and files.
struct Nothing;

impl Lookup for Nothing {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(path.to_owned())
    }
}

/// Every key that there is, with its default and its meaning: `config/lifespan.yaml`.
#[must_use]
pub fn documented() -> String {
    let entries = |more: &str, gates: &str| {
        let sources = [
            Source::Config(format!("yaml:{EVERYTHING}")),
            Source::Config(format!("yaml:{more}")),
            Source::Gates(gates.to_owned()),
        ];
        load(&sources, &Nothing).map(|loaded| loaded.entries).unwrap_or_default()
    };
    let plain = entries("", "");
    let is_gated = |entry: &Entry| plain.iter().all(|known| known.path != entry.path);
    written(&entries(GATED, COMPONENT_STATUS), true, true, is_gated)
}

/// `is_gated` are keys that only count where a gate is open: they are written as a comment, which is as
/// the rest without its marks.
fn written(
    entries: &[Entry],
    shows_secrets: bool,
    with_help: bool,
    is_gated: impl Fn(&Entry) -> bool,
) -> String {
    let mut out = String::new();
    let mut open: Vec<&str> = Vec::new();
    let mut gated_from = None;
    for entry in entries {
        let Some((key, above)) = entry.path.split_last() else { continue };
        let from = is_gated(entry).then(|| gated_from.unwrap_or(above.len()));
        gated_from = from;
        let shared = open.iter().zip(above).take_while(|(one, other)| *one == other).count();
        open.truncate(shared);
        for part in above.iter().skip(shared) {
            line(&mut out, open.len(), from, &format!("{part}:"));
            open.push(part);
        }
        if with_help && !entry.help.is_empty() {
            let width = 96 - 2 * open.len();
            for text in entry.help.lines().flat_map(|line| wrapped(line, width)) {
                line(&mut out, open.len(), from, &format!("# {text}"));
            }
        }
        let redacted = entry.redacted.as_ref().filter(|_| !shows_secrets);
        let value = redacted.unwrap_or(&entry.value);
        if value.is_empty() {
            line(&mut out, open.len(), from, &format!("{key}:"));
            open.push(key);
        } else {
            line(&mut out, open.len(), from, &format!("{key}: {value}"));
        }
    }
    out
}

/// A line at `depth`, within a comment if that begins at a depth.
fn line(out: &mut String, depth: usize, comment: Option<usize>, text: &str) {
    match comment {
        None => putln!(out, "{:1$}{text}", "", 2 * depth),
        Some(from) => {
            let (indent, within) = (2 * from, 2 * depth.saturating_sub(from));
            putln!(out, "{:indent$}# {:within$}{text}", "", "");
        }
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// YAML as JSON, with numbers and words as YAML takes them.
///
/// # Errors
/// It is no YAML.
pub fn as_json(yaml: &str) -> Result<String, Fault> {
    fn value(node: Node) -> serde_json::Value {
        match node.value {
            Value::Null => serde_json::Value::Null,
            Value::List(items) => items.into_iter().map(value).collect(),
            Value::Map(pairs) => {
                pairs.into_iter().map(|(key, node)| (key.text, value(node))).collect()
            }
            Value::Scalar { text, is_text: false, .. } => {
                serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))
            }
            Value::Scalar { text, .. } => serde_json::Value::String(text),
        }
    }
    Ok(value(Node::parse(&"".into(), yaml)?).to_string())
}

/// What can be configured, in the layout of the Collector's `components`.
#[must_use]
pub fn components() -> String {
    let mut out = format!(
        "buildinfo:\n  command: lifespan\n  description: {}\n  version: {}\n",
        env!("CARGO_PKG_DESCRIPTION"),
        env!("CARGO_PKG_VERSION"),
    );
    let sections: [(&str, &[&[&str]], &str); 5] = [
        ("receivers", &super::load::RECEIVERS, "traces: Development"),
        ("processors", &[], ""),
        ("exporters", &super::exporters::TYPES, "traces: Development"),
        ("connectors", &[], ""),
        ("extensions", &super::extensions::TYPES, "extension: Development"),
    ];
    for (section, types, stability) in sections {
        putln!(out, "{section}:{}", if types.is_empty() { " []" } else { "" });
        for name in types.iter().filter_map(|names| names.first()) {
            putln!(out, "  - name: {name}\n    stability:\n      {stability}");
        }
    }
    out.push_str("providers:\n  - scheme: env\n  - scheme: file\n  - scheme: http\n  - scheme: https\n  - scheme: yaml\n");
    out
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

    #[test]
    fn the_documented_configuration_is_what_the_code_reads() {
        let head = "# Every key of lifespan's configuration, with its default and its meaning.\n# The grammar is that of the OpenTelemetry Collector.\n\n";
        expect_file!["../../config/lifespan.yaml"].assert_eq(&(head.to_owned() + &documented()));
    }

    #[test]
    fn what_a_gate_opens_is_documented_as_a_comment_that_can_be_put_in_force() {
        let all = documented();
        let (before, rest) = all.split_once("    strict: false\n").unwrap();
        let (gated, after) = rest.split_once("  zpages:\n").unwrap();
        for key in ["use_v2", "http", "component_health", "include_recoverable_errors"] {
            assert!(gated.contains(&format!("{key}:")), "{gated}");
        }
        let lines = gated.lines().map(|line| line.replacen("    # ", "    ", 1) + "\n");
        let text = format!("yaml:{before}{}  zpages:\n{after}", lines.collect::<String>());
        let with = |gates: &str| {
            let sources = [Source::Config(text.clone()), Source::Gates(gates.to_owned())];
            load(&sources, &Nothing).is_ok()
        };
        assert_eq!((with(COMPONENT_STATUS), with("")), (true, false), "{text}");
    }

    #[test]
    fn what_is_shown_loads_as_the_same_again() {
        let text = "exporters: {otlp_grpc: {headers: {a: 'b c'}}}\n".to_owned();
        let sources = [
            Source::Config(format!("yaml:{}", documented())),
            Source::Config(format!("yaml:{text}")),
        ];
        let first = load(&sources, &Nothing).unwrap();
        let unredacted = shown(&first.entries, true);
        let again = load(&[Source::Config(format!("yaml:{unredacted}"))], &Nothing).unwrap();
        assert_eq!(again.entries, first.entries);
        assert!(unredacted.contains("b c") && !shown(&first.entries, false).contains("b c"));
        let json: serde_json::Value = serde_json::from_str(&as_json(&unredacted).unwrap()).unwrap();
        assert_eq!(json["receivers"]["k8s_lifecycle"]["page_size"], 500);
    }
}
