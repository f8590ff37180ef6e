//! What goes wrong on a lane is told once, and an API server that is away once for all lanes. A lane that
//! it asks to wait says so and for how long, since that is longer than anybody would expect.

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
    /// The server was too busy when it was last asked.
    was_busy: bool,
    /// The error that was told last.
    told: Option<String>,
}

/// Of what kind a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The API server is not there, or fails: the same for all lanes.
    Away,
    /// It answers that it is too busy for this lane.
    Busy,
    /// The answer broke off. The next request says why, or it is told when it comes again.
    Broken,
    /// This lane's own.
    Own,
}

impl Kind {
    pub(super) fn of(ended: &Ended) -> Self {
        match ended {
            Ended::Failed(Failed::Unreachable(_)) | Ended::Silent => Self::Away,
            Ended::Failed(Failed::Refused { code: 500.., .. }) => Self::Away,
            Ended::Failed(Failed::Refused { code: 429, .. }) => Self::Busy,
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
        Self { resource, status, reach, broken: None, was_busy: false, told: None }
    }

    /// The API server has begun to answer.
    pub(super) fn answered(&self) {
        let is_over = self.broken.is_some() || self.was_busy;
        let was_away = self.status.send_if_modified(|status| {
            let was_away = std::mem::take(&mut status.is_away);
            if was_away || is_over {
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
        if kind == Kind::Busy {
            self.answered();
        }
        let is_again = self.broken == next.error;
        self.was_busy = kind == Kind::Busy;
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
        let is_first = kind == Kind::Away && self.change(|reach| reach.lost(&self.resource));
        let is_news = self.told.as_ref() != Some(error);
        let told = match kind {
            Kind::Away if is_first => "The API server does not answer; trying again",
            Kind::Away if next.is_asked && is_news => "The API server asks to wait; trying again",
            Kind::Busy if is_news => "The API server is too busy; trying again",
            Kind::Own if is_news => "Cannot list or watch; trying again",
            Kind::Broken if is_news && is_again => "Cannot list or watch; trying again",
            Kind::Away | Kind::Busy | Kind::Own | Kind::Broken => return,
        };
        let (resource, wait) = (self.resource.as_str(), next.wait);
        tracing::warn!(resource, error, ?wait, "{told}");
        self.told = Some(error.clone());
    }

    fn change(&self, change: impl FnOnce(&mut Reach) -> bool) -> bool {
        let mut is_news = false;
        self.reach.send_modify(|reach| is_news = change(reach));
        is_news
    }
}
