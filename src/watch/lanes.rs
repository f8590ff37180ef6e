//! All lists and watches of a cluster: started owners first, ended together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::listener::Listener;
use super::reach::Reach;
use super::reader::{Reader, Stopped};
use super::status::{Phase, Status};
use super::target::{Target, WatchSettings};
use super::trouble::Trouble;
use super::unreadable::Unreadable;
use crate::cluster::connect::Cluster;

/// One list and watch, and who listens to it.
#[derive(Clone, Debug)]
pub struct Watched<E> {
    /// What is listed and watched.
    pub target: Target,
    /// Of Events only what is yet to come is read: a list would tell old stories.
    pub has_no_backlog: bool,
    /// The resourceVersion that another process had heard all until: no list is needed.
    pub from: Option<u64>,
    /// Who listens.
    pub listener: E,
}

/// Running lists and watches; they end when this is dropped, or nobody takes what they say.
#[derive(Debug)]
pub struct Watches {
    tasks: JoinSet<Result<(), Stopped>>,
    statuses: Statuses,
}

/// How the watches are doing.
#[derive(Clone, Debug, Default)]
pub struct Statuses(Vec<watch::Receiver<Status>>);

impl Statuses {
    /// As it is now, in the order of the watches.
    #[must_use]
    pub fn now(&self) -> Vec<Status> {
        self.0.iter().map(|status| status.borrow().clone()).collect()
    }

    /// Waits until every kind has been listed, or may not be.
    pub async fn settled(&mut self) {
        for status in &mut self.0 {
            // It fails where the watch has ended: then there is nothing to wait for.
            drop(status.wait_for(has_tried).await);
        }
    }

    /// The same, but for no longer than `patience` for each of them from when its list began: one that
    /// never ends keeps no other from being read.
    async fn have_had(&mut self, patience: Duration) {
        for status in &mut self.0 {
            let begun = |status: &Status| has_tried(status) || status.phase == Phase::Listing;
            drop(status.wait_for(begun).await);
            drop(timeout(patience, status.wait_for(has_tried)).await);
        }
    }
}

/// Starts to list and watch; a kind's list begins when all before it have listed or failed, or have
/// had their time, so that owners are known before what they own.
#[must_use]
pub fn start<E>(
    cluster: &Cluster,
    settings: &WatchSettings,
    watched: Vec<Watched<E>>,
    out: &mpsc::Sender<E::Out>,
) -> Watches
where
    E: Listener + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut statuses = Statuses::default();
    let reach = Arc::new(watch::Sender::new(Reach::default()));
    let schemas = Arc::default();
    for Watched { target, has_no_backlog, from, listener } in watched {
        let (status, seen) = watch::channel(Status {
            resource: target.resource(),
            kind: listener.kind(),
            namespace: target.namespace.clone(),
            ..Status::default()
        });
        let name = match &*target.namespace {
            "" => target.resource(),
            namespace => format!("{} in {namespace}", target.resource()),
        };
        let reader = Reader {
            trouble: Trouble::new(name.clone(), status.clone(), Arc::clone(&reach)),
            unreadable: Unreadable::new(name),
            api: cluster.api.clone(),
            target,
            settings: settings.clone(),
            has_no_backlog,
            listener,
            out: out.clone(),
            status,
            schemas: Arc::clone(&schemas),
            has_learnt: false,
            from,
            is_away: from.is_some(),
            told: Instant::now(),
        };
        let mut before = statuses.clone();
        let (has_watch_list, head_start) = (cluster.has_watch_list, settings.head_start);
        tasks.spawn(async move {
            before.have_had(head_start).await;
            reader.run(has_watch_list).await
        });
        statuses.0.push(seen);
    }
    Watches { tasks, statuses }
}

impl Watches {
    /// How they are doing, for whoever shows it.
    #[must_use]
    pub fn statuses(&self) -> Statuses {
        self.statuses.clone()
    }

    /// Waits for the end of a watch, which does not end while anybody listens: the message tells
    /// of a task that panicked.
    pub async fn failed(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Err(error)) => error.to_string(),
            Some(Ok(Ok(()) | Err(Stopped))) | None => "nobody listens any more".to_owned(),
        }
    }
}

fn has_tried(status: &Status) -> bool {
    let has_failed = match status.phase {
        Phase::Starting | Phase::Listing | Phase::Watching => false,
        Phase::Retrying | Phase::Forbidden | Phase::Missing => true,
    };
    status.is_synced || has_failed
}
