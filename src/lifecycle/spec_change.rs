//! What changed between two versions of a spec, who wrote it and when.

use std::cmp::Ordering;

use crate::facts::instant::Evidence;
use crate::facts::time::UnixNanos;
use crate::facts::workload::{SpecHashes, Workload};
use crate::lifecycle::turn::Seen;

/// What changed between two versions of a workload's spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecChange {
    /// Paths that were added, removed or have another value, sorted.
    pub paths: Vec<Box<str>>,
    /// The pod template is another; where the kind has none: something that is no goal field.
    pub template: bool,
    /// The pod template differs in more than `restartedAt`.
    pub beyond_restart: bool,
    /// Fields were added, and nothing else changed.
    pub only_adds: bool,
}

impl SpecChange {
    /// Compares two versions: a bump of the generation alone is no change of the spec, since
    /// deletion and annotations bump it too (FACTS §1.1).
    #[must_use]
    pub fn between(old: &Workload, new: &Workload) -> Option<Self> {
        let (was, is) = (old.meta.generation, new.meta.generation);
        let is_bumped = is > was || (was, is) == (None, None);
        if !is_bumped || old.spec == new.spec {
            return None;
        }
        let (paths, only_adds) = changed_paths(&old.spec, &new.spec);
        Some(Self {
            paths,
            only_adds,
            template: old.template != new.template,
            beyond_restart: old.template_without_restart != new.template_without_restart,
        })
    }

    /// Nothing but `replicas` changed.
    #[must_use]
    pub fn is_scale(&self) -> bool {
        matches!(self.paths.as_slice(), [path] if &**path == "replicas")
    }
}

/// Walks two sorted lists of (path, hash).
///
/// Returns the paths that differ, and whether all of them are new ones.
fn changed_paths(old: &SpecHashes, new: &SpecHashes) -> (Vec<Box<str>>, bool) {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut changed = Vec::new();
    let mut only_adds = true;
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return (changed, only_adds),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((before, _)), Some((after, _))) => before.cmp(after),
        };
        let before = old.next_if(|_| order != Ordering::Greater);
        let after = new.next_if(|_| order != Ordering::Less);
        if before != after
            && let Some((path, _)) = after.or(before)
        {
            changed.push(path.clone());
            only_adds &= before.is_none();
        }
    }
}

/// Who wrote a version, and when: the non-status entry of `managedFields` that is new, or has a
/// new time, against the version before.
///
/// A `scale` entry has no time: then only the arrival is known, or since when nobody had watched. Where
/// no entry is new the manager is not known.
#[must_use]
pub fn write_of(
    old: Option<&Workload>,
    new: &Workload,
    seen: &Seen,
) -> (Evidence, Option<Box<str>>) {
    let old_writers = old.map_or(&[][..], |old| &old.writers);
    let writer = new
        .writers
        .iter()
        .filter(|writer| !old_writers.contains(writer))
        .max_by_key(|writer| writer.time);
    let lo = old.map_or(new.meta.created, |old| old.meta.written.unwrap_or(old.meta.created));
    let time = writer.and_then(|writer| writer.time);
    let time = if old.is_none() { Some(new.meta.created) } else { time };
    let evidence = seen.written(time, lo.min(new.meta.written.unwrap_or(lo)));
    (evidence, writer.map(|writer| writer.manager.clone()))
}

/// When the status of a version was written, that says it was at `said`. A version that brings a spec and the
/// status as it was known was written with the spec, `at`: what its status says of a time is of versions
/// in between, which told nothing new.
pub fn status_of(
    (old, new): (&Workload, &Workload),
    at: Evidence,
    said: Option<UnixNanos>,
    lo: UnixNanos,
    seen: &Seen,
) -> Evidence {
    let is_written = new.spec != old.spec && !seen.is_listed;
    if is_written && !new.status.is_other(&old.status) { at } else { seen.written(said, lo) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_paths_are_those_added_removed_or_of_another_value() {
        let spec = |pairs: &[(&str, u64)]| -> SpecHashes {
            let pairs = pairs.iter().map(|(path, hash)| ((*path).into(), *hash));
            pairs.collect::<Vec<(Box<str>, u64)>>().into()
        };
        let old = spec(&[("a", 1), ("b", 1), ("d", 1)]);
        let new = spec(&[("a", 1), ("b", 2), ("c", 1)]);
        assert_eq!(
            changed_paths(&old, &new).0,
            ["b".into(), "c".into(), "d".into()] as [Box<str>; 3]
        );
        assert_eq!(changed_paths(&old, &old).0, Vec::<Box<str>>::new());
        assert_eq!(
            changed_paths(&SpecHashes::default(), &spec(&[("a", 1)])).0,
            ["a".into()] as [Box<str>; 1]
        );
    }
}
