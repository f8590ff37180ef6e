//! What arrived, as records: a commit stores what arrived since the one before, and takes away what is
//! of use no more.

use std::collections::VecDeque;

use super::records::{Key, Read, Written};
use crate::facts::time::UnixNanos;
use crate::order::arrivals::Arrivals;

/// The records of what arrived, the oldest first, and when the last of each did.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    all: VecDeque<(u64, UnixNanos)>,
    last: u64,
    /// Of use no more, and stored still.
    over: Vec<u64>,
}

impl Arrived {
    /// Writes what `arrived`, and that what arrived before `old` is no more.
    pub(super) fn write(&mut self, arrived: &Arrivals, old: UnixNanos, out: &mut Written) {
        let n_over = self.all.iter().take_while(|(_, last)| *last < old).count();
        self.over.extend(self.all.drain(..n_over).map(|(number, _)| number));
        for number in self.over.drain(..) {
            out.put::<Arrivals>(Key::Arrived(number), None);
        }
        if let Some(last) = arrived.last() {
            self.last += 1;
            self.all.push_back((self.last, last));
            out.put(Key::Arrived(self.last), Some(arrived));
        }
    }

    /// Nothing that arrived is of use any more.
    pub(super) fn forget(&mut self) {
        self.over.extend(self.all.drain(..).map(|(number, _)| number));
    }

    /// What was stored, and what arrived by that.
    pub(super) fn read(read: &mut Read) -> (Self, Arrivals) {
        let (mut records, mut arrived) = (Self::default(), Arrivals::default());
        for key in read.keys(Key::Arrived(0)..=Key::Arrived(u64::MAX)) {
            let (Key::Arrived(number), Some(stored)) = (key, read.take::<Arrivals>(key)) else {
                continue;
            };
            records.last = number;
            records.all.push_back((number, stored.last().unwrap_or(UnixNanos::LEAST)));
            arrived.add(stored);
        }
        (records, arrived)
    }
}
