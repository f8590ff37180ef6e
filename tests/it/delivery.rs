//! Exporters side by side: nothing is lost that can be delivered, nothing is sent again that was
//! taken, and the books balance.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use lifespan::export::books::Books;
use lifespan::export::settings::{
    Batch, Encoding, Exporter, Queue, Sampling, Sizer, To, Verbosity, Wire,
};
use lifespan::export::{Compression, Headers, Settings, Tls};
use lifespan::export::{Delivery, StartError};
use lifespan::facts::span::FinishedSpan;
use lifespan::otlp::backoff::Backoff;
use proptest::prelude::*;
use tokio::time::{sleep, timeout};
use tonic::Status;

use crate::support::cutting::Cutting;
use crate::support::drive::{decode, drive};
use crate::support::fake_collector::{Answer, FakeCollector, exhausted_for};
use crate::support::fake_http::FakeHttp;
use crate::support::lines;

const GRACE: Duration = Duration::from_secs(10);

/// Short, so that a test is.
const SOON: Backoff = Backoff {
    initial: Duration::from_millis(20),
    multiplier: 1.0,
    randomization: 0.0,
    max: Duration::from_millis(20),
    max_elapsed: Duration::from_secs(20),
};

fn spans() -> Vec<FinishedSpan> {
    drive(&decode(&lines::recording("02-rolling-update"))).spans
}

fn grpc(id: &str, address: &str) -> Exporter {
    with(id, address, Wire::Grpc, Queue::default())
}

fn with(id: &str, address: &str, wire: Wire, queue: Queue) -> Exporter {
    let settings = Box::new(Settings {
        tls: Tls { insecure: true, ..Tls::default() },
        retry: SOON,
        timeout: Duration::from_millis(500),
        ..Settings::new(address)
    });
    Exporter { id: id.to_owned(), to: To::Server { wire, settings, queue } }
}

/// The ids of the spans that arrived, each with how often it did.
fn arrived(collector: &mut FakeCollector) -> BTreeMap<Vec<u8>, usize> {
    let mut all = BTreeMap::new();
    for request in collector.received() {
        for resource in request.body.resource_spans {
            for span in resource.scope_spans.into_iter().flat_map(|it| it.spans) {
                *all.entry(span.span_id).or_default() += 1;
            }
        }
    }
    all
}

/// Waits until nothing waits any more.
async fn settled(delivery: &Delivery) -> Vec<Books> {
    let books = delivery.books();
    timeout(GRACE, books.until(Books::is_idle)).await.unwrap();
    books.now()
}

fn balanced(books: &[Books]) {
    for one in books {
        assert!(one.balance(), "{one:?}");
    }
}

#[tokio::test]
async fn what_a_server_refuses_for_now_is_sent_again_and_arrives() {
    let away = || Answer::Fail(Status::unavailable("away"));
    let mut collector = FakeCollector::start([away(), away(), away()]).await;
    let delivery = Delivery::start(vec![grpc("otlp_grpc", &collector.address)]).unwrap();
    delivery.offer(&spans());
    let books = settled(&delivery).await;
    balanced(&books);
    assert_eq!(books[0].sent, spans().len() as u64);
    assert_eq!(books[0].last_error, None, "it is well again");
    let times: Vec<_> = arrived(&mut collector).into_values().collect();
    assert_eq!(times.len(), spans().len());
    assert!(times.iter().all(|times| *times == 4), "the same bytes each time: {times:?}");
}

#[tokio::test]
async fn a_server_that_is_exhausted_for_a_while_is_asked_again_no_sooner_than_it_says() {
    let exhausted = || Answer::Fail(exhausted_for(Duration::from_millis(150)));
    let mut collector = FakeCollector::start([exhausted(), exhausted()]).await;
    let delivery = Delivery::start(vec![grpc("otlp_grpc", &collector.address)]).unwrap();
    let began = tokio::time::Instant::now();
    delivery.offer(&spans());
    let books = settled(&delivery).await;
    balanced(&books);
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    assert_eq!((books[0].sent, books[0].failed), (spans().len() as u64, 0));
    assert_eq!(collector.received().len(), 3);
}

