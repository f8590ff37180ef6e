//! Of what goes on at once a page shows what has been open, or held, for longest.

use std::collections::BTreeSet;

use lifespan::engine::Engine;
use lifespan::facts::span::{FinishedSpan, ShownSpan};
use lifespan::facts::time::UnixNanos;

use crate::support::checks::is_root;
use crate::support::drive::{decode, hear, settings};
use crate::support::model::{self, Make};

#[test]
fn of_many_transitions_those_that_began_first_are_shown() {
    let lines = model::history_of(&[Make::Deployment, Make::StatefulSet], 1, 200).lines;
    let mut engine = Engine::new(settings());
    let (mut spans, mut n_open, mut n_held) = (Vec::new(), 0, 0);
    for told in decode(&lines) {
        let now = UnixNanos(told.at);
        hear(&mut engine, told, &mut spans);
        let trees = engine.trees();
        let roots = |spans: Vec<ShownSpan>| -> BTreeSet<_> {
            let roots = spans.into_iter().filter(|span| span.parent.is_none());
            roots.map(|root| (root.start, root.trace_id)).collect()
        };
        let (all, first) =
            (roots(trees.in_progress(now)), roots(trees.longest_in_progress(1, now)));
        if all.len() > 1 {
            n_open += 1;
            assert_eq!(first.first().map(|it| it.0), all.first().map(|it| it.0));
        }
        let held = |spans: Vec<FinishedSpan>| -> BTreeSet<_> {
            let roots = spans.into_iter().filter(is_root);
            roots.map(|root| (root.end, root.trace_id)).collect()
        };
        let (all, first) = (held(trees.settled(|_| true)), held(trees.settled_first(1)));
        if all.len() > 1 {
            n_held += 1;
            assert_eq!(first.first().map(|it| it.0), all.first().map(|it| it.0));
        }
    }
    assert!(n_open > 3 && n_held > 3, "{n_open} {n_held}");
}
