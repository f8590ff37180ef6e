//! No list and no watch keeps another one from being read.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use lifespan::facts::kind::Lane;
use lifespan::watch::lanes::{Watched, Watches, start};
use lifespan::watch::listener::{Arrived, ForCore};
use lifespan::watch::status::{Phase, Status};
use lifespan::watch::target::{Target, WatchSettings};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::fake_api::{FakeApi, Fault, Manner};
use crate::support::lines;

const PATIENCE: Duration = Duration::from_secs(30);

const ENDLESS: &str = "deployments.apps";

fn status(watches: &Watches, resource: &str) -> Status {
    watches.statuses().now().into_iter().find(|status| status.resource == resource).unwrap()
}

fn of(lane: Lane) -> Watched<ForCore> {
    Watched {
        target: Target::built_in(lane.resource().unwrap(), "", ""),
        has_no_backlog: !lane.has_lives(),
        from: None,
        listener: ForCore::new(Arc::default(), lane, 0),
    }
}

/// Owners are listed first, and one of their lists never ends.
#[tokio::test]
async fn a_list_without_end_keeps_no_other_kind_from_being_ready() {
    let lines = lines::recording("02-rolling-update");
    let manner = Manner { page: 1, ..Manner::default() };
    let api = FakeApi::start(&lines, manner, &[(ENDLESS, vec![Fault::EndlessList])]).await;
    let lanes = [Lane::Deployments, Lane::ReplicaSets, Lane::Pods, Lane::Events];
    let settings =
        WatchSettings { head_start: Duration::from_millis(100), ..WatchSettings::default() };
    let (say, mut said) = mpsc::channel(4);
    let watches = start(&api.cluster().await, &settings, lanes.map(of).into_iter().collect(), &say);
    let others = ["replicasets.apps", "pods", "events"];
    let mut n_endless = 0;
    let are_ready = async {
        while !others.iter().all(|other| status(&watches, other).is_synced) {
            let Arrived { lane, .. } = said.recv().await.unwrap();
            n_endless += u64::from(lane == Lane::Deployments);
        }
    };
    let in_time = timeout(PATIENCE, are_ready).await;
    assert!(in_time.is_ok(), "{:?}", watches.statuses().now());
    let endless = status(&watches, ENDLESS);
    assert_eq!((endless.is_synced, endless.phase), (false, Phase::Listing));
    assert!(n_endless > 1 && endless.list.n_pages > 1, "{endless:?}");
}

#[tokio::test]
async fn what_is_owned_is_listed_when_its_owners_are_known() {
    let lines = lines::recording("03-scale-with-stale-stamp");
    let manner = Manner { page: 1, ..Manner::default() };
    let api = FakeApi::start(&lines, manner, &[]).await;
    let lanes = [Lane::Deployments, Lane::ReplicaSets, Lane::Pods];
    let (say, _said) = mpsc::channel(10_000);
    let watched = lanes.map(of).into_iter().collect();
    let watches = start(&api.cluster().await, &WatchSettings::default(), watched, &say);
    timeout(PATIENCE, watches.statuses().settled()).await.unwrap();
    let requests = api.requests.lock().await;
    let asked = requests.iter().filter(|it| !it.contains("watch=true"));
    let place = |request: &&String| {
        ["/deployments?", "/replicasets?", "/pods?"].iter().position(|of| request.contains(of))
    };
    let places: Vec<usize> = asked.filter_map(|request| place(&request)).collect();
    assert!(places.is_sorted() && places.contains(&0) && places.contains(&2), "{requests:?}");
}
