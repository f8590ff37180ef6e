//! Queues that are stored: nothing is sent before it is stored, and what is stored is sent, by whichever
//! process.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::time::Duration;

use lifespan::export::books::Books;
use lifespan::export::settings::{Batch, Exporter, Queue, Sizer, To, Wire};
use lifespan::export::{Delivery, Settings, Tls};
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::UnixNanos;
use lifespan::otlp::backoff::Backoff;
use lifespan::storage::{Changes, Commit, Origin, Storage};
use tokio::time::{sleep, timeout};
use tonic::Status;

use crate::support::disk::FakeDisk;
use crate::support::drive::{decode, drive};
use crate::support::fake_collector::{Answer, FakeCollector, Received};
use crate::support::lines;
use crate::support::service::Gate;

const GRACE: Duration = Duration::from_secs(60);

const SOON: Backoff = Backoff {
    initial: Duration::from_millis(20),
    multiplier: 1.0,
    randomization: 0.0,
    max: Duration::from_millis(20),
    max_elapsed: Duration::ZERO,
};

/// An address at which nobody listens.
const NOWHERE: &str = "127.0.0.1:9";

fn spans() -> Vec<FinishedSpan> {
    drive(&decode(&lines::recording("02-rolling-update"))).spans
}

fn stored() -> Queue {
    Queue { num_consumers: 1, is_stored: true, ..Queue::default() }
}

fn exporter(id: &str, address: &str, queue: Queue) -> Exporter {
    let settings = Box::new(Settings {
        tls: Tls { insecure: true, ..Tls::default() },
        retry: SOON,
        timeout: Duration::from_secs(20),
        ..Settings::new(address)
    });
    Exporter { id: id.to_owned(), to: To::Server { wire: Wire::Grpc, settings, queue } }
}

fn opened(disk: &FakeDisk) -> Storage {
    Storage::on(Box::new(disk.clone()), true, UnixNanos::from_seconds(1)).unwrap()
}

fn start(disk: &FakeDisk, exporters: Vec<Exporter>) -> Delivery {
    Delivery::start_with(exporters, Some(opened(disk))).unwrap()
}

/// Hands over each span as a request of its own, and waits until all are stored.
async fn hand_over(delivery: &Delivery, spans: &[FinishedSpan]) {
    for span in spans {
        delivery.hand_over(std::slice::from_ref(span), Changes::default());
    }
    timeout(GRACE, delivery.free()).await.unwrap();
}

