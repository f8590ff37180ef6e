//! Values that many objects have are held once.

use std::collections::BTreeSet;
use std::sync::Arc;

/// How many values of one sort are shared before those that nobody holds any more are let go.
const MAX_SHARED: usize = 20_000;

/// Puts the known value in the place of an equal one.
pub(super) fn share<T: Ord + ?Sized>(known: &mut BTreeSet<Arc<T>>, value: &mut Arc<T>) {
    if let Some(known) = known.get(value) {
        *value = Arc::clone(known);
        return;
    }
    if known.len() >= MAX_SHARED {
        known.retain(|it| Arc::strong_count(it) > 1);
    }
    if known.len() < MAX_SHARED {
        known.insert(Arc::clone(value));
    }
}
