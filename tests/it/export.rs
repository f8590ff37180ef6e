//! One exporter against a server that misbehaves as scripted.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::time::Duration;

use lifespan::export::books::Books;
use lifespan::export::settings::{Exporter, Queue, To, Wire};
use lifespan::export::{Compression, Delivery, FileOrText, Headers, Settings, Tls};
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::{SECOND, UnixNanos};
use lifespan::otlp::backoff::Backoff;
use lifespan::otlp::batch;
use lifespan::otlp::sample;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::Status;

use crate::support::fake_collector::{Answer, FakeCollector};

#[tokio::test]
async fn what_arrives_is_what_was_encoded() {
    let mut collector = FakeCollector::start([]).await;
    let spans = sample::trace();
    let books = export(fast(&collector), &spans).await;
    assert_eq!((books.sent, books.last_error), (3, None));
    let received = collector.received();
    let expected = ExportTraceServiceRequest::decode(batch::request(&spans).bytes).unwrap();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].body, expected);
}

#[tokio::test]
async fn requests_carry_the_headers_the_agent_and_gzip() {
    let mut collector = FakeCollector::start([]).await;
    let headers = Headers::new([("X-Scope-OrgID", "shop")]).unwrap();
    let settings = Settings { headers, ..fast(&collector) };
    let plain = Settings { compression: Compression::None, ..settings.clone() };
    for settings in [settings, plain] {
        export(settings, &sample::trace()).await;
    }
    let received = collector.received();
    let header = |n: usize, name: &str| {
        received[n].headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(header(0, "x-scope-orgid").unwrap(), "shop");
    let agent = header(0, "user-agent").unwrap();
    assert!(agent.starts_with(concat!("lifespan/", env!("CARGO_PKG_VERSION"), " (")), "{agent}");
    assert_eq!(header(0, "grpc-encoding").as_deref(), Some("gzip"));
    assert_eq!(header(1, "grpc-encoding"), None);
}

#[tokio::test]
async fn with_one_consumer_requests_arrive_in_the_order_in_which_they_were_handed_in() {
    let away = Answer::Fail(Status::unavailable("starting"));
    let mut collector = FakeCollector::start([Answer::Accept, away]).await;
    let spans = many(50);
    let books = export(fast(&collector), &spans).await;
    assert_eq!(books.sent, spans.len() as u64);
    let mut received = collector.received();
    assert_eq!(received.len(), 51, "one of them twice");
    let twice = received.remove(1);
    assert_eq!(twice.body, received[1].body);
    let groups = received.iter().flat_map(|request| &request.body.resource_spans);
    let ids: Vec<_> = groups
        .flat_map(|group| &group.scope_spans)
        .flat_map(|scope| scope.spans.iter().map(|span| span.span_id.clone()))
        .collect();
    assert_eq!(ids, spans.iter().map(|span| span.span_id.0.to_vec()).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_exhausted_server_that_names_no_delay_refuses_for_good() {
    let exhausted = Status::resource_exhausted("message too large");
    let mut collector = FakeCollector::start([Answer::Fail(exhausted)]).await;
    let books = export(fast(&collector), &sample::trace()).await;
    assert_eq!((books.failed, books.gave_up, collector.received().len()), (3, 0, 1));
    assert_eq!(
        books.last_error.unwrap(),
        "message too large (ResourceExhausted); the server takes no more for now, or no message as \
         large as this (`max_recv_msg_size_mib`)"
    );
}

#[tokio::test]
async fn a_server_that_hangs_is_left_at_the_deadline_and_asked_again() {
    let mut collector = FakeCollector::start([Answer::Hang]).await;
    let settings = Settings { timeout: Duration::from_millis(40), ..fast(&collector) };
    let books = export(settings, &sample::trace()).await;
    // On a busy machine the second attempt may be late, too.
    assert_eq!((books.sent, books.last_error), (3, None));
    assert!(collector.received().len() > 1);
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_made_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut server = JoinSet::new();
    server.spawn(async move {
        // The HTTP/2 preface of a server, some reading, the end.
        let preface = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let mut buffer = [0; 4096];
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.write_all(&preface).await.unwrap();
            for _ in 0..2 {
                socket.read(&mut buffer).await.unwrap_or_default();
            }
        }
    });
    let settings = Settings { retry: tiny(), ..Settings::new(format!("http://{address}")) };
    let books = export(settings, &sample::trace()).await;
    assert_eq!((books.gave_up, books.failed), (3, 3));
    let told = books.last_error.unwrap();
    assert!(told.contains("attempts in ") && told.contains("(Unavailable)"), "{told}");
}

#[tokio::test]
async fn a_server_of_another_protocol_is_told_from_one_that_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut server = JoinSet::new();
    server.spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            while socket.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {}
        }
    });
    let settings = Settings { retry: tiny(), ..Settings::new(format!("http://{address}")) };
    let books = export(settings, &sample::trace()).await;
    assert_eq!(books.gave_up, 3);
    let text = books.last_error.unwrap();
    assert!(text.ends_with("is this an OTLP/gRPC port? (4317; 4318 is OTLP/HTTP)"), "{text}");
}

