//! Which of many things are others than when they were last stored.

use std::collections::BTreeSet;
use std::mem;

/// Marks what changes. Where nothing is stored it marks nothing, so that it does not grow.
#[derive(Debug)]
pub(super) struct Changed<K>(Option<BTreeSet<K>>);

impl<K> Default for Changed<K> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: Ord> Changed<K> {
    /// Marks from now on.
    pub(super) fn begin(&mut self) {
        self.0.get_or_insert_default();
    }

    /// Whether it marks.
    pub(super) const fn has_begun(&self) -> bool {
        self.0.is_some()
    }

    /// Whether any is marked.
    pub(super) fn is_any(&self) -> bool {
        self.0.as_ref().is_some_and(|marked| !marked.is_empty())
    }

    /// One has changed, or come, or gone.
    pub(super) fn mark(&mut self, key: K) {
        if let Some(marked) = &mut self.0 {
            marked.insert(key);
        }
    }

    /// Takes those that have changed since this was last asked.
    pub(super) fn take(&mut self) -> BTreeSet<K> {
        self.0.as_mut().map(mem::take).unwrap_or_default()
    }
}
