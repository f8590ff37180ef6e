//! `retry_on_failure` and `sending_queue`

use std::time::Duration;

use super::super::extensions::{self, Named};
use super::super::gates;
use super::super::reader::Section;
use crate::export::settings::{Batch, Queue, Sizer};
use crate::otlp::backoff::Backoff;

/// Reads how anything is tried again; for ever by default where what waits is stored.
pub(super) fn retry(s: &mut Section<'_>, is_stored: bool) -> Backoff {
    let enabled = s.flag("enabled", true, "Whether anything is tried again");
    let backoff = Backoff {
        initial: s.time("initial_interval", "5s", "Before the second attempt"),
        randomization: s.fraction(
            "randomization_factor",
            0.5,
            0.0..=1.0,
            "Intervals vary by this part of themselves",
        ),
        multiplier: s.fraction(
            "multiplier",
            1.5,
            0.0..=1_000.0,
            "By how much each interval is longer than the one before",
        ),
        max: s.time("max_interval", "30s", "Intervals grow up to this"),
        max_elapsed: s.time(
            "max_elapsed_time",
            if is_stored { "0s" } else { "5m" },
            "After which spans are dropped; 0 is never, and the default where sending_queue has a storage",
        ),
    };
    if !backoff.max_elapsed.is_zero() {
        if backoff.max_elapsed < backoff.initial {
            s.fault("'max_elapsed_time' must not be less than 'initial_interval'");
        }
        if backoff.max_elapsed < backoff.max {
            s.fault("'max_elapsed_time' must not be less than 'max_interval'");
        }
    }
    s.end_ref();
    // So short that no second attempt can begin in it.
    if enabled {
        backoff
    } else {
        Backoff { max_elapsed: Duration::from_nanos(1), initial: Duration::from_secs(1), ..backoff }
    }
}

pub(super) fn queue(s: &mut Section<'_>, named: &Named) -> Queue {
    let is_on = s.flag(
        "enabled",
        true,
        "Without it nothing waits for its turn: up to 1000 requests are under way, and beyond them spans are dropped",
    );
    let num_consumers = s.number("num_consumers", 10, 1, "Requests under way at the same time");
    let size = s.number(
        "queue_size",
        1_000,
        1,
        "What may wait, in units of the sizer; beyond it spans are dropped",
    );
    let counted = s.word(
        "sizer",
        &["requests", "items", "bytes"],
        "What queue_size counts: requests, items (spans) or bytes",
    );
    let sizer = sizer(counted);
    let blocks = s.flag(
        "block_on_overflow",
        false,
        "Whether spans that have no room are held back before the queue, up to 64 MiB, in place of being dropped; watches never wait",
    );
    let help = "The file_storage that keeps the queue, so that it outlasts this process; in memory if empty";
    let is_stored = extensions::is_stored(s, &named.storages, help);
    s.unsupported_but("wait_for_result", &["false"], "the watches would wait");
    if is_stored && !is_on {
        s.fault("storage keeps a queue, and enabled is false: there is none");
    }
    let is_batched = s.has("batch") || s.reader().gates.is_open(gates::BATCH);
    let batch = is_batched.then(|| {
        let help = "How requests are put together; each is sent as it comes without it";
        batch(&mut s.section("batch", help), counted)
    });
    let (size, batch) = (clamp(size), batch.flatten());
    if let Some(batch) =
        batch.as_ref().filter(|batch| batch.sizer == sizer && batch.min_size > size)
    {
        let problem = format!(
            "batch: `min_size` ({}) must be less than or equal to `queue_size` ({size})",
            batch.min_size
        );
        s.fault(&problem);
    }
    s.end_ref();
    if !is_on {
        return Queue::off();
    }
    let num_consumers = clamp(num_consumers);
    Queue { num_consumers, size, sizer, batch, blocks, is_stored, ..Queue::default() }
}

fn batch(s: &mut Section<'_>, of_queue: &'static str) -> Option<Batch> {
    let enabled = s.flag("enabled", true, "Whether requests are put together");
    let flush_timeout =
        s.time("flush_timeout", "200ms", "A request leaves this long after its first span");
    if flush_timeout.is_zero() {
        s.fault("`flush_timeout` must be positive");
    }
    let min_size = s.number("min_size", 8_192, 0, "A request leaves as soon as it has this size");
    let max_size = s.number(
        "max_size",
        0,
        0,
        "No request is larger, one of a single span excepted; 0 is no limit but that of servers, 3.5 MiB",
    );
    let words = if of_queue == "bytes" { ["bytes", "items"] } else { ["items", "bytes"] };
    let help = "What min_size and max_size count: items (spans) or bytes; as the queue, if that counts one of these";
    let sizer = sizer(s.word("sizer", &words, help));
    if max_size > 0 && max_size < min_size {
        s.fault("`max_size` must be greater than or equal to `min_size`");
    }
    let instead = "all spans come from one receiver, and none has client metadata";
    s.unsupported_but("partition", &["{metadata_keys: []}"], instead);
    s.end_ref();
    enabled.then_some(Batch {
        flush_timeout,
        min_size: clamp(min_size),
        max_size: (max_size > 0).then(|| clamp(max_size)),
        sizer,
    })
}

fn sizer(word: &str) -> Sizer {
    match word {
        "items" => Sizer::Items,
        "bytes" => Sizer::Bytes,
        _ => Sizer::Requests,
    }
}

fn clamp(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
