//! What has no room is dropped, and all that was dropped is said, though not each time.

use std::fmt;
use std::time::Duration;

use lifespan::export::Delivery;
use lifespan::export::settings::{Exporter, To};
use lifespan::otlp::sample;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry;

/// What lines say of `rejected_items`.
#[derive(Clone, Default)]
struct Rejected(watch::Sender<Vec<u64>>);

impl Rejected {
    fn said(&self) -> Vec<u64> {
        self.0.borrow().clone()
    }
}

impl<S: tracing::Subscriber> Layer<S> for Rejected {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut self.clone());
    }
}

impl Visit for Rejected {
    fn record_u64(&mut self, field: &Field, n: u64) {
        if field.name() == "rejected_items" {
            self.0.send_modify(|all| all.push(n));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_and_unsaid_is_said_when_the_minute_is_over() {
    let rejected = Rejected::default();
    let _lines = tracing::subscriber::set_default(registry().with(rejected.clone()));
    let file = Exporter { id: "file".to_owned(), to: To::File("/dev/null".into()) };
    let delivery = Delivery::start(vec![file]).unwrap();
    let trace = sample::trace();
    // It is not its turn before somebody waits.
    for _ in 0..1_005 {
        delivery.offer(&trace);
    }
    let n = trace.len() as u64;
    assert_eq!(rejected.said(), [n]);
    sleep(Duration::from_secs(59)).await;
    assert_eq!(rejected.said(), [n]);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(rejected.said(), [n, 4 * n]);
    sleep(Duration::from_secs(600)).await;
    let books = delivery.drain(Duration::from_secs(1)).await.remove(0);
    assert_eq!((rejected.said().len(), books.refused), (2, 5 * n));
}