/// The process dies: its tasks end where they are.
async fn dies(delivery: Delivery, disk: &FakeDisk) {
    drop(delivery);
    // What was aborted is dropped when the runtime comes to it, and the storage with it.
    let gone = async {
        while !disk.is_let_go() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(GRACE, gone).await.unwrap();
}

async fn settled(delivery: &Delivery) -> Vec<Books> {
    let books = delivery.books();
    timeout(GRACE, books.until(Books::is_idle)).await.unwrap();
    balanced(books.now())
}

fn balanced(books: Vec<Books>) -> Vec<Books> {
    for one in &books {
        assert!(one.balance(), "{one:?}");
    }
    books
}

fn names(received: &[Received]) -> Vec<String> {
    received
        .iter()
        .flat_map(Received::spans)
        .map(|span| format!("{} {:?}", span.name, span.span_id))
        .collect()
}

/// The same of what was handed over.
fn expected(spans: &[FinishedSpan]) -> Vec<String> {
    let name = |span: &FinishedSpan| format!("{} {:?}", span.name, span.span_id.0.to_vec());
    spans.iter().map(name).collect()
}

#[tokio::test]
async fn what_one_process_stored_the_next_one_sends_oldest_first_and_equal() {
    let disk = FakeDisk::default();
    let delivery = start(&disk, vec![exporter("otlp_grpc", NOWHERE, stored())]);
    hand_over(&delivery, &spans()).await;
    assert_eq!(delivery.books().now()[0].queue_size, Some(spans().len() as u64));
    dies(delivery, &disk).await;
    let mut collector = FakeCollector::start([]).await;
    let delivery = start(&disk, vec![exporter("otlp_grpc", &collector.address, stored())]);
    let books = settled(&delivery).await;
    assert_eq!((books[0].offered, books[0].sent), (spans().len() as u64, spans().len() as u64));
    let received = collector.received();
    assert_eq!(names(&received), expected(&spans()));
    // Each as it would have been sent by the first one.
    let mut other = FakeCollector::start([]).await;
    let direct = Queue { num_consumers: 1, ..Queue::default() };
    let delivery = Delivery::start(vec![exporter("otlp_grpc", &other.address, direct)]).unwrap();
    hand_over(&delivery, &spans()).await;
    settled(&delivery).await;
    let bodies =
        |received: Vec<Received>| -> Vec<_> { received.into_iter().map(|it| it.body).collect() };
    assert_eq!(bodies(received), bodies(other.received()));
}

#[tokio::test]
async fn nothing_leaves_before_it_is_stored_not_even_to_who_stores_nothing() {
    let disk = FakeDisk::default();
    let mut keeps = FakeCollector::start([]).await;
    let mut forgets = FakeCollector::start([]).await;
    let delivery = start(
        &disk,
        vec![
            exporter("otlp_grpc/keeps", &keeps.address, stored()),
            exporter("otlp_grpc/forgets", &forgets.address, Queue::default()),
        ],
    );
    disk.is_full_after(Some(0));
    delivery.hand_over(&spans(), Changes::default());
    let books = delivery.books();
    let failing = async {
        while books.kept().unwrap().figures.failures < 2 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(GRACE, failing).await.unwrap();
    assert!(books.kept().unwrap().failing.is_some());
    assert_eq!((keeps.received().len(), forgets.received().len()), (0, 0));
    disk.is_full_after(None);
    settled(&delivery).await;
    assert_eq!(books.kept().unwrap().failing, None);
    assert_eq!((names(&keeps.received()).len(), names(&forgets.received()).len()), {
        (spans().len(), spans().len())
    });
}

/// Whichever write it is that finds no room.
#[tokio::test]
async fn a_disk_that_is_full_is_told_holds_up_what_leaves_and_loses_nothing_once_it_has_room() {
    for n in 0..8 {
        let disk = FakeDisk::default();
        let mut collector = FakeCollector::start([]).await;
        let delivery = start(&disk, vec![exporter("otlp_grpc", &collector.address, stored())]);
        hand_over(&delivery, &spans()[..2]).await;
        settled(&delivery).await;
        disk.is_full_after(Some(n));
        for span in &spans()[2..] {
            delivery.hand_over(std::slice::from_ref(span), Changes::default());
        }
        let books = delivery.books();
        let is_told = async {
            while books.kept().unwrap().failing.is_none() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(GRACE, is_told).await.unwrap();
        let (_, why) = books.kept().unwrap().failing.unwrap();
        assert!(why.contains("full") || why.contains("no storage space"), "{why}");
        disk.is_full_after(None);
        let books = settled(&delivery).await;
        assert_eq!((books[0].sent, books[0].lost()), (spans().len() as u64, 0), "{n}");
        assert_eq!(delivery.books().kept().unwrap().failing, None, "{n}");
        assert_eq!(names(&collector.received()), expected(&spans()), "{n}");
        balanced(delivery.drain(GRACE).await);
        assert_eq!(opened(&disk).waiting("otlp_grpc").unwrap().requests, [], "{n}");
    }
}

/// Nobody makes room but by what is sent.
#[tokio::test]
async fn a_disk_that_is_full_of_what_waits_has_room_again_once_that_is_sent() {
    let spans = spans();
    for n_first in [1, 5, 20] {
        let disk = FakeDisk::default();
        let mut collector = FakeCollector::start([]).await;
        let gate = Gate::start(&collector.address, false).await;
        let delivery = start(&disk, vec![exporter("otlp_grpc", &gate.url, stored())]);
        let mut spans = spans.iter().cycle();
        let mut n = 0;
        while delivery.books().kept().unwrap().failing.is_none() {
            if n == n_first {
                disk.has_room(n_first);
            }
            let next = spans.next().unwrap();
            delivery.hand_over(std::slice::from_ref(next), Changes::default());
            n += 1;
            let is_full = async {
                while delivery.books().kept().unwrap().failing.is_none() {
                    sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! {
                () = delivery.free() => {}
                () = is_full => {}
            }
        }
        gate.is_open.send_replace(true);
        let books = settled(&delivery).await;
        assert_eq!((books[0].sent, books[0].lost()), (n as u64, 0));
        assert_eq!(collector.received().len(), n);
        balanced(delivery.drain(GRACE).await);
        assert_eq!(opened(&disk).waiting("otlp_grpc").unwrap().requests, []);
    }
}

/// It is not there again before there is room for it, and then it helps as it did the first time.
#[tokio::test]
async fn what_was_kept_for_a_full_disk_is_kept_again_once_there_is_room() {
    let disk = FakeDisk::default();
    let storage = opened(&disk);
    let some = |n: u8| Commit {
        changes: Changes([(vec![n], Some(vec![n; 64 << 10]))].into()),
        ..Commit::default()
    };
    let sent = Commit { removals: vec![("otlp_grpc".to_owned(), 1)], ..Commit::default() };
    storage.commit(&some(0)).unwrap();
    assert!(disk.has_reserve(), "it is kept from the first commit on");
    for n in 1..3 {
        disk.has_room(0);
        assert!(storage.commit(&some(n)).is_err());
        storage.let_go(&sent).unwrap();
        assert!(!disk.has_reserve(), "there was no other room");
        disk.has_room(10_000);
        storage.commit(&some(n)).unwrap();
        assert!(disk.has_reserve(), "there is room");
    }
}

#[tokio::test]
async fn what_was_delivered_has_left_the_queue_and_state_is_stored_with_what_left_it() {
    let disk = FakeDisk::default();
    let origin = Origin { cluster: "c".to_owned(), format: 1 };
    let storage = opened(&disk);
    storage.state(&origin, UnixNanos::from_seconds(1)).unwrap();
    let collector = FakeCollector::start([]).await;
    let exporters = vec![exporter("otlp_grpc", &collector.address, stored())];
    let delivery = Delivery::start_with(exporters, Some(storage)).unwrap();
    let changes = Changes([(b"tree".to_vec(), Some(b"1".to_vec()))].into());
    delivery.hand_over(&spans(), changes.clone());
    settled(&delivery).await;
    let books = balanced(delivery.drain(GRACE).await);
    assert_eq!((books[0].sent, books[0].kept), (spans().len() as u64, 0));
    let storage = opened(&disk);
    assert_eq!(storage.waiting("otlp_grpc").unwrap().requests, []);
    assert_eq!(storage.state(&origin, UnixNanos::from_seconds(1)).unwrap(), changes);
}

#[tokio::test]
async fn what_cannot_be_delivered_at_the_end_is_kept_and_counted_and_sent_by_the_next_process() {
    let disk = FakeDisk::default();
    let away = (0..2).map(|_| Answer::Fail(Status::unavailable("away")));
    let mut collector = FakeCollector::start(away).await;
    let queue = Queue { batch: Some(Batch { min_size: 2, ..Batch::default() }), ..stored() };
    let delivery = start(&disk, vec![exporter("otlp_grpc", NOWHERE, queue.clone())]);
    hand_over(&delivery, &spans()).await;
    let books = balanced(delivery.drain(GRACE).await);
    assert_eq!((books[0].kept, books[0].lost()), (spans().len() as u64, 0), "{books:?}");
    let delivery = start(&disk, vec![exporter("otlp_grpc", &collector.address, queue)]);
    let books = settled(&delivery).await;
    assert_eq!(books[0].sent, spans().len() as u64);
    let mut names = names(&collector.received());
    names.dedup();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), spans().len());
}

#[tokio::test]
async fn a_request_of_which_a_part_was_not_delivered_is_sent_again_whole() {
    let disk = FakeDisk::default();
    let batch = Some(Batch { min_size: 0, max_size: Some(1), ..Batch::default() });
    let queue = Queue { batch, ..stored() };
    let mut collector = FakeCollector::start([Answer::Accept, Answer::Hang]).await;
    let delivery = start(&disk, vec![exporter("otlp_grpc", &collector.address, queue.clone())]);
    delivery.hand_over(&spans()[..3], Changes::default());
    let books = delivery.books();
    timeout(GRACE, books.until(|books| books.sent == 1)).await.unwrap();
    drop(books);
    dies(delivery, &disk).await;
    assert!(collector.received().len() <= 2);
    let mut collector = FakeCollector::start([]).await;
    let delivery = start(&disk, vec![exporter("otlp_grpc", &collector.address, queue)]);
    settled(&delivery).await;
    assert_eq!(names(&collector.received()), expected(&spans()[..3]));
    balanced(delivery.drain(GRACE).await);
    assert_eq!(opened(&disk).waiting("otlp_grpc").unwrap().requests, []);
}

#[tokio::test]
async fn a_queue_whose_exporter_is_gone_is_kept_until_there_is_one() {
    let disk = FakeDisk::default();
    let delivery = start(&disk, vec![exporter("otlp_grpc/old", NOWHERE, stored())]);
    hand_over(&delivery, &spans()).await;
    balanced(delivery.drain(GRACE).await);
    let new = start(&disk, vec![exporter("otlp_grpc/new", NOWHERE, stored())]);
    assert_eq!(new.books().now()[0].queued, 0);
    balanced(new.drain(GRACE).await);
    let mut collector = FakeCollector::start([]).await;
    let delivery = start(&disk, vec![exporter("otlp_grpc/old", &collector.address, stored())]);
    settled(&delivery).await;
    assert_eq!(names(&collector.received()), expected(&spans()));
}

/// Stored or not.
#[tokio::test]
async fn a_queue_that_blocks_holds_back_what_has_no_room_and_one_that_does_not_refuses_the_newest()
{
    for is_stored in [false, true] {
        for blocks in [false, true] {
            let disk = FakeDisk::default();
            let queue = Queue { size: 2, sizer: Sizer::Items, blocks, is_stored, ..stored() };
            let hanging = FakeCollector::start([Answer::Hang]).await;
            let delivery = start(&disk, vec![exporter("otlp_grpc", &hanging.address, queue)]);
            // The first hangs, which in memory has left the queue.
            hand_over(&delivery, &spans()[..1]).await;
            let books = delivery.books();
            timeout(GRACE, books.until(|books| books.in_flight == 1)).await.unwrap();
            hand_over(&delivery, &spans()[1..]).await;
            let n = spans().len() as u64;
            let books = balanced(books.now());
            let refused = if blocks { 0 } else { books[0].refused };
            assert_eq!(books[0].refused, refused);
            assert_eq!(books[0].queued + books[0].in_flight + refused, n);
            assert!(blocks || refused >= n - 4, "{books:?}");
            assert!(books[0].queue_size.unwrap() <= 2);
            let books = balanced(delivery.drain(Duration::ZERO).await);
            assert_eq!(books[0].kept, if is_stored { n - refused } else { 0 });
        }
    }
}
