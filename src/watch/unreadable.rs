//! Objects and trace contexts that cannot be read. Each version of an object has the flaw again, so that a
//! lane says each sort of flaw once a minute, with one of those that have it; all are counted.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::context::Flaw;
use crate::kinds::Refused;
use crate::seldom::Seldom;

/// One sort of flaw is said this often.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// What one lane has to tell of it.
#[derive(Debug)]
pub(super) struct Unreadable {
    resource: String,
    /// By what is wrong: with a trace context, or with the object itself.
    by_flaw: BTreeMap<Option<Flaw>, Known>,
}

/// One sort of flaw.
#[derive(Debug)]
struct Known {
    said: Seldom,
    /// The last that has not been said.
    unsaid: Option<String>,
}

/// A line, and how many there were since the last one of that sort, with this.
#[derive(Debug, PartialEq, Eq)]
struct News {
    problem: String,
    times: u64,
}

impl Unreadable {
    pub(super) fn new(resource: String) -> Self {
        Self { resource, by_flaw: BTreeMap::new() }
    }

    /// This was read now. What could not be used is said, and what is unsaid for a minute.
    pub(super) fn tell(&mut self, refused: &[Refused]) {
        for News { problem, times } in self.news(refused) {
            let resource = &*self.resource;
            tracing::warn!(resource, problem, times, "Cannot read an object or its trace context");
        }
    }

    fn news(&mut self, refused: &[Refused]) -> Vec<News> {
        let mut news = Vec::new();
        for one in refused {
            let (flaw, problem) = match one {
                Refused::Object(problem) => (None, problem),
                Refused::Stamp(flaw, problem) => (Some(*flaw), problem),
            };
            let new = || Known { said: Seldom::new(SAID_EVERY), unsaid: None };
            let known = self.by_flaw.entry(flaw).or_insert_with(new);
            known.unsaid = Some(problem.clone());
            if let Some(others) = known.said.now() {
                news.extend(known.take(others + 1));
            }
        }
        for known in self.by_flaw.values_mut() {
            if let Some(times) = known.said.overdue() {
                news.extend(known.take(times));
            }
        }
        news
    }
}

impl Known {
    fn take(&mut self, times: u64) -> Option<News> {
        self.unsaid.take().map(|problem| News { problem, times })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flaw_that_comes_with_every_version_is_said_once_a_minute_and_all_of_it() {
        let mut pods = Unreadable::new("pods".to_owned());
        let stamp = |pod: &str| Refused::Stamp(Flaw::Traceparent, format!("{pod}: no good"));
        let (object, news) = (Refused::Object("no uid".to_owned()), |problem: &str, times| {
            vec![News { problem: problem.to_owned(), times }]
        });
        assert_eq!(pods.news(&[stamp("a")]), news("a: no good", 1));
        for _ in 0..20 {
            assert_eq!(pods.news(&[stamp("a")]), []);
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(pods.news(&[stamp("b"), object]), news("no uid", 1), "is another flaw");
        advance(SAID_EVERY).await;
        assert_eq!(pods.news(&[]), news("b: no good", 21), "and whatever else is heard");
        assert_eq!(pods.news(&[stamp("b")]), []);
        advance(SAID_EVERY).await;
        assert_eq!(pods.news(&[stamp("c")]), news("c: no good", 2));
        advance(SAID_EVERY).await;
        assert_eq!(pods.news(&[]), []);
    }
}
