//! The running program: lanes, core and exporters wired together, started and stopped in order.

pub mod driver;
pub mod look;

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::driver::{Figures, Outlet, drive};
use crate::cluster::connect::Cluster;
use crate::cluster::machine::Machine;
use crate::engine::records::Record;
use crate::engine::{Engine, Trees};
use crate::export::books::Books;
use crate::export::{AllBooks, Delivery};
use crate::facts::span::FinishedSpan;
use crate::storage::Changes;
use crate::watch::lanes::{Statuses, Watched, Watches, start};
use crate::watch::listener::ForCore;
use crate::watch::target::WatchSettings;

/// News that may wait for the core; a watch that fills it waits, which takes microseconds.
const WAITING: usize = 1_024;

/// Lanes, core and exporters.
#[derive(Debug)]
pub struct App {
    watches: Watches,
    core: JoinSet<(Core, Delivery)>,
    view: View,
}

/// What is running, for whoever looks at it: a look waits for nothing and holds nothing up.
#[derive(Clone, Debug)]
pub struct View {
    /// The lists and watches.
    pub statuses: Statuses,
    /// The exporters.
    pub books: AllBooks,
    /// What is open, and what settles.
    pub trees: Trees,
    /// What the core has counted.
    pub figures: watch::Receiver<Figures>,
    /// This machine's clock.
    pub machine: Machine,
}

impl View {
    /// What the core has counted.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures.borrow().clone()
    }
}

/// The core as it was at the end.
#[derive(Debug)]
pub struct Core {
    /// It, with what is still open.
    pub engine: Engine,
    /// How many transitions had settled and left before their hold was over.
    pub n_cut: u64,
}

/// What was left when the program stopped.
#[derive(Debug)]
pub struct Stopped {
    /// The core; `None` if it had panicked.
    pub core: Option<Core>,
    /// What became of the spans.
    pub books: Vec<Books>,
}

/// The exporters, and a person who looks on.
struct ToExporters {
    delivery: Delivery,
    shown: Option<mpsc::Sender<Vec<FinishedSpan>>>,
}

impl Outlet for ToExporters {
    fn hand_on(&mut self, spans: Vec<FinishedSpan>, changed: Vec<Record>) {
        self.delivery.hand_over(&spans, Changes(changed.into_iter().collect()));
        if spans.is_empty() {
            return;
        }
        if let Some(Err(_)) = self.shown.as_ref().map(|shown| shown.try_send(spans)) {
            tracing::warn!("Too much to show; exporters are not affected");
        }
    }

    async fn free(&self) {
        self.delivery.free().await;
    }
}

impl App {
    /// Starts to watch `cluster`. Spans go to `delivery`, and to `shown` if a person looks on.
    #[must_use]
    pub fn start(
        cluster: &Cluster,
        settings: &WatchSettings,
        watched: Vec<Watched<ForCore>>,
        engine: Engine,
        delivery: Delivery,
        shown: Option<mpsc::Sender<Vec<FinishedSpan>>>,
    ) -> Self {
        let (say, told) = mpsc::channel(WAITING);
        let (figures, counted) = watch::channel(Figures::default());
        let watches = start(cluster, settings, watched, &say);
        let view = View {
            statuses: watches.statuses(),
            books: delivery.books(),
            trees: engine.trees(),
            figures: counted,
            machine: cluster.api.machine().clone(),
        };
        let machine = view.machine.clone();
        let mut core = JoinSet::new();
        core.spawn(async move {
            let mut outlet = ToExporters { delivery, shown };
            let now = || machine.now().at;
            let mut engine = drive(engine, told, now, &figures, &mut outlet).await;
            // Where a storage goes on with what is held, it is held.
            let goes_on = engine.stores_changes();
            let cut = if goes_on { Vec::new() } else { engine.cut_holds(machine.now().at) };
            // What settled a moment ago may be known by that alone.
            let says = |span: &&FinishedSpan| {
                span.attributes.iter().any(|(key, _)| *key == "lifespan.hold.cut")
            };
            let n_cut = u64::try_from(cut.iter().filter(says).count()).unwrap_or(u64::MAX);
            if !cut.is_empty() {
                outlet.hand_on(cut, Vec::new());
            }
            (Core { engine, n_cut }, outlet.delivery)
        });
        Self { watches, core, view }
    }

    /// What is running, for whoever looks at it.
    #[must_use]
    pub fn view(&self) -> View {
        self.view.clone()
    }

    /// Waits for what should not happen while it runs: a task that ends. What happened.
    pub async fn failed(&mut self) -> String {
        tokio::select! {
            why = self.watches.failed() => why,
            ended = self.core.join_next() => match ended {
                Some(Err(error)) => error.to_string(),
                Some(Ok(_)) | None => "the core has ended".to_owned(),
            },
        }
    }

    /// Watches first, then the core, then the exporters, which have `grace` to deliver what waits.
    /// Dropping the future ends all at once.
    pub async fn stop(mut self, grace: Duration) -> Stopped {
        drop(self.watches);
        match self.core.join_next().await {
            Some(Ok((core, delivery))) => {
                Stopped { core: Some(core), books: delivery.drain(grace).await }
            }
            Some(Err(_)) | None => Stopped { core: None, books: self.view.books.now() },
        }
    }
}