/// The server has taken the request, but its answer is lost: at least once, and the same bytes.
#[tokio::test]
async fn a_connection_that_is_reset_before_the_answer_is_made_again_with_the_same_bytes() {
    let mut collector = FakeCollector::start([]).await;
    let cutting = Cutting::start(&collector.address, 2).await;
    let delivery = Delivery::start(vec![grpc("otlp_grpc", &cutting.address)]).unwrap();
    delivery.offer(&spans());
    let books = settled(&delivery).await;
    balanced(&books);
    assert_eq!((books[0].sent, books[0].failed), (spans().len() as u64, 0), "{books:?}");
    let received = collector.received();
    assert_eq!(received.len(), 3, "twice in vain, though it arrived");
    assert!(received.iter().all(|it| it.body == received[0].body));
}

#[tokio::test]
async fn what_is_refused_for_good_is_counted_and_not_sent_again() {
    for status in [Status::invalid_argument("no"), Status::resource_exhausted("too large")] {
        let mut collector = FakeCollector::start([Answer::Fail(status)]).await;
        let delivery = Delivery::start(vec![grpc("otlp_grpc", &collector.address)]).unwrap();
        delivery.offer(&spans());
        delivery.offer(&spans());
        let books = settled(&delivery).await;
        balanced(&books);
        let n = spans().len() as u64;
        assert_eq!((books[0].failed, books[0].sent), (n, n));
        assert_eq!(collector.received().len(), 2);
    }
}

#[tokio::test]
async fn partial_success_is_never_sent_again() {
    let mut collector = FakeCollector::start([Answer::Partly(3, "too old")]).await;
    let delivery = Delivery::start(vec![grpc("otlp_grpc", &collector.address)]).unwrap();
    delivery.offer(&spans());
    let books = settled(&delivery).await;
    balanced(&books);
    assert_eq!((books[0].rejected, books[0].sent), (3, spans().len() as u64 - 3));
    assert_eq!(books[0].warning.as_deref(), Some("too old"));
    assert_eq!(collector.received().len(), 1);
}

#[tokio::test]
async fn a_server_that_hangs_holds_up_neither_another_one_nor_who_offers() {
    let hanging = FakeCollector::start((0..64).map(|_| Answer::Hang)).await;
    let mut well = FakeCollector::start([]).await;
    let mut patient = grpc("otlp_grpc/hanging", &hanging.address);
    let To::Server { settings, .. } = &mut patient.to else { panic!("a server") };
    settings.timeout = Duration::from_secs(600);
    let exporters = vec![patient, grpc("otlp_grpc/well", &well.address)];
    let delivery = Delivery::start(exporters).unwrap();
    for _ in 0..5 {
        delivery.offer(&spans());
    }
    let books = delivery.books();
    let done = async {
        while books.now()[1].sent < 5 * spans().len() as u64 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), done).await.expect("before the other one's time-out");
    assert_eq!(arrived(&mut well).len(), spans().len());
    let books = delivery.drain(Duration::from_millis(50)).await;
    balanced(&books);
    assert_eq!(books[0].failed + books[0].refused, 5 * spans().len() as u64);
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_and_takes_again_when_it_has_room() {
    let mut collector = FakeCollector::start([Answer::Hang]).await;
    let queue = Queue { num_consumers: 1, size: 2, ..Queue::default() };
    let delivery =
        Delivery::start(vec![with("otlp_grpc", &collector.address, Wire::Grpc, queue)]).unwrap();
    let mut n = 0;
    let books = loop {
        delivery.offer(&spans());
        n += 1;
        tokio::task::yield_now().await;
        // On a busy machine the time-out of what hangs may be told in between.
        let books = delivery.books().now();
        if books[0].last_error.as_deref() == Some("sending queue is full") {
            break books;
        }
        assert!(n < 10_000, "{books:?}");
    };
    balanced(&books);
    assert!(books[0].refused > 0 && books[0].queued > 0, "{books:?}");
    assert!(books[0].queue_size.unwrap() <= 2, "{books:?}");
    let books = settled(&delivery).await;
    assert_eq!(books[0].sent + books[0].refused, n * spans().len() as u64);
    assert_eq!(arrived(&mut collector).len(), spans().len());
}

