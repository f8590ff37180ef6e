//! Whether the API server answers, told once for all lanes that ask it; pure.

use std::collections::BTreeSet;

/// The lanes whose last request was not answered, or whose answer broke off.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    away: BTreeSet<String>,
}

impl Reach {
    /// `lane` was not answered. Whether that is news: all others were.
    pub fn lost(&mut self, lane: &str) -> bool {
        let is_first = self.away.is_empty();
        self.away.insert(lane.to_owned());
        is_first
    }

    /// `lane` is answered. Whether that is news: it was the last that was not.
    pub fn found(&mut self, lane: &str) -> bool {
        self.away.remove(lane) && self.away.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_news_once_when_it_begins_and_once_when_it_is_over() {
        let lanes = ["pods", "events", "jobs.batch"];
        let mut reach = Reach::default();
        for _ in 0..3 {
            let news: Vec<_> = lanes.iter().map(|lane| reach.lost(lane)).collect();
            assert_eq!(news.iter().filter(|it| **it).count(), usize::from(news[0]));
        }
        let news: Vec<_> = lanes.iter().map(|lane| reach.found(lane)).collect();
        assert_eq!(news, [false, false, true]);
        assert!(!reach.found("pods"), "it was answered all the time");
        assert!(reach.lost("pods"), "the next outage is news");
    }
}
