//! Whatever text stands in an annotation, it is a trace context by the grammar, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lifespan::context::{traceparent, tracestate};

fuzz_target!(|text: &str| {
    if let Ok((trace_id, span_id, flags)) = traceparent(text) {
        let written = format!("00-{trace_id}-{span_id}-{flags:02x}");
        assert_eq!(traceparent(&written), Ok((trace_id, span_id, flags)));
    }
    if tracestate(text).is_ok() {
        assert!(text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')));
    }
});
