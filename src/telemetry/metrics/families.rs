//! What metrics say, before it is written down for anybody; pure.

use super::names::Metric;

/// Labels of a series.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A metric and its series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Family {
    pub(super) metric: Metric,
    pub(super) points: Points,
}

/// What a metric says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Points {
    /// A number for each series.
    Numbers(Vec<(Labels, Number)>),
    /// How often something was at most so much: one count more than there are bounds.
    Histogram { bounds: &'static [u64], counts: Vec<u64>, sum: f64 },
}

/// A number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Whole(u64),
    Real(f64),
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

/// All metrics that are told together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Families(pub(super) Vec<Family>);

impl Families {
    /// One series.
    pub(super) fn one(
        &mut self,
        metric: Metric,
        labels: &[(&'static str, &str)],
        value: impl Into<Number>,
    ) {
        let labels = labels.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        self.many(metric, vec![(labels, value)]);
    }

    /// Several; a metric without any is left out.
    pub(super) fn many(&mut self, metric: Metric, series: Vec<(Labels, impl Into<Number>)>) {
        if series.is_empty() {
            return;
        }
        let series = series.into_iter().map(|(labels, value)| (labels, value.into()));
        self.0.push(Family { metric, points: Points::Numbers(series.collect()) });
    }

    /// A histogram.
    pub(super) fn histogram(
        &mut self,
        metric: Metric,
        bounds: &'static [u64],
        counts: &[u64],
        sum: f64,
    ) {
        let points = Points::Histogram { bounds, counts: counts.to_vec(), sum };
        self.0.push(Family { metric, points });
    }
}