#[tokio::test]
async fn nobody_listening_is_told_in_one_sentence() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let settings = Settings { retry: tiny(), ..Settings::new(format!("http://{address}")) };
    let books = export(settings, &sample::trace()).await;
    assert_eq!((books.gave_up, books.sent), (3, 0));
    let text = books.last_error.unwrap();
    assert!(text.starts_with("gave up after "), "{text}");
    assert!(text.contains("Connection refused"), "{text}");
    assert!(text.ends_with("(Unavailable); is a collector listening there?"), "{text}");
}

#[tokio::test]
async fn a_server_is_trusted_by_its_certificate_and_name_only() {
    let mut collector = FakeCollector::start_tls([]).await;
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/tls/ca.pem");
    let ca = Some(FileOrText::File(ca.into()));
    let server_name_override = Some("collector.test".to_owned());
    let tls = Tls { ca, server_name_override, ..Tls::default() };
    let endpoint = format!("https://{}", collector.address);
    let trusting = Settings { tls, retry: tiny(), ..Settings::new(endpoint) };

    let books = export(trusting.clone(), &sample::trace()).await;
    assert_eq!((books.sent, collector.received().len()), (3, 1), "{books:?}");

    let mut misnamed = trusting;
    misnamed.tls.server_name_override = None;
    let books = export(misnamed, &sample::trace()).await;
    assert_eq!((books.gave_up, collector.received().len()), (3, 0));
    let text = books.last_error.unwrap();
    assert!(text.contains("invalid peer certificate"), "{text}");
    assert!(text.contains("; the server's certificate has another name"), "{text}");
}

#[test]
fn a_ca_file_without_a_certificate_is_refused() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/tls/server.key");
    let tls = Tls { ca: Some(FileOrText::File(file.into())), ..Tls::default() };
    let settings = Settings { tls, ..Settings::new("localhost:4317") };
    let error = lifespan::export::endpoint(Wire::Grpc, &settings).unwrap_err();
    assert!(error.to_string().contains("server.key` holds no certificate"), "{error}");
}

/// Sends `spans`, three at a time and one request after the other, until nothing waits.
async fn export(settings: Settings, spans: &[FinishedSpan]) -> Books {
    let queue = Queue { num_consumers: 1, size: 1, ..Queue::default() };
    let to = To::Server { wire: Wire::Grpc, settings: Box::new(settings), queue };
    let delivery = Delivery::start(vec![Exporter { id: "otlp_grpc".to_owned(), to }]).unwrap();
    for trace in spans.chunks(3) {
        delivery.hand_in(trace).await;
    }
    delivery.books().until(Books::is_idle).await;
    let books = delivery.drain(Duration::ZERO).await.remove(0);
    assert!(books.balance() && books.offered == spans.len() as u64, "{books:?}");
    books
}

/// For a server that comes back: short waits, and time enough.
fn fast(collector: &FakeCollector) -> Settings {
    let retry = Backoff { max_elapsed: Duration::from_secs(20), ..tiny() };
    Settings { retry, ..Settings::new(format!("http://{}", collector.address)) }
}

/// For a server that stays away: waits of a few milliseconds, over after 300.
fn tiny() -> Backoff {
    Backoff {
        initial: Duration::from_millis(2),
        max: Duration::from_millis(10),
        max_elapsed: Duration::from_millis(300),
        ..Backoff::default()
    }
}

/// `n` traces of three spans.
fn many(n: i64) -> Vec<FinishedSpan> {
    let noon = UnixNanos::from_seconds(1_772_366_400);
    (0..n).flat_map(|n| sample::trace_at(noon.plus(SECOND.times(n)), n.unsigned_abs())).collect()
}
