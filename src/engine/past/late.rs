//! What comes late is put in its place among what trees were told.

use std::collections::VecDeque;

use super::{Entry, Pasts, Weres, When};
use crate::facts::change::{Change, Snapshot};
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::time::Nanos;
use crate::order::inlet::{Place, Released};

/// What is decided again, and from where on.
#[derive(Debug)]
pub(in crate::engine) struct Again {
    /// What the trees were.
    pub(in crate::engine) was: Weres,
    /// What is to be told to them, in order, and whether it is new to them.
    pub(in crate::engine) told: Vec<(Entry, bool)>,
    /// How many are too late to be put in their place.
    pub(in crate::engine) n_missed: u64,
}

impl Pasts {
    /// `late` is put in its place among what the trees with that of `tree` were told: what they were
    /// before that, and what is to be told them again. Without a past it is handed back.
    pub(in crate::engine) fn again(
        &mut self,
        tree: Uid,
        late: Vec<Released>,
        desired: impl Fn(&Released) -> Option<i64>,
        now: When,
        settle_time: Nanos,
    ) -> Result<Again, Vec<Released>> {
        let number = self.of.get(&tree);
        let past = number.and_then(|number| self.by_number.get_mut(number));
        let first = late.iter().map(|released| released.place).min();
        let (Some(past), Some(first)) = (past, first) else { return Err(late) };
        let middle = past.middle.take().filter(|middle| middle.from <= Some(first));
        let (n, was) = match &middle {
            Some(middle) => (middle.n_told, middle.was.clone()),
            None => (0, past.was.clone()),
        };
        let told = past.told.split_off(n.min(past.told.len()));
        past.middle = middle;
        self.numbers.let_go(&told);
        number.into_iter().for_each(|number| self.changed.mark(*number));
        let mut told: Vec<(Entry, bool)> = told.into_iter().map(|entry| (entry, false)).collect();
        let mut n_missed = 0;
        for mut released in late {
            if Some(released.place) < past.since {
                released.is_late = true;
                n_missed += 1;
            }
            let place = released.place;
            let i = told.partition_point(|(entry, _)| entry.released.place <= place);
            let next = told.get(i).map(|(next, _)| next);
            let when = next.map_or(now, |next| next.when);
            let desired = next.map_or_else(|| desired(&released), |next| next.desired);
            told.insert(i, (Entry { number: 0, released, when, desired, step: None }, true));
        }
        look_ahead(&mut told, settle_time);
        Ok(Again { was, told, n_missed })
    }
}

/// How many nodes a DaemonSet wants is heard before its Pods are decided: so it is for one that came
/// late.
fn look_ahead(told: &mut [(Entry, bool)], settle_time: Nanos) {
    let wanted = |entry: &Entry| match &entry.released.change {
        Change::Seen(Snapshot::Workload(set)) if set.kind == Kind::DaemonSet => {
            Some((entry.released.place, entry.when.at, set.status.desired))
        }
        Change::Seen(_)
        | Change::Deleted(_)
        | Change::Unmatched(_)
        | Change::Vanished(_)
        | Change::Noted(_) => None,
    };
    if !told.iter().any(|(entry, is_new)| *is_new && wanted(entry).is_some()) {
        return;
    }
    let mut all = told.iter().filter_map(|(entry, _)| wanted(entry)).collect::<VecDeque<_>>();
    let mut newest: Option<(Place, i64)> = None;
    for (entry, _) in told {
        let by = entry.when.at.plus(settle_time);
        while let Some((place, _, desired)) = all.front().filter(|(_, at, _)| *at <= by) {
            newest = newest.max(Some((*place, *desired)));
            all.pop_front();
        }
        entry.desired = newest.map(|(_, desired)| desired).or(entry.desired);
    }
}
