//! The running program: lanes, core and exporters wired together, started and stopped in order.

pub mod driver;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use self::driver::{Figures, Question, drive};
use crate::clock;
use crate::engine::Engine;
use crate::export::books::Books;
use crate::export::{AllBooks, Delivery};
use crate::facts::span::FinishedSpan;
use crate::watch::connect::Cluster;
use crate::watch::ear::ForCore;
use crate::watch::lanes::{Statuses, Watched, Watches, start};
use crate::watch::target::Manners;

/// News that may wait for the core; a watch that fills it waits, which takes microseconds.
const WAITING: usize = 4_096;

/// Questions that may wait for an answer.
const QUESTIONS: usize = 16;

/// Lanes, core and exporters.
#[derive(Debug)]
pub struct App {
    watches: Watches,
    core: JoinSet<(Engine, Delivery)>,
    view: View,
}

/// What is running, for whoever looks at it.
#[derive(Clone, Debug)]
pub struct View {
    /// The lists and watches.
    pub statuses: Statuses,
    /// The exporters.
    pub books: AllBooks,
    questions: mpsc::Sender<Question>,
}

impl View {
    /// What is open, as spans that end now; nothing if the core has ended.
    pub async fn in_progress(&self) -> Vec<FinishedSpan> {
        self.ask(Question::InProgress).await
    }

    /// What the core has counted.
    pub async fn figures(&self) -> Figures {
        self.ask(Question::Figures).await
    }

    async fn ask<T: Default>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> T {
        let (to, answer) = oneshot::channel();
        if self.questions.send(question(to)).await.is_err() {
            return T::default();
        }
        answer.await.unwrap_or_default()
    }
}

/// What was left when the program stopped.
#[derive(Debug)]
pub struct Stopped {
    /// The core as it was, with what is still open; `None` if it had panicked.
    pub engine: Option<Engine>,
    /// What became of the spans.
    pub books: Vec<Books>,
}

impl App {
    /// Starts to watch `cluster`. Spans go to `delivery`, and to `shown` if a person looks on.
    #[must_use]
    pub fn start(
        cluster: &Cluster,
        manners: &Manners,
        watched: Vec<Watched<ForCore>>,
        engine: Engine,
        delivery: Delivery,
        shown: Option<mpsc::Sender<Vec<FinishedSpan>>>,
    ) -> Self {
        let (say, told) = mpsc::channel(WAITING);
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let watches = start(cluster, manners, watched, &say);
        let view = View { statuses: watches.statuses(), books: delivery.books(), questions };
        let mut core = JoinSet::new();
        core.spawn(async move {
            let hand_on = |spans: Vec<FinishedSpan>| {
                delivery.offer(&spans);
                if let Some(Err(_)) = shown.as_ref().map(|shown| shown.try_send(spans)) {
                    tracing::warn!("Too much to show; exporters are not affected");
                }
            };
            let engine = drive(engine, told, asked, clock::now, hand_on).await;
            (engine, delivery)
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
            Some(Ok((engine, delivery))) => {
                Stopped { engine: Some(engine), books: delivery.drain(grace).await }
            }
            Some(Err(_)) | None => Stopped { engine: None, books: self.view.books.now() },
        }
    }
}
