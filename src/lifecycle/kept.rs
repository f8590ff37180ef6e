//! What is kept of one thing while it lasts is bounded.

/// How many changes of goals, of `replicas` and of Pods that are gone a transition keeps.
pub const MAX_KEPT: usize = 1_000;

/// Adds finalizers that hold a deletion to those that were seen before.
pub fn hold(known: &mut Vec<Box<str>>, finalizers: &[Box<str>]) {
    for finalizer in finalizers {
        if !known.contains(finalizer) && known.len() < 32 {
            known.push(finalizer.clone());
        }
    }
}
