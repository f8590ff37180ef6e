//! How much of each transition no span explains: `cargo bench --bench gaps [NAME]…`.
//!
//! For every recording and case, each root with the stretches in which none of its innermost spans
//! goes on: what begins and ends them tells what is not watched, or what nobody does. No time is
//! measured.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a recording that is not read is no measurement; what it prints is what it is for"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use lifespan::config::{Lookup, Source, load};
use lifespan::engine::{Engine, Settings};
use lifespan::facts::ids::TraceId;
use lifespan::facts::kind::Kind;
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::{Nanos, UnixNanos};
use lifespan::kinds::Catalog;
use lifespan::recording::Line;

/// Shorter stretches are summed up only.
const TOLD: Nanos = Nanos(250_000_000);

/// The files of this project.
struct Files;

impl Lookup for Files {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str) -> Result<String, String> {
        fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let (mut all, mut unexplained) = (Nanos(0), Nanos(0));
    for folder in ["recordings", "cases"] {
        for file in recordings(&golden.join(folder)) {
            let name = file.file_name().unwrap().to_string_lossy().replace(".jsonl.gz", "");
            if !only.is_empty() && !only.iter().any(|it| name.contains(it.as_str())) {
                continue;
            }
            println!("{name}");
            let spans = replay(&file);
            let mut traces: BTreeMap<TraceId, Vec<&FinishedSpan>> = BTreeMap::new();
            for span in &spans {
                traces.entry(span.trace_id).or_default().push(span);
            }
            let mut roots: Vec<_> = spans.iter().filter(|span| span.parent.is_none()).collect();
            roots.sort_by_key(|root| (root.start, root.trace_id));
            for root in roots {
                let (length, gaps) = tell(root, traces.get(&root.trace_id).unwrap());
                all = all.plus(length);
                unexplained = unexplained.plus(gaps);
            }
        }
    }
    let share = 100 * unexplained.0 / all.0.max(1);
    println!(
        "all: {} ms, of which {} ms ({share} %) unexplained",
        all.millis(),
        unexplained.millis()
    );
}

/// The recordings of a folder, in order.
fn recordings(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|it| it.extension().is_some_and(|it| it == "gz")).collect();
    files.sort();
    files
}

/// What is known of objects, by the configuration that lies beside a recording.
fn known(file: &Path) -> (Catalog, Settings) {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let number = name.split('-').next().unwrap();
    let folder = file.parent().unwrap();
    let beside = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let own = |it: &PathBuf| {
        let config = it.file_name().unwrap().to_string_lossy().into_owned();
        let is_its =
            config.starts_with(&format!("{number}-")) || (config == "db.yaml" && number == "11");
        // The operator of one case is that of another.
        config.ends_with(".yaml") && (is_its || (config.starts_with("r36") && number == "r38"))
    };
    let Some(config) = beside.filter(own).min() else {
        let catalog = Catalog::default();
        let settings = Settings { custom_kinds: catalog.custom_kinds(), ..Settings::default() };
        return (catalog, settings);
    };
    let loaded = load(&[Source::Config(config.to_str().unwrap().to_owned())], &Files).unwrap();
    let receiver = loaded.config.receiver;
    ((*receiver.catalog).clone(), receiver.settings)
}

fn replay(file: &Path) -> Vec<FinishedSpan> {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    let (catalog, settings) = known(file);
    let mut engine = Engine::new(settings);
    let mut spans = Vec::new();
    for line in text.lines() {
        let line = Line::parse(line.as_bytes()).unwrap();
        if let Some((lane, heard)) = line.news(&catalog)
            && let Some(news) = heard.out
        {
            spans.extend(engine.hear(lane, news, line.at));
        }
    }
    spans.extend(engine.finish());
    spans
}

/// Prints a root and what of it none of its innermost spans explains; how long both are.
fn tell(root: &FinishedSpan, all: &[&FinishedSpan]) -> (Nanos, Nanos) {
    let parents: BTreeSet<_> = all.iter().filter_map(|span| span.parent).collect();
    let mut leaves: Vec<_> = all
        .iter()
        // A bare Pod that ends, or is resized, is a span of its own.
        .filter(|span| span.parent.is_some() || span.object.kind == Kind::Pod)
        .filter(|span| !parents.contains(&span.span_id))
        .collect();
    leaves.sort_by_key(|span| (span.start, span.end));
    let mut gaps: Vec<(UnixNanos, UnixNanos, &str, &str)> = Vec::new();
    let (mut until, mut before) = (root.start, "its beginning");
    for leaf in leaves {
        if leaf.start > until {
            gaps.push((until, leaf.start.min(root.end), before, &leaf.name));
        }
        if leaf.end > until {
            (until, before) = (leaf.end, &leaf.name);
        }
    }
    if root.end > until {
        gaps.push((until, root.end, before, "its end"));
    }
    let length = root.end.since(root.start);
    let total = gaps.iter().fold(Nanos(0), |all, (from, to, ..)| all.plus(to.since(*from)));
    let (ms, of) = (total.millis(), length.millis());
    println!("  {} {}: {ms} of {of} ms", root.name, root.object.name);
    for (from, to, after, next) in gaps.iter().filter(|(from, to, ..)| to.since(*from) > TOLD) {
        let (at, long) = (from.since(root.start).millis(), to.since(*from).millis());
        println!("    {long} ms from {at} ms on, between {after} and {next}");
    }
    (length, total)
}