#[tokio::test]
async fn whoever_may_wait_for_room_loses_nothing() {
    let mut collector = FakeCollector::start([Answer::Hang, Answer::Hang]).await;
    let queue = Queue { num_consumers: 1, size: 1, ..Queue::default() };
    let delivery =
        Delivery::start(vec![with("otlp_grpc", &collector.address, Wire::Grpc, queue)]).unwrap();
    for _ in 0..20 {
        delivery.hand_in(&spans()).await;
        balanced(&delivery.books().now());
    }
    let books = settled(&delivery).await;
    balanced(&books);
    assert_eq!((books[0].sent, books[0].refused), (20 * spans().len() as u64, 0), "{books:?}");
    assert_eq!(arrived(&mut collector).len(), spans().len());
}

/// A request that is larger than the whole queue would wait for ever.
#[tokio::test]
async fn what_no_queue_of_that_size_can_hold_is_refused_also_where_one_waits() {
    let collector = FakeCollector::start([]).await;
    let queue = Queue { size: 1, sizer: Sizer::Items, ..Queue::default() };
    let delivery =
        Delivery::start(vec![with("otlp_grpc", &collector.address, Wire::Grpc, queue)]).unwrap();
    timeout(GRACE, delivery.hand_in(&spans())).await.unwrap();
    let books = delivery.drain(GRACE).await;
    balanced(&books);
    assert_eq!((books[0].sent, books[0].refused), (0, spans().len() as u64));
}

#[tokio::test]
async fn at_the_end_what_waits_is_delivered_and_nothing_is_tried_twice() {
    let mut collector = FakeCollector::start([Answer::Fail(Status::unavailable("away"))]).await;
    let queue = Queue { num_consumers: 1, ..Queue::default() };
    let delivery =
        Delivery::start(vec![with("otlp_grpc", &collector.address, Wire::Grpc, queue)]).unwrap();
    for _ in 0..3 {
        delivery.offer(&spans());
    }
    let books = delivery.drain(GRACE).await;
    balanced(&books);
    let n = spans().len() as u64;
    assert_eq!((books[0].failed, books[0].sent), (n, 2 * n), "{books:?}");
    assert_eq!(collector.received().len(), 3);
}

#[tokio::test]
async fn a_server_that_is_not_there_at_the_end_costs_no_more_than_the_grace() {
    let delivery = Delivery::start(vec![grpc("otlp_grpc", "127.0.0.1:1")]).unwrap();
    delivery.offer(&spans());
    sleep(Duration::from_millis(60)).await;
    let books =
        timeout(Duration::from_secs(2), delivery.drain(Duration::from_secs(1))).await.unwrap();
    balanced(&books);
    assert_eq!(books[0].failed + books[0].refused, spans().len() as u64);
}

#[tokio::test]
async fn requests_are_put_together_and_nothing_of_them_is_lost() {
    let mut collector = FakeCollector::start([]).await;
    let batch = Batch {
        min_size: 100,
        sizer: Sizer::Items,
        flush_timeout: Duration::from_millis(50),
        max_size: None,
    };
    let queue = Queue { batch: Some(batch), ..Queue::default() };
    let delivery =
        Delivery::start(vec![with("otlp_grpc", &collector.address, Wire::Grpc, queue)]).unwrap();
    for span in spans() {
        delivery.offer(&[span]);
    }
    let books = settled(&delivery).await;
    balanced(&books);
    let received = collector.received();
    assert!(received.len() < spans().len() / 4, "{} requests", received.len());
    assert_eq!(received.iter().map(|it| it.n_spans()).sum::<usize>(), spans().len());
}

