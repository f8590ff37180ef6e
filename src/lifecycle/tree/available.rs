//! Which Pods are available, as their controller counts them (`minReadySeconds`).

use super::Tree;
use crate::facts::instant::Evidence;
use crate::facts::meta::Uid;
use crate::facts::time::Nanos;
use crate::facts::workload::Workload;
use crate::lifecycle::forest::is_set;
use crate::lifecycle::pod::Start;

impl Tree {
    /// For how long a Pod of `owner` must be Ready for what waits for that; of a ReplicaSet that
    /// nobody owns nothing does.
    pub(super) fn min_ready_of(&self, owner: Option<Uid>) -> Nanos {
        let waits = |top: &&Workload| !is_set(&top.kind);
        let owner = match owner {
            Some(owner) if owner == self.top().uid => self.root.as_deref().filter(waits),
            Some(owner) => self.forest.of(owner).map(|owned| &owned.workload),
            None => None,
        };
        owner.map_or(Nanos(0), |owner| owner.min_ready)
    }

    /// The controller has counted: of the Pods of a workload that are Ready those have been so for
    /// long enough that became it first. One that is not Ready any more is not among them.
    pub(super) fn count_available(&mut self, of: &Workload, at: Evidence) {
        if of.min_ready == Nanos(0) {
            return;
        }
        let (mut n_ready, mut waiting) = (0, Vec::new());
        for (uid, pod) in self.pods.all().iter().filter(|(_, pod)| pod.owner() == Some(of.meta.uid))
        {
            let is_ready = pod.tally().ready;
            n_ready += is_ready;
            let start = pod.start().filter(|_| is_ready > 0);
            let ready = start.and_then(Start::awaits_availability);
            waiting.extend(ready.map(|ready| (ready.order(), *uid, ready.lo.plus(of.min_ready))));
        }
        waiting.sort_unstable();
        // Those that became Ready since it counted are not among either of its numbers.
        let n_not = n_ready.max(of.status.ready) - of.status.available;
        let n_available = waiting.len().saturating_sub(usize::try_from(n_not).unwrap_or(0));
        for (_, uid, lo) in waiting.into_iter().take(n_available) {
            self.pods.change(uid, |pod| {
                if let Some(start) = pod.start_mut() {
                    start.waits.available = Some(Evidence { lo, is_object_time: false, ..at });
                }
            });
        }
    }
}
