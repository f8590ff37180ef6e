//! From sources to a [`Config`], or to everything that is wrong with them; pure but for the lookup.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::append::appended;
use super::component::Id;
use super::expand::{Expansion, Lookup};
use super::extensions::{self, Extension, Named, Read};
use super::gates::{self, Gates};
use super::nearest::nearest;
use super::node::{Fault, Key, Node, Place, Value};
use super::reader::{Entry, Reader};
use super::redact::redacted;
use super::service::{self, MetricsLevel, Pipeline, Push};
use super::{Config, Receiver, exporters, receiver};
use crate::export::settings::Exporter;

/// The types of receivers.
pub(super) const RECEIVERS: [&[&str]; 1] = [&["k8s_lifecycle"]];

/// What was asked to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `--config`: a path, or `file:`, `env:`, `yaml:` and what follows, or a URL.
    Config(String),
    /// `--set`: `a::b=value` or `a.b=value`; laid over all else.
    Set(String),
    /// `--feature-gates`: `+a,b,-c`.
    Gates(String),
}

impl Source {
    fn is(&self, place: &Place) -> bool {
        match self {
            Self::Config(uri) => {
                let name = uri.strip_prefix("file:").unwrap_or(uri);
                redacted(name) == *place.source
            }
            Self::Set(text) => set_name(text) == *place.source,
            Self::Gates(text) => gates_name(text) == *place.source,
        }
    }
}

/// What stands for `--set`: its key, for the value may be a secret.
fn set_name(text: &str) -> String {
    format!("--set {}", text.split_once('=').map_or(text, |(key, _)| key))
}

/// What stands for `--feature-gates`.
fn gates_name(text: &str) -> String {
    format!("--feature-gates {text}")
}

/// All that is wrong, in the order in which it stands in the sources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if n == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

/// A configuration, and what else is to be known of it.
#[derive(Debug)]
pub struct Loaded {
    /// What is configured.
    pub config: Config,
    /// What a person should know.
    pub warnings: Vec<Fault>,
    /// Every key, with its value.
    pub entries: Vec<Entry>,
}

/// Loads `sources`, later ones over earlier ones.
///
/// # Errors
/// All that is wrong, each with its place; whatever cannot be read at all is told alone.
pub fn load(sources: &[Source], lookup: &dyn Lookup) -> Result<Loaded, Faults> {
    let alone = |fault| Faults(vec![fault]);
    let mut warnings = Vec::new();
    let gates = gates(sources, &mut warnings)?;
    let tree = tree(sources, lookup, &gates).map_err(alone)?;
    let mut expansion = Expansion::new(lookup);
    let tree = expansion.expand(tree).map_err(alone)?;
    warnings.append(&mut expansion.warnings);
    let mut reader = Reader { warnings, gates, ..Reader::default() };
    let config = config(&mut reader, tree, lookup);
    let Reader { entries, mut faults, warnings, .. } = reader;
    // Each source from its top to its end, and the sources as they came.
    faults.sort_by_key(|fault| (fault.place.line, fault.place.column));
    faults.sort_by_key(|fault| sources.iter().position(|source| source.is(&fault.place)));
    faults.dedup();
    match config {
        Some(config) if faults.is_empty() => Ok(Loaded { config, warnings, entries }),
        _ => Err(Faults(faults)),
    }
}

fn gates(sources: &[Source], warnings: &mut Vec<Fault>) -> Result<Gates, Faults> {
    let mut gates = Gates::default();
    let mut faults = Vec::new();
    for source in sources {
        let Source::Gates(text) = source else { continue };
        let place = Place { source: Arc::from(gates_name(text)), ..Place::default() };
        let tell = |message| Fault { place: place.clone(), message };
        match gates.switch(text) {
            Ok(told) => warnings.extend(told.into_iter().map(tell)),
            Err(told) => faults.extend(told.into_iter().map(tell)),
        }
    }
    if faults.is_empty() { Ok(gates) } else { Err(Faults(faults)) }
}