#[tokio::test]
async fn a_file_holds_what_a_server_is_sent() {
    let path = std::env::temp_dir().join(format!("lifespan-delivery-{}.jsonl", std::process::id()));
    let debug =
        Exporter { id: "debug".to_owned(), to: To::Debug(Verbosity::Basic, Sampling::default()) };
    let file = Exporter { id: "file".to_owned(), to: To::File(path.clone()) };
    let delivery = Delivery::start(vec![debug, file]).unwrap();
    delivery.offer(&spans());
    let books = delivery.drain(GRACE).await;
    balanced(&books);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert_eq!(
        text.matches("\"spanId\"").count() - text.matches("\"links\":[{").count(),
        spans().len()
    );
    assert!(books.iter().all(|it| it.sent == spans().len() as u64 && it.queue_size.is_none()));
}

#[tokio::test]
async fn a_pipe_is_no_file_until_somebody_reads_it() {
    let path = std::env::temp_dir().join(format!("lifespan-delivery-{}.pipe", std::process::id()));
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let file = || vec![Exporter { id: "file".to_owned(), to: To::File(path.clone()) }];
    let error = Delivery::start(file()).unwrap_err().to_string();
    assert!(error.ends_with(".pipe: it is a pipe that nobody reads"), "{error}");
    let read = std::thread::spawn({
        let path = path.clone();
        move || std::fs::read_to_string(path).unwrap()
    });
    let delivery = Delivery::start(file()).unwrap();
    delivery.offer(&spans());
    let books = delivery.drain(GRACE).await;
    std::fs::remove_file(&path).unwrap();
    assert_eq!((books[0].sent, read.join().unwrap().lines().count()), (spans().len() as u64, 1));
}

#[tokio::test]
async fn an_exporter_that_cannot_be_started_is_told_by_its_id() {
    let file = Exporter { id: "file/x".to_owned(), to: To::File("/nonexistent/x.jsonl".into()) };
    let error = Delivery::start(vec![file]).unwrap_err();
    assert!(matches!(error, StartError::File { .. }));
    assert!(
        error.to_string().starts_with("file/x: cannot write /nonexistent/x.jsonl: "),
        "{error}"
    );
    let error = Delivery::start(vec![grpc("otlp_grpc/y", "nowhere")]).unwrap_err();
    assert!(
        error.to_string().starts_with("otlp_grpc/y: endpoint `nowhere` has no port"),
        "{error}"
    );
}

#[tokio::test]
async fn over_http_the_same_arrives_in_protobuf_and_in_json() {
    for (encoding, content) in
        [(Encoding::Proto, "application/x-protobuf"), (Encoding::Json, "application/json")]
    {
        let server = FakeHttp::start([]).await;
        let Exporter { id, to: To::Server { wire, settings, queue } } =
            with("otlp_http", &server.url, Wire::Http(encoding), Queue::default())
        else {
            panic!()
        };
        let headers = Headers::new([("x-token", "s3cret")]).unwrap();
        let settings = Box::new(Settings { headers, compression: Compression::Gzip, ..*settings });
        let delivery =
            Delivery::start(vec![Exporter { id, to: To::Server { wire, settings, queue } }])
                .unwrap();
        delivery.offer(&spans());
        let books = settled(&delivery).await;
        balanced(&books);
        assert_eq!(books[0].sent, spans().len() as u64, "{books:?}");
        let received = server.received().await;
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].headers["content-type"], content);
        assert_eq!(received[0].headers["content-encoding"], "gzip");
        assert_eq!(received[0].headers["x-token"], "s3cret");
        assert_eq!(received[0].path, "/v1/traces");
        assert_eq!(received[0].n_spans(), spans().len());
    }
}

