//! What pages and probes are told, put together at each request from what is kept anyway: nothing of
//! it waits for the core, and only the page of transitions reads trees.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;

use super::View;
use crate::admin::known::{Known, MAX_SHOWN, Needs};
use crate::admin::waits;
use crate::clock;
use crate::export::AllBooks;
use crate::facts::time::UnixNanos;
use crate::telemetry::metrics::Snapshot;
use crate::telemetry::process::process;

/// How far the program has come.
#[derive(Clone, Debug)]
pub enum Stage {
    /// The API server has not answered yet; what was heard of it last. Exporters send what waited.
    Starting(String, AllBooks),
    /// It watches the API server of this address.
    Running(View, String),
    /// It stops; what it watched.
    Stopping(AllBooks, Option<(View, String)>),
}

/// Whoever looks at this process.
#[derive(Clone, Debug)]
pub struct Look {
    resource: BTreeMap<String, String>,
    started: UnixNanos,
    stage: watch::Receiver<Stage>,
}

impl Look {
    /// A look at a process that bears `resource` and started just now.
    #[must_use]
    pub fn new(resource: BTreeMap<String, String>, stage: watch::Receiver<Stage>) -> Self {
        Self { resource, started: clock::now(), stage }
    }

    /// As much as is needed.
    #[must_use]
    pub fn known(&self, needs: Needs) -> Known {
        let mut known = Known { started: self.started, ..Known::default() };
        if needs == Needs::Nothing {
            return known;
        }
        let now = clock::now();
        let (books, running) = match self.stage.borrow().clone() {
            Stage::Starting(why, books) => {
                known.is_starting = Some(why);
                (books, None)
            }
            Stage::Running(view, server) => (view.books.clone(), Some((view, server))),
            Stage::Stopping(books, running) => {
                known.is_stopping = true;
                (books, running)
            }
        };
        known.snapshot = Snapshot {
            receiver: "k8s_lifecycle".to_owned(),
            uptime_seconds: now.since(self.started).millis() as f64 / 1_000.0,
            exporters: books.now(),
            storage: books.kept(),
            now,
            ..Snapshot::default()
        };
        if needs >= Needs::Figures {
            known.snapshot.resource.clone_from(&self.resource);
            known.snapshot.process = process();
        }
        let Some((view, server)) = running else { return known };
        known.server = server;
        known.snapshot.watches = view.statuses.now();
        if needs >= Needs::Figures {
            let figures = view.figures();
            known.still_for = figures.at.map_or(Duration::ZERO, |at| at.elapsed());
            known.snapshot.counts = figures.counts;
            known.snapshot.delays = figures.delays;
            known.snapshot.n_open = view.trees.n_open();
            known.snapshot.n_settling = view.trees.n_settling();
            known.snapshot.clock = view.machine.known();
        }
        if needs == Needs::Open {
            let now = view.machine.now().corrected();
            known.open = waits::open(&view.trees.longest_in_progress(MAX_SHOWN, now));
            known.settling = waits::settled(&view.trees.settled_first(MAX_SHOWN));
        }
        known
    }
}