fn tree(sources: &[Source], lookup: &dyn Lookup, gates: &Gates) -> Result<Node, Fault> {
    let nowhere = Place::default();
    let mut tree = Node::null(nowhere);
    let (configs, others): (Vec<_>, Vec<_>) =
        sources.iter().partition(|source| matches!(source, Source::Config(_)));
    for source in configs.into_iter().chain(others) {
        let node = match source {
            Source::Config(uri) => config_source(uri, lookup)?,
            Source::Set(text) => set(text)?,
            Source::Gates(_) => continue,
        };
        let mut node = node.nested();
        if gates.is_open(gates::APPEND) {
            node = appended(&tree, node);
        }
        tree = tree.merge(node);
    }
    if tree.value == Value::Map(Vec::new()) {
        return Err(Fault { place: tree.place, message: "empty configuration file".to_owned() });
    }
    Ok(tree)
}

fn config_source(uri: &str, lookup: &dyn Lookup) -> Result<Node, Fault> {
    let shown = redacted(uri);
    let place = Place { source: Arc::from(&*shown), ..Place::default() };
    let wrong = |message: String| Fault { place: place.clone(), message };
    let (scheme, rest) = match uri.split_once(':') {
        Some((scheme @ ("file" | "env" | "yaml" | "http" | "https"), rest)) => (scheme, rest),
        Some(_) | None => ("file", uri),
    };
    let (name, text) = match scheme {
        "env" => {
            let text = lookup.env(rest);
            (uri, text.ok_or_else(|| wrong("this environment variable is not set".to_owned()))?)
        }
        "yaml" => ("yaml", rest.to_owned()),
        "http" | "https" => {
            let text = lookup.http(uri);
            (&*shown, text.map_err(|why| wrong(format!("cannot get it: {why}")))?)
        }
        _ => {
            let text = lookup.file(rest);
            (rest, text.map_err(|why| wrong(format!("cannot read it: {why}")))?)
        }
    };
    let node = Node::parse(&Arc::from(name), &text)?;
    match node.value {
        Value::Map(_) => Ok(node),
        // Nothing lies over what the others say.
        Value::Null => Ok(Node { place, value: Value::Map(Vec::new()) }),
        Value::Scalar { .. } | Value::List(_) => Err(Fault {
            place: node.place,
            message: "a map of receivers, exporters and service is expected".to_owned(),
        }),
    }
}

/// `a::b=value`, with dots for colons if there are no colons.
fn set(text: &str) -> Result<Node, Fault> {
    let source: Arc<str> = Arc::from(set_name(text));
    let place = Place { source: source.clone(), ..Place::default() };
    let Some((key, value)) = text.split_once('=') else {
        let message =
            "missing equal sign: expected such as receivers::k8s_lifecycle::stable_time=5s";
        return Err(Fault { place, message: message.to_owned() });
    };
    let key = if key.contains("::") { key.to_owned() } else { key.replace('.', "::") };
    let node = Node::parse(&source, value)?;
    let key = Key::new(key, place.clone());
    let node = Node { place: place.clone(), value: node.value };
    Ok(Node { place, value: Value::Map(vec![(key, node)]) })
}

/// The components of one section as written, with their places.
type Written = BTreeMap<Id, (Place, Node)>;

