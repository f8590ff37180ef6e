//! When an exporter is failing, and when it is no more: while something is tried again, and not because of
//! what is over.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test")]

use std::time::Duration;

use lifespan::export::books::Books;
use lifespan::export::settings::{Exporter, Queue, To, Wire};
use lifespan::export::{Delivery, Settings};
use lifespan::otlp::backoff::Backoff;
use lifespan::otlp::sample;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tonic::Status;

use crate::support::fake_collector::{Answer, FakeCollector};
use crate::support::service::{PATIENCE, free_address};

/// An exporter to this address, whose requests are given up after so many milliseconds.
fn start(address: &str, given_up_ms: u64) -> Delivery {
    let retry = Backoff {
        initial: Duration::from_millis(10),
        max: Duration::from_millis(20),
        max_elapsed: Duration::from_millis(given_up_ms),
        ..Backoff::default()
    };
    let settings = Box::new(Settings { retry, ..Settings::new(format!("http://{address}")) });
    let to = To::Server { wire: Wire::Grpc, settings, queue: Queue::default() };
    Delivery::start(vec![Exporter { id: "otlp_grpc".to_owned(), to }]).unwrap()
}

/// Waits until it is so.
async fn until(delivery: &Delivery, what: &str, is_so: impl Fn(&Books) -> bool) -> Books {
    let books = delivery.books();
    let waited = timeout(PATIENCE, books.until(is_so)).await;
    let now = books.now().remove(0);
    waited.unwrap_or_else(|_| panic!("{what}: {now:?}"));
    assert_eq!(now.failing_since.is_some(), now.is_failing(), "{now:?}");
    now
}

#[tokio::test]
async fn an_endpoint_that_was_away_at_the_start_is_well_once_somebody_listens_though_nothing_is_sent()
 {
    let address = free_address().await;
    let delivery = start(&address, 0);
    let books = until(&delivery, "nobody listens", Books::is_failing).await;
    assert!(books.last_error.unwrap().contains("is a collector listening there?"));
    let _listener = TcpListener::bind(&address).await.unwrap();
    let books = until(&delivery, "somebody listens", |books| !books.is_failing()).await;
    assert_eq!((books.last_error, books.offered), (None, 0));
}

#[tokio::test]
async fn a_request_that_is_refused_for_good_is_told_and_nothing_fails_any_longer() {
    let away = || Answer::Fail(Status::unavailable("away"));
    let refused = Answer::Fail(Status::invalid_argument("not that"));
    let mut collector = FakeCollector::start([refused]).await;
    let delivery = start(&collector.address, 0);
    delivery.offer(&sample::trace());
    let books = until(&delivery, "refused", |books| books.failed > 0).await;
    assert!(!books.is_failing() && books.last_error.unwrap().contains("not that"));
    collector.mood.send_replace(away());
    delivery.offer(&sample::trace());
    until(&delivery, "tried again", Books::is_failing).await;
    collector.mood.send_replace(Answer::Accept);
    let books = until(&delivery, "taken", Books::is_idle).await;
    assert_eq!((books.is_failing(), books.last_error), (false, None));
    collector.mood.send_replace(Answer::Fail(Status::permission_denied("not you")));
    delivery.offer(&sample::trace());
    let books = until(&delivery, "denied", |books| books.failed > 3).await;
    assert!(books.is_failing() && books.is_for_a_person, "{books:?}");
    assert!(!collector.received().is_empty());
}

#[tokio::test]
async fn what_is_tried_again_beside_what_arrives_is_a_failure_with_its_reason() {
    let collector = FakeCollector::start([Answer::Fail(Status::unavailable("busy"))]).await;
    let retry = Backoff { initial: PATIENCE, max: PATIENCE, ..Backoff::default() };
    let settings = Settings { retry, ..Settings::new(format!("http://{}", collector.address)) };
    let to = To::Server { wire: Wire::Grpc, settings: Box::new(settings), queue: Queue::default() };
    let delivery = Delivery::start(vec![Exporter { id: "otlp_grpc".to_owned(), to }]).unwrap();
    delivery.offer(&sample::trace());
    until(&delivery, "tried again", Books::is_failing).await;
    delivery.offer(&sample::trace());
    let books = until(&delivery, "the next arrives", |books| books.sent > 0).await;
    assert!(books.is_failing() && books.last_error.unwrap().contains("busy"));
}

#[tokio::test]
async fn after_a_request_was_given_up_an_exporter_fails_for_as_long_as_nobody_listens() {
    let address = free_address().await;
    let delivery = start(&address, 50);
    delivery.offer(&sample::trace());
    let books = until(&delivery, "given up", |books| books.gave_up > 0).await;
    assert!(books.is_failing() && books.is_idle(), "{books:?}");
    let _listener = TcpListener::bind(&address).await.unwrap();
    let books = until(&delivery, "somebody listens", |books| !books.is_failing()).await;
    assert!(books.last_error.unwrap().starts_with("gave up after"), "what was lost is told on");
}
