//! How many values are held once.

/// How many are known at most. Where it is full it is looked for what nobody has any more, but not for each
/// that is new: all may be in use.
#[derive(Debug)]
pub(super) struct Room {
    most: usize,
    /// So many were new since it was looked.
    n_new: usize,
}

impl Room {
    /// For so many.
    pub(super) const fn of(most: usize) -> Self {
        Self { most, n_new: 0 }
    }

    /// Another one comes to the `n` that are known: whether it is time to look.
    pub(super) const fn is_short(&mut self, n: usize) -> bool {
        self.n_new += 1;
        let is_short = n >= self.most && self.n_new > self.most / 4;
        if is_short {
            self.n_new = 0;
        }
        is_short
    }

    /// Whether there is any beside `n`.
    pub(super) const fn is_any(&self, n: usize) -> bool {
        n < self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_all_are_in_use_they_are_not_gone_through_for_each_that_is_new() {
        let mut room = Room::of(400);
        assert!((0..400).all(|n| !room.is_short(n)));
        let looked: Vec<usize> = (0..500).filter(|_| room.is_short(400)).collect();
        assert_eq!(looked, [0, 101, 202, 303, 404]);
        assert!(room.is_any(399) && !room.is_any(400));
    }
}
