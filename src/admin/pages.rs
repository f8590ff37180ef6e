//! The debug pages, as HTML and as JSON; pure.

use crate::text::{put, utc};
use serde_json::{Value, json};

use super::known::{Known, MAX_SHOWN};
use super::status::{self, Component, State};
use super::waits::{Open, Settled, Wait};
use crate::facts::time::{Nanos, UnixNanos};
use crate::telemetry::metrics::Snapshot;
use crate::watch::status::{Phase, Progress, Status};

/// Waits that are told of one transition.
const MAX_WAITS: usize = 5;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2430;--dim:#6b7684;--line:#e2e6ea;--bad:#b3261e;--good:#1b7f4b;--bar:#3b6fd4;--ground:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#dfe5ec;--dim:#8b97a5;--line:#2c343e;--bad:#ff8a80;--good:#69d19b;--bar:#7aa5ff;--ground:#12171d}}
body{font:14px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);margin:2rem auto;max-width:72rem;padding:0 1rem}
h1{font-size:1.25rem;margin:0 0 .2rem}nav{margin-bottom:1.4rem}nav a{margin-right:1rem;color:var(--bar);text-decoration:none}nav a.here{color:var(--ink);font-weight:600}
p{color:var(--dim);margin:.2rem 0 1rem}table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:600;color:var(--dim);font-size:.82rem;padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--line);white-space:nowrap}
td{padding:.45rem .9rem .45rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.bad{color:var(--bad)}.good{color:var(--good)}.dim{color:var(--dim)}code{font-size:.85em}
.bar{display:block;height:4px;border-radius:2px;background:var(--bar);margin-top:.35rem;min-width:2px}
ul{margin:0;padding:0;list-style:none}";

const PAGES: [(&str, &str); 4] = [
    ("lifecyclez", "Transitions"),
    ("watchz", "Watches"),
    ("pipelinez", "Pipeline"),
    ("servicez", "Service"),
];

/// The list of pages.
#[must_use]
pub fn index() -> String {
    let mut body = String::from("<ul>");
    for (path, title) in PAGES {
        put!(body, "<li><a href=\"/debug/{path}\">{title}</a></li>");
    }
    body.push_str("</ul>");
    page("", "lifespan", "", &body)
}

/// Open transitions, how long they have been, what each waits for.
#[must_use]
pub fn lifecyclez(known: &Known) -> String {
    let longest = known.open.iter().map(|open| open.age.0).max().unwrap_or(1).max(1);
    let mut rows = String::new();
    for open in &known.open {
        let width = (open.age.0.saturating_mul(100) / longest).clamp(0, 100);
        put!(
            rows,
            "<tr><td>{}<br><span class=dim>{}</span></td><td class=n>{}<span class=bar style=\"width:{width}%\"></span></td><td>{}</td><td><code>{}</code></td></tr>",
            escaped(&open.object),
            escaped(&open.name),
            duration(open.age),
            waits(&open.waits),
            open.trace_id,
        );
    }
    for settled in &known.settling {
        put!(
            rows,
            "<tr><td>{}<br><span class=dim>{}</span></td><td class=n>{}</td><td>{} <span class=dim>and settling: held until that has lasted</span></td><td><code>{}</code></td></tr>",
            escaped(&settled.object),
            escaped(&settled.name),
            duration(settled.took),
            settled.outcome,
            settled.trace_id,
        );
    }
    let body = if rows.is_empty() {
        "<p>Nothing is in progress.</p>".to_owned()
    } else {
        format!(
            "<table><tr><th>Object</th><th class=n>Open for</th><th>Waits for</th><th>Trace</th></tr>{rows}</table>"
        )
    };
    let Snapshot { n_open, n_settling, counts, .. } = &known.snapshot;
    let objects = counts.objects;
    let mut said =
        format!("{n_open} in progress · {n_settling} settling · {objects} objects tracked");
    if (*n_open).max(*n_settling) > MAX_SHOWN as u64 {
        put!(said, " · of either the first {MAX_SHOWN} are shown");
    }
    page("lifecyclez", "Transitions", &said, &body)
}

fn waits(waits: &[Wait]) -> String {
    if waits.is_empty() {
        return "<span class=dim>nothing that is open below it</span>".to_owned();
    }
    let mut out = String::from("<ul>");
    for Wait { step, of, age } in waits.iter().take(MAX_WAITS) {
        put!(
            out,
            "<li>{} <span class=dim>{} · {}</span></li>",
            escaped(step),
            escaped(of),
            duration(*age)
        );
    }
    if let Some(more) = waits.len().checked_sub(MAX_WAITS).filter(|more| *more > 0) {
        put!(out, "<li class=dim>and {more} more</li>");
    }
    out + "</ul>"
}

/// The same as data.
#[must_use]
pub fn lifecyclez_data(known: &Known) -> Value {
    let open = |open: &Open| {
        let waits: Vec<_> = open
            .waits
            .iter()
            .map(|wait| json!({"step": wait.step, "of": wait.of, "seconds": seconds(wait.age)}))
            .collect();
        json!({
            "trace_id": open.trace_id.to_string(),
            "name": open.name,
            "object": open.object,
            "since": time(open.since),
            "seconds": seconds(open.age),
            "waits_for": waits,
        })
    };
    let settled = |settled: &Settled| {
        json!({
            "trace_id": settled.trace_id.to_string(),
            "name": settled.name,
            "object": settled.object,
            "outcome": settled.outcome,
            "at": time(settled.at),
            "seconds": seconds(settled.took),
        })
    };
    json!({
        "objects": known.snapshot.counts.objects,
        "n_open": known.snapshot.n_open,
        "n_settling": known.snapshot.n_settling,
        "open": known.open.iter().map(open).collect::<Vec<_>>(),
        "settling": known.settling.iter().map(settled).collect::<Vec<_>>(),
    })
}

/// How each kind's list and watch is doing.
#[must_use]
pub fn watchz(known: &Known) -> String {
    let mut rows = String::new();
    for status in &known.snapshot.watches {
        let (class, phase) = phase(status);
        let error = match &status.last_error {
            Some((at, error)) => format!(
                "<br><span class=bad>{}</span> <span class=dim>{}</span>",
                escaped(error),
                time(*at)
            ),
            None => String::new(),
        };
        let namespace =
            if status.namespace.is_empty() { "all namespaces" } else { &status.namespace };
        put!(
            rows,
            "<tr><td>{}<br><span class=dim>{}</span></td><td><span class={class}>{phase}</span>{error}</td><td class=n>{}</td><td class=n>{}</td><td class=n>{}<br><span class=dim>{}</span></td><td class=n>{}</td><td class=n>{}</td><td class=n>{}</td></tr>",
            escaped(&status.resource),
            escaped(namespace),
            escaped(status.resource_version.as_deref().unwrap_or_default()),
            status.heard_at.map_or("never".to_owned(), |at| format!(
                "{} ago",
                duration(known.snapshot.now.since(at))
            )),
            status.list.n_objects,
            listed_in(status.list, known.snapshot.now),
            status.n_events,
            status.n_relists,
            status.n_refused,
        );
    }
    let body = format!(
        "<table><tr><th>Resource</th><th>State</th><th class=n>resourceVersion</th><th class=n>Last heard</th><th class=n>Listed</th><th class=n>Events</th><th class=n>Relists</th><th class=n>Refused</th></tr>{rows}</table>"
    );
    page("watchz", "Watches", &known.server, &body)
}

/// The same as data.
#[must_use]
pub fn watchz_data(known: &Known) -> Value {
    let status = |status: &Status| {
        json!({
            "resource": status.resource,
            "namespace": status.namespace,
            "state": phase(status).1,
            "synced": status.is_synced,
            "resource_version": status.resource_version.as_deref().unwrap_or_default(),
            "silent_seconds": status.heard_at.map(|at| seconds(known.snapshot.now.since(at))),
            "listed": status.list.n_objects,
            "list_pages": status.list.n_pages,
            "list_seconds": status.list.took(known.snapshot.now).map(seconds),
            "lists": status.n_lists,
            "relists": status.n_relists,
            "watches": status.n_watches,
            "events": status.n_events,
            "bytes": status.n_bytes,
            "refused_objects": status.n_refused,
            "stamps": status.n_stamps,
            "refused_stamps": status.refused_stamps.values().sum::<u64>(),
            "last_error": status.last_error.as_ref().map(|(at, error)| json!({"at": time(*at), "error": error})),
        })
    };
    json!({"server": known.server, "watches": known.snapshot.watches.iter().map(status).collect::<Vec<_>>()})
}

/// In how many pages a list was read, or is being read, and for how long.
fn listed_in(list: Progress, now: UnixNanos) -> String {
    let pages = match list.n_pages {
        0 => String::new(),
        1 => "1 page, ".to_owned(),
        n => format!("{n} pages, "),
    };
    list.took(now).map_or_else(String::new, |took| pages + &duration(took))
}

fn phase(status: &Status) -> (&'static str, &'static str) {
    let class = match status.phase {
        Phase::Starting | Phase::Listing => "dim",
        Phase::Watching => "good",
        Phase::Retrying | Phase::Forbidden | Phase::Missing => "bad",
    };
    (class, status.phase.words())
}

/// What this process is.
#[must_use]
pub fn servicez(known: &Known) -> String {
    let Known { snapshot, started, server, .. } = known;
    let mut rows = String::new();
    let mut row = |name: &str, value: &str| {
        put!(rows, "<tr><th>{}</th><td>{}</td></tr>", escaped(name), escaped(value));
    };
    row("Started", &time(*started));
    row("API server", server);
    row("Memory", &format!("{:.1} MiB", snapshot.process.memory_rss as f64 / 1_048_576.0));
    row("CPU", &format!("{:.2} s", snapshot.process.cpu_seconds));
    for (name, value) in &snapshot.resource {
        row(name, value);
    }
    page("servicez", "Service", env!("CARGO_PKG_VERSION"), &format!("<table>{rows}</table>"))
}

/// From the watches to the exporters, and what became of the spans.
#[must_use]
pub fn pipelinez(known: &Known) -> String {
    let mut rows = String::new();
    for books in &known.snapshot.exporters {
        let lost = books.failed + books.refused;
        let class = if lost == 0 { "dim" } else { "bad" };
        let error = books
            .last_error
            .as_ref()
            .map(|error| format!("<br><span class=bad>{}</span>", escaped(error)))
            .unwrap_or_default();
        let queue = match (books.queue_size, books.queue_capacity) {
            (Some(size), Some(capacity)) => format!("{size} of {capacity}"),
            _ => "none".to_owned(),
        };
        put!(
            rows,
            "<tr><td>{}{error}</td><td class=n>{}</td><td class=n>{}</td><td class=\"n {class}\">{lost}</td><td class=n>{}</td><td class=n>{queue}</td></tr>",
            escaped(&books.id),
            books.sent,
            books.rejected,
            books.queued + books.in_flight,
        );
    }
    let mut states = String::new();
    for Component { name, state, since, why } in
        status::components(known).into_iter().chain(status::extensions(known))
    {
        let class = match state {
            State::Ok => "good",
            State::Recoverable | State::Permanent => "bad",
            State::Starting | State::Stopped | State::Stopping => "dim",
        };
        put!(
            states,
            "<tr><td>{}</td><td class={class}>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&name),
            state.name(),
            time(since),
            escaped(why.as_deref().unwrap_or_default()),
        );
    }
    let body = format!(
        "<table><tr><th>Component</th><th>Status</th><th>Since</th><th>Why</th></tr>{states}</table><br><table><tr><th>Exporter</th><th class=n>Spans sent</th><th class=n>Rejected</th><th class=n>Lost</th><th class=n>Waiting</th><th class=n>Queue</th></tr>{rows}</table>"
    );
    let said = format!(
        "{} spans of {} traces from {}",
        known.snapshot.counts.spans, known.snapshot.counts.traces, known.snapshot.receiver
    );
    page("pipelinez", "Pipeline", &said, &body)
}

fn page(here: &str, title: &str, said: &str, body: &str) -> String {
    let mut links = String::new();
    for (path, name) in PAGES {
        let class = if path == here { " class=here" } else { "" };
        put!(links, "<a{class} href=\"/debug/{path}\">{name}</a>");
    }
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><meta http-equiv=refresh content=5><title>{title} · lifespan</title><style>{STYLE}</style></head><body><h1>{title}</h1><p>{}</p><nav>{links}</nav>{body}</body></html>\n",
        escaped(said)
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn time(at: UnixNanos) -> String {
    format!("{:.3}", utc(at))
}

fn seconds(nanos: Nanos) -> f64 {
    nanos.millis() as f64 / 1_000.0
}

fn duration(nanos: Nanos) -> String {
    let seconds = nanos.millis().max(0) / 1_000;
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) => format!("{:.1} s", nanos.millis().max(0) as f64 / 1_000.0),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_cluster_says_becomes_markup() {
        let evil = "<script>alert('1')</script>";
        let status = Status {
            resource: evil.into(),
            last_error: Some((UnixNanos(0), evil.into())),
            ..Status::default()
        };
        let mut known = Known { server: evil.into(), ..Known::default() };
        known.snapshot.watches.push(status);
        known.open.push(Open {
            trace_id: crate::facts::ids::TraceId([1; 16]),
            name: evil.into(),
            object: evil.into(),
            since: UnixNanos(0),
            age: Nanos(1),
            waits: vec![Wait { step: evil.into(), of: evil.into(), age: Nanos(1) }],
        });
        for text in [lifecyclez(&known), watchz(&known), servicez(&known), pipelinez(&known)] {
            assert!(!text.contains("<script"), "{text}");
        }
    }

    #[test]
    fn how_far_a_list_is_stands_on_the_page_of_watches() {
        let mut known = Known::default();
        known.snapshot.now = UnixNanos::from_seconds(100);
        let mut list = Progress { n_objects: 1_500, n_pages: 3, ..Progress::default() };
        list.began = Some(UnixNanos::from_seconds(92));
        for (ended, seconds) in [(None, 8.0), (Some(UnixNanos::from_seconds(95)), 3.0)] {
            list.ended = ended;
            known.snapshot.watches = vec![Status { list, ..Status::default() }];
            let told = format!("1500<br><span class=dim>3 pages, {seconds:.1} s</span>");
            assert!(watchz(&known).contains(&told), "{}", watchz(&known));
            let data = watchz_data(&known);
            let watch = data.pointer("/watches/0").unwrap();
            assert_eq!(watch.get("list_pages").and_then(Value::as_u64), Some(3));
            assert_eq!(watch.get("list_seconds").and_then(Value::as_f64), Some(seconds));
        }
    }

    #[test]
    fn ages_are_told_as_a_person_says_them() {
        for (nanos, expected) in [
            (0, "0.0 s"),
            (1_540_000_000, "1.5 s"),
            (61_000_000_000, "1 min 1 s"),
            (7_320_000_000_000, "2 h 2 min"),
        ] {
            assert_eq!(duration(Nanos(nanos)), expected);
        }
    }
}