fn config(reader: &mut Reader, tree: Node, lookup: &dyn Lookup) -> Option<Config> {
    let mut top = reader.section(Vec::new(), tree);
    let place = top.place();
    let sections = ["receivers", "exporters", "extensions", "service"].map(|key| top.node(key));
    let [receivers, exporters, extensions, service_node] = sections;
    top.unsupported("processors", "send to a Collector that processes");
    top.unsupported("connectors", "send to a Collector that connects");
    top.end();
    for (section, what) in [(&receivers, "receiver"), (&exporters, "exporter")] {
        if section.is_none() {
            reader.fault(&place, format!("no {what} configuration specified in config"));
        }
    }
    let receivers = components(reader, "receivers", receivers, &RECEIVERS);
    let exporters = components(reader, "exporters", exporters, &exporters::TYPES);
    let extensions = components(reader, "extensions", extensions, &extensions::TYPES);
    let nothing = Node::null(place.clone());
    let service::Named { service, extensions: named, pipelines } =
        service::service(reader, service_node.unwrap_or(nothing));
    let metrics_place = (service.metrics.level != MetricsLevel::None).then_some(place);
    // It is read first, because it says what of the rest is used, and told last.
    let told_last = std::mem::take(&mut reader.entries);
    let used_receivers = used(reader, &pipelines, &receivers, |it| &it.receivers, "receiver");
    let used_exporters = used(reader, &pipelines, &exporters, |it| &it.exporters, "exporter");
    let started = started(reader, named, &extensions);
    // They are read before what names them, and told after it.
    let Extensions { named, mut listening, served } = read_extensions(reader, extensions, &started);
    let of_extensions = std::mem::take(&mut reader.entries);
    let receiver = used_receiver(reader, receivers, &used_receivers, &named);
    let mut sent = Vec::new();
    for (id, (place, node)) in exporters {
        let path = vec!["exporters".to_owned(), id.to_string()];
        let exporter = exporters::exporter(reader, &id, path, node, &named);
        if !used_exporters.contains(&id) {
            continue;
        }
        if let Err(error) = exporters::prove_files(&exporter, lookup) {
            reader.fault(&place, format!("exporters::{id}: {error}"));
        }
        sent.push(exporter);
    }
    if let Some(place) = metrics_place {
        let path = "service::telemetry::metrics::readers";
        for endpoint in &service.metrics.pulls {
            listens(reader, &mut listening, Some(endpoint), path.to_owned(), &place);
        }
        for Push { wire, settings, .. } in &service.metrics.pushes {
            let looked = exporters::Looked(lookup);
            if let Err(error) = crate::export::prove_files(*wire, settings, &looked) {
                reader.fault(&place, format!("{path}: {error}"));
            }
        }
    }
    reader.entries.extend(of_extensions);
    reader.entries.extend(told_last);
    let receiver = receiver?;
    let is_used = receiver.is_stored || sent.iter().any(Exporter::is_stored);
    let storage = named.storage().filter(|_| is_used);
    Some(Config { receiver, exporters: sent, extensions: served, storage, service })
}

fn used_receiver(
    reader: &mut Reader,
    receivers: Written,
    used: &[Id],
    named: &Named,
) -> Option<Receiver> {
    let mut receiver = None;
    for (id, (place, node)) in receivers {
        let path = vec!["receivers".to_owned(), id.to_string()];
        let read = receiver::receiver(reader, path, node, &named.storages);
        if used.contains(&id) && receiver.replace(read).is_some() {
            reader.fault(
                &place,
                format!(
                    "receivers::{id}: one receiver in use is supported: run another lifespan for it"
                ),
            );
        }
    }
    receiver
}

/// The extensions that are named to be started, which must be there.
fn started(reader: &mut Reader, named: Vec<(String, Place)>, extensions: &Written) -> Vec<Id> {
    let mut out = Vec::new();
    for (text, place) in named {
        let id = Id::parse(&text).map(|id| canonical(&id, &extensions::TYPES));
        match id {
            Ok(id) if extensions.contains_key(&id) => out.push(id),
            Ok(_) | Err(_) => {
                let message = format!(
                    "service::extensions: references extension {text:?} which is not configured"
                );
                reader.fault(&place, message);
            }
        }
    }
    out
}

/// What the extensions are for.
#[derive(Default)]
struct Extensions {
    named: Named,
    /// Addresses that are listened on, and by what.
    listening: BTreeMap<String, String>,
    served: BTreeMap<Id, Extension>,
}

fn read_extensions(reader: &mut Reader, written: Written, started: &[Id]) -> Extensions {
    let mut out = Extensions::default();
    for (id, (place, node)) in written {
        let path = vec!["extensions".to_owned(), id.to_string()];
        let is_started = started.contains(&id);
        match extensions::extension(reader, &id, path, node) {
            Read::Auth(auth) => {
                out.named.authenticators.insert(id, auth.filter(|_| is_started));
            }
            Read::Storage(settings) => {
                if is_started && let Some((other, _)) = out.named.storage() {
                    let message = format!(
                        "extensions::{id}: {other} is started already: one stores all, because what is stored together is stored at once"
                    );
                    reader.fault(&place, message);
                }
                out.named.storages.insert(id, Some(settings).filter(|_| is_started));
            }
            Read::Page(page) if is_started => {
                let path = format!("extensions::{id}");
                listens(reader, &mut out.listening, page.endpoint(), path, &place);
                out.served.insert(id, page);
            }
            Read::Page(_) => {}
        }
    }
    out
}

