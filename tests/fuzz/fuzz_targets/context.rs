//! Whatever text stands in an annotation, it is a trace context by the grammar, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lifespan::context::{Carrier, Rules, baggage, traceparent, tracestate};

fuzz_target!(|text: &str| {
    if let Ok((trace_id, span_id, flags)) = traceparent(text) {
        let written = format!("00-{trace_id}-{span_id}-{flags:02x}");
        assert_eq!(traceparent(&written), Ok((trace_id, span_id, flags)));
    }
    if tracestate(text).is_ok() {
        assert!(text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')));
    }
    if let Ok(kept) = baggage(text, &["a".into(), "b".into()]) {
        assert!(kept.len() <= 2 && kept.is_sorted());
    }
    // Each line `key=value` is an annotation, an env variable and a text of the status at once.
    let rules = Rules::new(Rules::built_in().all().to_vec(), ["a".to_owned()]);
    let mut carrier = Carrier::new(&rules);
    for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
        carrier.annotation(key, || Some(value.into()));
        carrier.env(|name| (name == key).then(|| value.into()));
        carrier.status(|path| (path.join(".") == key).then(|| value.into()));
    }
    let read = carrier.read();
    assert!(read.stamps.len() <= 32);
    assert!(read.refused.iter().all(|refused| refused.problem.len() < 1_024));
});
