//! The shapes of specs as records. What is stored says their numbers; so one stays stored until nothing
//! that is stored can say its number any more.
//!
//! What nobody has any more was let go by changes that had been told by then. As long as one of those is
//! stored, a tree may be stored as it was before it.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::Arc;

use super::records::{Key, Read, Written};
use crate::lifecycle::shapes::Shapes;

/// What nobody has any more, in the order in which it was let go: its number, and that of the last change
/// that had been told.
#[derive(Debug, Default)]
pub(super) struct Unused(VecDeque<(NonZeroU64, u64)>);

impl Unused {
    /// Writes what is new of `shapes`, and takes away what no change that is stored still needs, of which
    /// `oldest` is the first and `last` is the last.
    pub(super) fn write(
        &mut self,
        shapes: &mut Shapes,
        (oldest, last): (Option<u64>, u64),
        out: &mut Written,
    ) {
        let (new, unused) = shapes.take_changes();
        for paths in new {
            if let Some(number) = paths.number() {
                out.put(Key::Shape(number.get()), Some(paths.all()));
            }
        }
        self.0.extend(unused.into_iter().map(|number| (number, last)));
        let is_over = |at: u64| oldest.is_none_or(|oldest| oldest > at);
        let n_over = self.0.iter().take_while(|(_, at)| is_over(*at)).count();
        for (number, _) in self.0.drain(..n_over) {
            out.put::<Arc<[Box<str>]>>(Key::Shape(number.get()), None);
        }
    }

    /// Reads all that are stored.
    pub(super) fn read(read: &mut Read, shapes: &mut Shapes) {
        let mut stored = Vec::new();
        for key in read.keys(Key::Shape(0)..=Key::Shape(u64::MAX)) {
            let Key::Shape(number) = key else { continue };
            let all: Option<Arc<[Box<str>]>> = read.take(key);
            stored.extend(NonZeroU64::new(number).zip(all));
        }
        shapes.resume(stored.into_iter().collect());
    }
}