#[tokio::test]
async fn over_http_what_a_server_takes_in_part_is_counted_so_whoever_wrote_its_json() {
    for count in ["\"2\"", "2"] {
        let server = FakeHttp::start([]).await;
        let answer = r#"{"partialSuccess":{"rejectedSpans":COUNT,"errorMessage":"too many"}}"#;
        server.says.send_replace(answer.replace("COUNT", count).leak());
        let wire = Wire::Http(Encoding::Json);
        let delivery =
            Delivery::start(vec![with("otlp_http", &server.url, wire, Queue::default())]).unwrap();
        delivery.offer(&spans());
        let books = settled(&delivery).await;
        balanced(&books);
        let Books { sent, rejected, failed, warning, .. } = &books[0];
        assert_eq!((*sent, *rejected, *failed), (spans().len() as u64 - 2, 2, 0), "{count}");
        assert_eq!(warning.as_deref(), Some("too many"));
        assert_eq!(server.received().await.len(), 1, "it is not sent again");
    }
}

#[tokio::test]
async fn over_http_only_what_may_be_is_sent_again_and_not_before_it_is_asked_for() {
    let server = FakeHttp::start([(503, Some("1")), (429, None), (502, None), (504, None)]).await;
    let began = tokio::time::Instant::now();
    let wire = Wire::Http(Encoding::Proto);
    let delivery =
        Delivery::start(vec![with("otlp_http", &server.url, wire, Queue::default())]).unwrap();
    delivery.offer(&spans());
    let books = settled(&delivery).await;
    assert_eq!((books[0].sent, server.received().await.len()), (spans().len() as u64, 5));
    assert!(began.elapsed() >= Duration::from_secs(1));
    for code in [400, 401, 404, 413, 500] {
        let server = FakeHttp::start([(code, None)]).await;
        let delivery =
            Delivery::start(vec![with("otlp_http", &server.url, wire, Queue::default())]).unwrap();
        delivery.offer(&spans());
        let books = settled(&delivery).await;
        balanced(&books);
        assert_eq!(
            (books[0].failed, server.received().await.len()),
            (spans().len() as u64, 1),
            "{code}"
        );
        assert!(
            books[0].last_error.as_ref().unwrap().starts_with(&format!("HTTP {code}")),
            "{books:?}"
        );
    }
}

#[tokio::test]
async fn over_http_a_request_is_sent_on_as_it_is_and_says_to_no_other_host_who_sends() {
    let other = FakeHttp::start([]).await;
    let elsewhere = other.url.replace("127.0.0.1", "localhost");
    let server = FakeHttp::start([(307, Some("/v2/traces")), (308, Some(elsewhere.leak()))]).await;
    let wire = Wire::Http(Encoding::Proto);
    let mut exporter = with("otlp_http", &server.url, wire, Queue::default());
    if let To::Server { settings, .. } = &mut exporter.to {
        let headers = [("authorization", "Bearer s3cret"), ("x-scope", "shop")];
        settings.headers = Headers::new(headers).unwrap();
    }
    let delivery = Delivery::start(vec![exporter]).unwrap();
    delivery.offer(&spans());
    let books = settled(&delivery).await;
    balanced(&books);
    assert_eq!(books[0].sent, spans().len() as u64, "{books:?}");
    let received = [server.received().await, other.received().await].concat();
    let told: Vec<_> = received
        .iter()
        .map(|it| (&*it.path, it.headers.contains_key("authorization"), it.n_spans()))
        .collect();
    let n = spans().len();
    assert_eq!(told, [("/v1/traces", true, n), ("/v2/traces", true, n), ("/v1/traces", false, n)]);
    assert!(received.iter().all(|it| it.headers["x-scope"] == "shop"));
}