/// Two that listen on one address would not both start.
fn listens(
    reader: &mut Reader,
    listening: &mut BTreeMap<String, String>,
    endpoint: Option<&str>,
    path: String,
    place: &Place,
) {
    let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.ends_with(":0")) else { return };
    if let Some(other) = listening.insert(endpoint.to_owned(), path.clone()) {
        reader.fault(place, format!("{path}: {other} listens on {endpoint} already"));
    }
}

/// The components of a section; ids of old types become those of the new ones.
fn components(
    reader: &mut Reader,
    section: &str,
    node: Option<Node>,
    types: &[&[&str]],
) -> Written {
    let mut out = Written::new();
    let Some(Node { place, value }) = node else { return out };
    let Value::Map(pairs) = value else {
        reader.fault(&place, format!("'{section}' expected a map"));
        return out;
    };
    for (key, node) in pairs {
        let id = match Id::parse(&key.text) {
            Ok(id) => id,
            Err(error) => {
                reader.fault(&key.place, format!("{section}: {error}"));
                continue;
            }
        };
        let known = types.iter().any(|names| names.contains(&id.kind.as_str()));
        if !known {
            let valid: Vec<_> = types.iter().filter_map(|names| names.first().copied()).collect();
            let mut message = format!(
                "'{section}' unknown type: {:?} for id: {:?} (valid values: [{}])",
                id.kind,
                key.text,
                valid.join(" ")
            );
            if let Some(near) = nearest(&id.kind, &valid) {
                message.push_str(&format!("; did you mean {near}?"));
            }
            reader.fault(&key.place, message);
            continue;
        }
        let canonical = canonical(&id, types);
        if canonical != id {
            let message =
                format!("{:?} alias is deprecated; use {:?} instead", id.kind, canonical.kind);
            reader.warnings.push(Fault { place: key.place.clone(), message });
        }
        if out.insert(canonical, (key.place.clone(), node)).is_some() {
            reader.fault(
                &key.place,
                format!("'{section}' duplicate name {:?} after unmarshaling", key.text),
            );
        }
    }
    out
}

fn canonical(id: &Id, types: &[&[&str]]) -> Id {
    let names = types.iter().find(|names| names.contains(&id.kind.as_str()));
    let kind = names.and_then(|names| names.first()).map_or(id.kind.as_str(), |name| name);
    Id { kind: kind.to_owned(), name: id.name.clone() }
}

/// The components that pipelines name, which must be there.
fn used(
    reader: &mut Reader,
    pipelines: &[Pipeline],
    written: &Written,
    list: impl Fn(&Pipeline) -> &Vec<(String, Place)>,
    what: &str,
) -> Vec<Id> {
    let types: &[&[&str]] = if what == "receiver" { &RECEIVERS } else { &exporters::TYPES };
    let mut used = Vec::new();
    for pipeline in pipelines {
        let mut here = Vec::new();
        for (text, place) in list(pipeline) {
            let path = format!("service::pipelines::{}", pipeline.id);
            let id = Id::parse(text).map(|id| canonical(&id, types));
            match id {
                Ok(id) if written.contains_key(&id) => {
                    if here.contains(&id) {
                        reader.fault(
                            place,
                            format!("{path}: references {what} {text:?} multiple times"),
                        );
                    }
                    here.push(id);
                }
                Ok(_) | Err(_) => {
                    let known: Vec<String> = written.keys().map(ToString::to_string).collect();
                    let names: Vec<&str> = known.iter().map(String::as_str).collect();
                    let hint = nearest(text, &names).map(|near| format!("; did you mean {near}?"));
                    let message = format!(
                        "{path}: references {what} {text:?} which is not configured{}",
                        hint.unwrap_or_default()
                    );
                    reader.fault(place, message);
                }
            }
        }
        used.extend(here);
    }
    used
}
