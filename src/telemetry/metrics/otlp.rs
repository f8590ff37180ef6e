//! Metrics as a request of OTLP; pure.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::families::{Families, Family, Number, Points};
use super::{Snapshot, families};
use crate::config::MetricsLevel;

/// The instant of a request, and that since which its sums count.
#[derive(Clone, Copy)]
struct Time {
    since: u64,
    now: u64,
}

/// What there is to tell at `level`, encoded.
#[must_use]
pub fn request(of: &Snapshot, level: MetricsLevel) -> Vec<u8> {
    let now = u64::try_from(of.now.0).unwrap_or_default();
    let uptime = std::time::Duration::try_from_secs_f64(of.uptime_seconds).unwrap_or_default();
    let uptime = u64::try_from(uptime.as_nanos()).unwrap_or_default();
    let time = Time { since: now.saturating_sub(uptime), now };
    let Families(all) = families(of, level);
    let scope = InstrumentationScope {
        name: "lifespan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let attributes = of.resource.iter().map(|(key, value)| attribute(key, value)).collect();
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope),
                metrics: all.into_iter().map(|family| metric(family, time)).collect(),
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };
    request.encode_to_vec()
}

fn metric(Family { metric, points }: Family, time: Time) -> Metric {
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    let data = match points {
        Points::Numbers(series) => {
            let data_points = series.into_iter().map(|(labels, number)| NumberDataPoint {
                attributes: labels.iter().map(|(key, value)| attribute(key, value)).collect(),
                start_time_unix_nano: if metric.kind == "counter" { time.since } else { 0 },
                time_unix_nano: time.now,
                value: Some(match number {
                    Number::Whole(number) => {
                        number_data_point::Value::AsInt(i64::try_from(number).unwrap_or(i64::MAX))
                    }
                    Number::Real(number) => number_data_point::Value::AsDouble(number),
                }),
                ..NumberDataPoint::default()
            });
            let data_points = data_points.collect();
            if metric.kind == "counter" {
                Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic: true })
            } else {
                Data::Gauge(Gauge { data_points })
            }
        }
        Points::Histogram { bounds, counts, sum } => {
            let point = HistogramDataPoint {
                start_time_unix_nano: time.since,
                time_unix_nano: time.now,
                count: counts.iter().sum(),
                sum: Some(sum),
                explicit_bounds: bounds.iter().map(|bound| *bound as f64).collect(),
                bucket_counts: counts,
                ..HistogramDataPoint::default()
            };
            Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality })
        }
    };
    Metric {
        name: metric.name.to_owned(),
        description: metric.help.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use super::super::tests::snapshot;
    use super::*;

    #[test]
    fn what_is_pushed_is_what_is_served() {
        let bytes = request(&snapshot(), MetricsLevel::Normal);
        let request = ExportMetricsServiceRequest::decode(&*bytes).unwrap();
        let [resource] = &*request.resource_metrics else { panic!("one resource") };
        let metrics = &resource.scope_metrics[0].metrics;
        let text = super::super::text(&snapshot(), MetricsLevel::Normal);
        let named = |text: &str| -> Vec<(String, String)> {
            let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
            let pairs = types.filter_map(|it| it.split_once(' '));
            let pairs = pairs.map(|(name, kind)| (name.to_owned(), kind.to_owned()));
            pairs.filter(|(name, _)| name != "target_info").collect()
        };
        let kind = |data: &Option<Data>| match data {
            Some(Data::Sum(sum)) if sum.is_monotonic && sum.aggregation_temporality == 2 => {
                "counter"
            }
            Some(Data::Gauge(_)) => "gauge",
            Some(Data::Histogram(_)) => "histogram",
            other => panic!("{other:?}"),
        };
        let pushed: Vec<_> =
            metrics.iter().map(|it| (it.name.clone(), kind(&it.data).to_owned())).collect();
        assert_eq!(pushed, named(&text));
        let sent = metrics.iter().find(|it| it.name == "otelcol_exporter_sent_spans").unwrap();
        let Some(Data::Sum(sum)) = &sent.data else { panic!() };
        let point = &sum.data_points[0];
        assert_eq!(point.value, Some(number_data_point::Value::AsInt(24)));
        assert_eq!(point.time_unix_nano - point.start_time_unix_nano, 5_500_000_000);
        assert_eq!(point.attributes, [attribute("exporter", "otlp_grpc/a\"b")]);
    }
}