#[tokio::test]
async fn over_http_one_that_sends_on_for_ever_is_tried_again_and_one_that_has_moved_is_told() {
    let wire = Wire::Http(Encoding::Proto);
    let circle = std::iter::repeat_n((307, Some("/v1/traces")), 11);
    let server = FakeHttp::start(circle).await;
    let delivery =
        Delivery::start(vec![with("otlp_http", &server.url, wire, Queue::default())]).unwrap();
    delivery.offer(&spans());
    let books = settled(&delivery).await;
    assert_eq!((books[0].sent, server.received().await.len()), (spans().len() as u64, 12));
    for (code, to, told) in [
        (
            301,
            "https://h/v1/traces?key=s3cret",
            "HTTP 301 Moved Permanently: the endpoint has moved to https://h/v1/traces?…; give that address",
        ),
        (302, "//h/", "HTTP 302 Found: the endpoint has moved to http://h/; give that address"),
        (
            307,
            "ftp://h/",
            "HTTP 307 Temporary Redirect, to another address: endpoint `ftp://h/` has no scheme",
        ),
    ] {
        let server = FakeHttp::start([(code, Some(to))]).await;
        let delivery =
            Delivery::start(vec![with("otlp_http", &server.url, wire, Queue::default())]).unwrap();
        delivery.offer(&spans());
        let books = settled(&delivery).await;
        balanced(&books);
        assert_eq!((books[0].failed, server.received().await.len()), (spans().len() as u64, 1));
        let error = books[0].last_error.as_ref().unwrap();
        assert!(error.starts_with(told), "{error}");
    }
}

/// The server has taken it, and what it says of that would be as large each time.
#[tokio::test]
async fn a_request_whose_answer_is_too_large_is_over_and_told_and_not_sent_again() {
    let large = "x".repeat(5 << 20).leak();
    let mut collector = FakeCollector::start([]).await;
    collector.mood.send_replace(Answer::Partly(1, large));
    let delivery = Delivery::start(vec![grpc("otlp_grpc", &collector.address)]).unwrap();
    delivery.offer(&spans());
    let books = settled(&delivery).await;
    balanced(&books);
    assert_eq!((books[0].failed, collector.received().len()), (spans().len() as u64, 1));
    let error = books[0].last_error.as_ref().unwrap();
    assert!(error.contains("the answer is larger than 4 MiB"), "{error}");
}

/// An answer that a server may give.
fn any_answer() -> impl Strategy<Value = u8> {
    0_u8..7
}

fn answer(code: u8) -> Answer {
    match code {
        0 => Answer::Fail(Status::unavailable("away")),
        1 => Answer::Fail(Status::invalid_argument("no")),
        2 => Answer::Partly(1, "one"),
        3 => Answer::Fail(Status::resource_exhausted("too large")),
        4 => Answer::Fail(Status::aborted("again")),
        5 => Answer::Fail(exhausted_for(Duration::from_millis(5))),
        _ => Answer::Accept,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance_whatever_a_server_answers(
        script in prop::collection::vec(any_answer(), 0..20),
        n in 1_usize..12,
        size in 1_usize..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut collector = FakeCollector::start(script.into_iter().map(answer)).await;
            let queue = Queue { num_consumers: 2, size, ..Queue::default() };
            let delivery = Delivery::start(vec![with("otlp_grpc", &collector.address, Wire::Grpc, queue)]).unwrap();
            let books = delivery.books();
            for _ in 0..n {
                delivery.offer(&spans());
                balanced(&books.now());
                tokio::task::yield_now().await;
            }
            let books = delivery.drain(GRACE).await;
            balanced(&books);
            let [Books { offered, sent, rejected, queued, in_flight, .. }] = books.as_slice() else { panic!() };
            assert_eq!(*offered, (n * spans().len()) as u64);
            assert_eq!(queued + in_flight, 0);
            let received: usize = collector.received().iter().map(|it| it.n_spans()).sum();
            assert!(sent + rejected <= received as u64);
        });
    }
}
