//! Kubernetes Events go to the span of the object and time they belong to.

use super::Build;
use super::attributes::sentence;
use super::draft::Draft;
use crate::facts::meta::Uid;
use crate::facts::span::SpanEvent;
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::pod::{Noted, Pod};
use crate::lifecycle::transition::Queued;

impl Build<'_> {
    pub(super) fn notes(&mut self) {
        let of_object = self.drafts.iter().enumerate().map(|(at, draft)| (draft.object.uid, at));
        let mut of_object: Vec<(Uid, usize)> = of_object.collect();
        of_object.sort_unstable();
        let own = |uid: Uid| {
            let from = of_object.partition_point(|(of, _)| *of < uid);
            let own = of_object.iter().skip(from).take_while(move |(of, _)| *of == uid);
            own.map(|(_, at)| *at)
        };
        for (uid, pod) in &self.closed.pods {
            attach(&mut self.drafts, || own(*uid), pod);
        }
        for (about, noted) in &self.transition.notes {
            let queue = self.closed.workloads.get(about).filter(|below| below.is_queue);
            if queue.is_some() && self.is_said(noted) {
                continue;
            }
            let about = queue.map_or(*about, |queue| queue.owner);
            let at = narrowest(&self.drafts, own(about), noted.at, |_| true);
            if let Some(draft) = at.and_then(|at| self.drafts.get_mut(at)) {
                draft.note(noted);
            }
        }
        for (about, queued) in &self.transition.queued {
            let event = queue_event(queued);
            let at = narrowest(&self.drafts, own(*about), event.at, |_| true);
            if let Some(draft) = at.and_then(|at| self.drafts.get_mut(at)) {
                draft.events.push(event);
            }
        }
    }
}

impl Build<'_> {
    /// Whether a condition of a queue says what an Event about it does.
    fn is_said(&self, noted: &Noted) -> bool {
        self.transition.queued.iter().any(|(_, Queued { name, condition, .. })| {
            let is_named = [name, &condition.reason].contains(&&noted.reason);
            is_named || condition.message == noted.message
        })
    }
}

/// Of the spans that stand at `own` the shortest that holds the moment, phases excepted: where a
/// workload waits in a queue, or its own.
fn narrowest(
    drafts: &[Draft],
    own: impl Iterator<Item = usize>,
    at: UnixNanos,
    is_it: impl Fn(&Draft) -> bool,
) -> Option<usize> {
    let own = own.filter_map(|place| Some((place, drafts.get(place)?)));
    let fits = own.filter(|(_, draft)| !draft.is_phase && is_it(draft) && draft.contains(at));
    fits.min_by_key(|(_, draft)| draft.length()).map(|(place, _)| place)
}

/// A condition of what tells of a queue, by its type.
fn queue_event(queued: &Queued) -> SpanEvent {
    let Queued { at, name, condition } = queued;
    let mut attributes = vec![("lifespan.to", condition.is_true.into())];
    let texts = [
        ("lifespan.reason", condition.reason.to_string()),
        ("k8s.event.message", sentence(&condition.message)),
    ];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    attributes.extend(texts.map(|(key, text)| (key, text.into())));
    SpanEvent { at: at.instant(Nanos(0)).best, name: name.to_string().into(), attributes }
}

/// The narrowest span of a Pod that holds the moment: its start, a restart, its end. Its spans
/// stand at `own`.
pub(super) fn attach<I: Iterator<Item = usize>>(
    drafts: &mut [Draft],
    own: impl Fn() -> I,
    pod: &Pod,
) {
    for noted in pod.notes() {
        let is_about =
            |draft: &Draft| draft.container.is_none() || draft.container == noted.container;
        let place = narrowest(drafts, own(), noted.at, is_about);
        if let Some(draft) = place.and_then(|at| drafts.get_mut(at)) {
            draft.note(noted);
        }
    }
}
