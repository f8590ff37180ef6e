//! Kubernetes Events go to the span of the object and time they belong to.

use std::collections::BTreeMap;

use super::Build;
use super::draft::Draft;
use crate::facts::meta::Uid;
use crate::lifecycle::pod::Pod;

impl Build<'_> {
    pub(super) fn notes(&mut self) {
        let mut of_object: BTreeMap<Uid, Vec<usize>> = BTreeMap::new();
        for (at, draft) in self.drafts.iter().enumerate() {
            of_object.entry(draft.object.uid).or_default().push(at);
        }
        let own = |uid: Uid| of_object.get(&uid).map_or(&[][..], Vec::as_slice);
        for (uid, pod) in &self.closed.pods {
            attach(&mut self.drafts, own(*uid), pod);
        }
        for (about, noted) in &self.transition.notes {
            let first = own(*about).first();
            if let Some(draft) = first.and_then(|at| self.drafts.get_mut(*at))
                && draft.contains(noted.at)
            {
                draft.note(noted);
            }
        }
    }
}

/// The narrowest span of a Pod that holds the moment: its start, a restart, its end. Its spans
/// stand at `own`.
pub(super) fn attach(drafts: &mut [Draft], own: &[usize], pod: &Pod) {
    for noted in pod.notes() {
        let fits =
            own.iter().filter_map(|at| Some((*at, drafts.get(*at)?))).filter(|(_, draft)| {
                let is_about = draft.container.is_empty() || draft.container == noted.container;
                !draft.is_phase && is_about && draft.contains(noted.at)
            });
        let narrowest = fits.min_by_key(|(_, draft)| draft.length()).map(|(at, _)| at);
        if let Some(draft) = narrowest.and_then(|at| drafts.get_mut(at)) {
            draft.note(noted);
        }
    }
}
