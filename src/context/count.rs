//! What was injected and extracted, counted by the names of KEP-5915, in any metrics library.

use super::stamps::Stamps;
use super::write::Injected;

/// The name of the counter that [`Count::injected`] adds to. KEP-5915 gives it the labels
/// `component`, `controller`, `resource_kind` and `result`.
pub const INJECTED_TOTAL: &str = "trace_context_annotations_injected_total";

/// The name of the counter that [`Count::extracted`] adds to, with the same labels.
pub const EXTRACTED_TOTAL: &str = "trace_context_annotations_extracted_total";

/// Two counters of a metrics library, for one controller and one kind of object.
///
/// ```
/// use std::cell::Cell;
/// use lifespan::context::{Count, Injection, TraceContext, inject};
///
/// #[derive(Default)]
/// struct OfDeployments { injected: Cell<u64>, failed: Cell<u64> }
///
/// impl Count for OfDeployments {
///     fn injected(&self, result: &str) {
///         let counter = if result == "success" { &self.injected } else { &self.failed };
///         counter.set(counter.get() + 1);
///     }
///     fn extracted(&self, _: &str) {}
/// }
///
/// let counters = OfDeployments::default();
/// # let (span, mut annotations) = (TraceContext::minted(&[7; 32]), Default::default());
/// let _ = inject(&span, &mut annotations, &Injection::default()).count(&counters);
/// assert_eq!(counters.injected.get(), 1);
/// ```
pub trait Count {
    /// One was written, or could not be: `result` is `success` or `error`.
    fn injected(&self, result: &'static str);

    /// One was read, or is malformed: `result` is `success` or `error`.
    fn extracted(&self, result: &'static str);
}

impl Injected {
    /// Counts it, and hands it on. One that was left as it stood is not counted.
    pub fn count(self, counters: &impl Count) -> Self {
        match self {
            Self::Written | Self::WithoutState => counters.injected("success"),
            Self::Kept => {}
            Self::NotValid(_) | Self::NoRoom | Self::NoPlace => counters.injected("error"),
        }
        self
    }
}

impl Stamps {
    /// Counts them, and hands them on.
    #[must_use]
    pub fn count(self, counters: &impl Count) -> Self {
        self.stamps.iter().for_each(|_| counters.extracted("success"));
        self.refused.iter().for_each(|_| counters.extracted("error"));
        self
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::context::NotValid;
    use crate::context::stamps::{Flaw, Refused};

    #[derive(Default)]
    struct Counted(RefCell<Vec<String>>);

    impl Count for Counted {
        fn injected(&self, result: &'static str) {
            self.0.borrow_mut().push(format!("injected {result}"));
        }

        fn extracted(&self, result: &'static str) {
            self.0.borrow_mut().push(format!("extracted {result}"));
        }
    }

    #[test]
    fn what_was_done_and_what_failed_is_counted_and_what_was_left_is_not() {
        let told = Counted::default();
        for injected in
            [Injected::Written, Injected::Kept, Injected::NoRoom, Injected::NotValid(NotValid::Key)]
        {
            assert_eq!(injected.count(&told), injected);
        }
        let refused = Refused { key: "a".into(), flaw: Flaw::Json, problem: String::new() };
        let stamps = Stamps { stamps: vec![], refused: vec![refused] };
        assert_eq!(stamps.clone().count(&told), stamps);
        let expected = ["injected success", "injected error", "injected error", "extracted error"];
        assert_eq!(*told.0.borrow(), expected);
    }
}
