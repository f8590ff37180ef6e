//! Which requests the debug exporter writes; pure.

use super::settings::Sampling;

/// Counts the requests of each second.
#[derive(Debug)]
pub(super) struct Sampler {
    sampling: Sampling,
    second: u64,
    n: u64,
}

impl Sampler {
    pub(super) fn new(sampling: Sampling) -> Self {
        Self { sampling, second: 0, n: 0 }
    }

    /// Whether the next request, in this second of any clock, is written.
    pub(super) fn takes(&mut self, second: u64) -> bool {
        if second != self.second {
            (self.second, self.n) = (second, 0);
        }
        self.n += 1;
        let Sampling { initial, thereafter } = self.sampling;
        match self.n.checked_sub(initial) {
            None | Some(0) => true,
            Some(after) => after.checked_rem(thereafter) == Some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_second_are_written_and_then_one_in_so_many() {
        let taken = |initial, thereafter| -> Vec<(u64, u64)> {
            let mut sampler = Sampler::new(Sampling { initial, thereafter });
            let all = (0..2).flat_map(|second| (1..=8).map(move |n| (second, n)));
            all.filter(|(second, _)| sampler.takes(*second)).collect()
        };
        assert_eq!(taken(2, 1).len(), 16);
        assert_eq!(taken(2, 3), [(0, 1), (0, 2), (0, 5), (0, 8), (1, 1), (1, 2), (1, 5), (1, 8)]);
        assert_eq!(taken(1, 0), [(0, 1), (1, 1)]);
        assert_eq!(taken(0, 0), []);
    }
}
