//! How far a node's clock is off, by what cannot be true (DESIGN §7).

use crate::facts::instant::Evidence;
use crate::facts::time::{Nanos, SECOND, UnixNanos};
use crate::lifecycle::pod::{Pod, Start};

/// By how much all that the node says of a Pod must be moved. A time after the arrival of what tells of
/// it: the node is ahead. A second of the kubelet that was over before the Pod was bound, an Event of it
/// from before that, or a pull that began before that: it is behind.
pub(super) fn of_node(pod: &Pod) -> Nanos {
    let start = pod.start();
    if let Some(ahead) = facts(pod, start).filter_map(|fact| fact.ahead()).max() {
        return Nanos(-ahead.0);
    }
    let Some(start) = start else { return Nanos(0) };
    let bound = start.scheduled.map_or(start.created.lo, |it| it.lo.max(start.created.lo));
    let seconds = facts(pod, Some(start)).filter(|fact| fact.is_object_time);
    let seconds = seconds.map(|fact| fact.lo.plus(Nanos(SECOND.0 - 1)));
    let behind = events(start).chain(seconds).map(|at| bound.since(at)).max();
    behind.filter(|behind| behind.0 > 0).unwrap_or_default()
}

/// All that the kubelet dates of a Pod.
fn facts<'a>(pod: &'a Pod, start: Option<&'a Start>) -> impl Iterator<Item = Evidence> + 'a {
    let of_start = start.into_iter().flat_map(|start| {
        let of_containers = start.containers.iter().flat_map(|it| [it.run, it.started, it.done]);
        [start.sandbox, start.ready].into_iter().chain(of_containers)
    });
    let restarts = pod.restarts().iter().flat_map(|it| [Some(it.finished), it.running, it.done]);
    let runs = pod.run().into_iter().flat_map(|run| &run.runs);
    let runs = runs.flat_map(|it| [Some(it.started), it.ended.as_ref().map(|(at, _)| *at)]);
    of_start.chain(restarts).chain(runs).flatten()
}

/// Exact times of its Events.
fn events(start: &Start) -> impl Iterator<Item = UnixNanos> {
    let of_containers = start.containers.iter().flat_map(|it| {
        let pulled = it.pulled.map(|it| it.began());
        [it.pulling.map(|told| told.at), pulled, it.started_event.map(|told| told.at)]
    });
    of_containers.flatten()
}
