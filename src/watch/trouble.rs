//! What goes wrong on a lane is told once, and an API server that is away once for all lanes.

use std::sync::Arc;

use tokio::sync::watch;

use super::list_watch::{Ended, Next};
use super::reach::Reach;
use super::status::Status;
use crate::clock;
use crate::cluster::refusal::Failed;

/// What one lane has to tell.
#[derive(Debug)]
pub(super) struct Trouble {
    resource: String,
    status: watch::Sender<Status>,
    reach: Arc<watch::Sender<Reach>>,
    /// How the answer before broke off, if it did.
    broken: Option<String>,
    /// The error that was told last.
    told: Option<String>,
}

/// Of what kind a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The API server is not there, or too busy: the same for all lanes.
    Away,
    /// The answer broke off. The next request says why, or it is told when it comes again.
    Broken,
    /// This lane's own.
    Own,
}

impl Kind {
    pub(super) fn of(ended: &Ended) -> Self {
        match ended {
            Ended::Failed(Failed::Unreachable(_)) | Ended::Silent => Self::Away,
            Ended::Failed(Failed::Refused { code: 429 | 500.., .. }) => Self::Away,
            Ended::Failed(Failed::Broken(_)) => Self::Broken,
            Ended::Page(_) | Ended::Closed { .. } | Ended::Failed(Failed::Refused { .. }) => {
                Self::Own
            }
        }
    }
}

impl Trouble {
    pub(super) fn new(
        resource: String,
        status: watch::Sender<Status>,
        reach: Arc<watch::Sender<Reach>>,
    ) -> Self {
        Self { resource, status, reach, broken: None, told: None }
    }

    /// The API server has begun to answer.
    pub(super) fn answered(&self) {
        let is_broken = self.broken.is_some();
        let was_away = self.status.send_if_modified(|status| {
            let was_away = std::mem::take(&mut status.is_away);
            if was_away || is_broken {
                status.last_error = None;
            }
            was_away
        });
        if was_away && self.change(|reach| reach.found(&self.resource)) {
            tracing::info!("The API server answers again");
        }
    }

    /// A request has ended, and this is next.
    pub(super) fn ended(&mut self, kind: Kind, next: &Next, version: Option<&str>) {
        let is_again = self.broken == next.error;
        self.broken = next.error.clone().filter(|_| kind == Kind::Broken);
        self.status.send_modify(|status| {
            status.phase = next.phase;
            status.resource_version = version.map(str::to_owned);
            let Some(error) = &next.error else { return };
            status.is_away |= kind == Kind::Away;
            status.last_error = Some((clock::now(), error.clone()));
        });
        let Some(error) = &next.error else {
            self.told = None;
            return;
        };
        let (resource, wait) = (self.resource.as_str(), next.wait);
        if kind == Kind::Away {
            if self.change(|reach| reach.lost(&self.resource)) {
                tracing::warn!(
                    resource,
                    error,
                    ?wait,
                    "The API server does not answer; trying again"
                );
            }
            return;
        }
        if (is_again || kind == Kind::Own) && self.told.as_ref() != Some(error) {
            tracing::warn!(resource, error, ?wait, "Cannot list or watch; trying again");
            self.told = Some(error.clone());
        }
    }

    fn change(&self, change: impl FnOnce(&mut Reach) -> bool) -> bool {
        let mut is_news = false;
        self.reach.send_modify(|reach| is_news = change(reach));
        is_news
    }
}
