//! How fast finished spans become requests.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::{SECOND, UnixNanos};
use lifespan::otlp::{batch, encode, json, sample};

fn main() {
    divan::main();
}

/// `n` spans, three a tree, each tree with a resource of its own.
fn spans(n: usize) -> Vec<FinishedSpan> {
    let noon = UnixNanos::from_seconds(1_772_366_400);
    (0_i64..)
        .flat_map(|number| sample::trace_at(noon.plus(SECOND.times(number)), number.unsigned_abs()))
        .take(n)
        .collect()
}

/// Spans to bytes, without requests around them: what one span costs.
#[divan::bench]
fn encode_10_000_spans(bencher: Bencher<'_, '_>) {
    let spans = spans(10_000);
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(spans.len())).bench_local(|| {
        out.clear();
        for span in black_box(&spans) {
            encode::span(span, &mut out);
        }
        out.len()
    });
}

/// Spans to requests, ready to send.
#[divan::bench]
fn batch_10_000_spans(bencher: Bencher<'_, '_>) {
    let spans = spans(10_000);
    bencher.counter(ItemsCount::new(spans.len())).bench_local(|| {
        let requests = batch::requests(black_box(&spans), batch::MAX_REQUEST_BYTES);
        requests.map(|request| request.bytes.len()).sum::<usize>()
    });
}

/// A request to a line of JSON.
#[divan::bench]
fn json_of_1_000_spans(bencher: Bencher<'_, '_>) {
    let request = batch::request(&spans(1_000));
    bencher
        .counter(ItemsCount::new(request.n_spans))
        .counter(BytesCount::new(request.bytes.len()))
        .bench_local(|| json::document(black_box(&request.bytes)).map(|line| line.len()));
}
