//! The ways to a server, as they are configured: who is trusted, who to be, what stands between.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lifespan::cluster::connect::{Access, connect};
use lifespan::config::{Lookup, Source, load};
use lifespan::export::Delivery;
use lifespan::export::books::Books;
use lifespan::otlp::sample;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::support::fake_collector::{Answer, FakeCollector};
use crate::support::fake_http::FakeHttp;
use crate::support::service::folder;

/// The files of this machine.
struct Disk;

impl Lookup for Disk {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str) -> Result<String, String> {
        fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

const NAME: &str = "collector.test";

/// A certificate that signs itself and says that it may sign others, as `openssl req -x509` makes
/// it: its PEM, and that of its key.
fn signs_itself() -> (String, String) {
    made(IsCa::Ca(BasicConstraints::Unconstrained))
}

/// The same, perhaps without saying that.
fn made(is_ca: IsCa) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    params.is_ca = is_ca;
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// A file of this test with this text.
fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn configured(exporter: &str, extensions: &str) -> String {
    let names: Vec<_> = ["bearertokenauth", "basicauth", "headers_setter"]
        .into_iter()
        .filter(|name| extensions.contains(name))
        .collect();
    let kind = exporter.split(':').next().unwrap();
    format!(
        "yaml:{{receivers: {{k8s_lifecycle: }}, exporters: {{{exporter}}}, extensions: {{{extensions}}}, \
         service: {{extensions: [{}], pipelines: {{traces: {{receivers: [k8s_lifecycle], exporters: [{kind}]}}}}}}}}",
        names.join(", ")
    )
}

/// What is said about an exporter; nothing if it can be used.
fn said(exporter: &str, extensions: &str) -> String {
    load(&[Source::Config(configured(exporter, extensions))], &Disk)
        .map_or_else(|faults| faults.to_string(), |_| String::new())
}

fn started(exporter: &str, extensions: &str) -> Delivery {
    let loaded = load(&[Source::Config(configured(exporter, extensions))], &Disk).unwrap();
    Delivery::start(loaded.config.exporters).unwrap()
}

/// Sends a trace of three spans, and waits until nothing waits.
async fn sent(delivery: &Delivery) -> Books {
    delivery.hand_in(&sample::trace()).await;
    delivery.books().until(Books::is_idle).await;
    delivery.books().now().remove(0)
}

async fn once(exporter: &str) -> Books {
    sent(&started(exporter, "")).await
}

#[tokio::test]
async fn a_client_shows_its_certificate_and_a_server_that_signs_itself_is_trusted_by_its_own() {
    let folder = folder("mutual");
    let ((server, server_key), (client, client_key)) = (signs_itself(), made(IsCa::NoCa));
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(&server, &server_key))
        .client_ca_root(Certificate::from_pem(&client));
    let mut collector = FakeCollector::start_with(tls).await;
    let ca = written(&folder, "server.pem", &server);
    let certificate = written(&folder, "client.pem", &client);
    let key = written(&folder, "client.key", &client_key);
    let exporter = |more: &str| {
        format!(
            "otlp_grpc: {{endpoint: 'https://{}', retry_on_failure: {{enabled: false}}, \
             tls: {{server_name_override: {NAME}{more}}}}}",
            collector.address
        )
    };
    let ca = format!(", ca_file: '{}'", ca.display());
    let shown = format!(", cert_file: '{}', key_file: '{}'", certificate.display(), key.display());
    let with = exporter(&format!("{ca}{shown}"));
    let skipping = exporter(&format!("{shown}, insecure_skip_verify: true"));
    let (untrusting, unknown) = (exporter(&shown), exporter(&ca));
    let books = once(&with).await;
    assert_eq!((books.sent, collector.received().len()), (3, 1), "{books:?}");
    // A client that nobody knows.
    let books = once(&unknown).await;
    assert_eq!((books.sent, collector.received().len()), (0, 0), "{books:?}");
    assert!(books.last_error.as_ref().unwrap().contains("`tls::cert_file`"), "{books:?}");
    // Whatever the server's certificate is.
    assert_eq!(once(&skipping).await.sent, 3);
    // Nobody vouches for it: that is said in plain words.
    let books = once(&untrusting).await;
    let told = books.last_error.unwrap();
    assert!(books.sent == 0 && told.contains("as `tls::ca_file`"), "{told}");
}

#[tokio::test]
async fn certificates_that_are_renewed_are_read_again_for_new_connections() {
    let folder = folder("renewed");
    let ((old, _), (new, new_key)) = (signs_itself(), signs_itself());
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(&new, &new_key));
    let mut collector = FakeCollector::start_with(tls).await;
    let ca = written(&folder, "ca.pem", &old);
    let delivery = started(
        &format!(
            "otlp_grpc: {{endpoint: 'https://{}', retry_on_failure: {{enabled: false}}, \
             tls: {{server_name_override: {NAME}, ca_file: '{}', reload_interval: 1ns}}}}",
            collector.address,
            ca.display()
        ),
        "",
    );
    assert_eq!(sent(&delivery).await.sent, 0);
    fs::write(&ca, new).unwrap();
    // The first connection may have been begun before.
    let mut books = sent(&delivery).await;
    for _ in 0..100 {
        if books.sent > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        books = sent(&delivery).await;
    }
    assert!(books.sent > 0, "{books:?}");
    assert!(!collector.received().is_empty());
}

#[test]
fn files_that_cannot_be_used_are_told_before_the_start() {
    let folder = folder("files");
    let ((one, key), (_, other)) = (signs_itself(), signs_itself());
    let one = written(&folder, "one.pem", &one);
    let key = written(&folder, "key.pem", &key);
    let other = written(&folder, "other.pem", &other);
    let none = written(&folder, "none.pem", "hello");
    let fault = |tls: &str| {
        let exporter = format!("otlp_grpc: {{endpoint: 'https://host:4317', tls: {{{tls}}}}}");
        said(&exporter, "").replace(&*folder.to_string_lossy(), "").replace("yaml:1:", "")
    };
    let told = |tls: &str| {
        let text = fault(tls);
        text.split_once(": ").map_or(text.clone(), |(_, fault)| fault.to_owned())
    };
    let path = |path: &Path| path.display().to_string();
    let (one, key, other, none) = (path(&one), path(&key), path(&other), path(&none));
    assert_eq!(told(&format!("ca_file: '{one}', cert_file: '{one}', key_file: '{key}'")), "");
    assert!(told("ca_file: /nope.pem").contains("cannot read the CA file `/nope.pem`"));
    assert!(
        told(&format!("ca_file: '{none}'"))
            .contains("the CA file `/none.pem` holds no certificate")
    );
    assert!(told(&format!("cert_file: '{one}', key_file: '{other}'")).contains(
        "the key file `/other.pem` does not belong to the client certificate file `/one.pem`"
    ));
    assert!(
        told(&format!("cert_file: '{one}', key_file: '{one}'")).contains("holds no private key")
    );
    assert!(
        told(&format!("cert_file: '{one}'")).contains("and key (key_file or key_pem) are needed")
    );
    assert!(told("ca_pem: hello").contains("the CA in the configuration holds no certificate"));
    // What is not started may name what is not there.
    let unused = "otlp_grpc: {endpoint: 'https://h:1'}, otlp_http: {endpoint: 'https://h', tls: {ca_file: /nope}}";
    assert_eq!(said(unused, ""), "");
}

#[tokio::test]
async fn a_token_is_read_anew_for_each_request_and_users_and_static_headers_are_sent() {
    let folder = folder("auth");
    let token = written(&folder, "token", "first\n");
    let server = FakeHttp::start([]).await;
    let endpoint = format!("traces_endpoint: '{}'", server.url);
    let header = async |name: &str| {
        let last = server.received().await.pop().unwrap();
        last.headers.get(name).unwrap().to_str().unwrap().to_owned()
    };
    let with = |name: &str| format!("otlp_http: {{{endpoint}, auth: {{authenticator: {name}}}}}");
    let bearer = format!("bearertokenauth: {{filename: '{}'}}", token.display());
    let delivery = started(&with("bearertokenauth"), &bearer);
    assert_eq!(sent(&delivery).await.sent, 3);
    assert_eq!(header("authorization").await, "Bearer first");
    fs::write(&token, "second").unwrap();
    assert_eq!(sent(&delivery).await.sent, 6);
    assert_eq!(header("authorization").await, "Bearer second");
    let basic = "basicauth: {client_auth: {username: me, password: sesame}}";
    assert_eq!(sent(&started(&with("basicauth"), basic)).await.sent, 3);
    assert_eq!(header("authorization").await, "Basic bWU6c2VzYW1l");
    let fixed = "headers_setter: {headers: [{action: upsert, key: X-Scope-OrgID, value: shop}]}";
    assert_eq!(sent(&started(&with("headers_setter"), fixed)).await.sent, 3);
    assert_eq!(header("x-scope-orgid").await, "shop");
}

#[test]
fn who_to_be_is_proven_before_the_start() {
    let auth = |exporter: &str, extensions: &str| said(exporter, extensions);
    let http = "otlp_http: {endpoint: 'http://h', auth: {authenticator: bearertokenauth}}";
    assert!(auth(http, "").contains("\"bearertokenauth\" is no extension for it"));
    assert!(auth(http, "bearertokenauth: {}").contains("no bearer token provided"));
    assert!(
        auth(http, "bearertokenauth: {filename: /nope}")
            .contains("cannot read the token file `/nope`")
    );
    let grpc = "otlp_grpc: {endpoint: 'http://h:1', auth: {authenticator: bearertokenauth}}";
    assert!(auth(grpc, "bearertokenauth: {token: a}").contains("in plaintext: use https://"));
    let not_started = "yaml:{receivers: {k8s_lifecycle: }, exporters: {otlp_http: {endpoint: 'http://h', auth: {authenticator: basicauth}}}, extensions: {basicauth: {client_auth: {username: a}}}, service: {pipelines: {traces: {receivers: [k8s_lifecycle], exporters: [otlp_http]}}}}";
    let told = load(&[Source::Config(not_started.to_owned())], &Disk).unwrap_err().to_string();
    assert!(
        told.contains("\"basicauth\" is not started: name it in service::extensions"),
        "{told}"
    );
}

#[tokio::test]
async fn a_proxy_sees_what_is_asked_for_and_who_asks() {
    let proxy = FakeHttp::start([]).await;
    let address = proxy.url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let exporter = format!(
        "otlp_http: {{endpoint: 'http://collector.invalid:4318', proxy_url: 'http://me:sesame@{address}'}}"
    );
    assert_eq!(once(&exporter).await.sent, 3);
    let request = proxy.received().await.pop().unwrap();
    assert_eq!(request.headers.get("proxy-authorization").unwrap(), "Basic bWU6c2VzYW1l");
    assert_eq!(request.headers.get("host").unwrap(), "collector.invalid:4318");
    assert_eq!(request.path, "/v1/traces");
}

#[tokio::test]
async fn tls_goes_through_a_proxy_that_is_told_where_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut proxy = JoinSet::new();
    proxy.spawn(async move {
        // The first connection only asks whether anybody is there.
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while let Ok(byte) = stream.read_u8().await {
                head.push(byte);
                if head.ends_with(b"\r\n\r\n") {
                    break;
                }
            }
            if head.is_empty() {
                continue;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            return (String::from_utf8(head).unwrap(), stream.read_u8().await.unwrap());
        }
    });
    let exporter = format!(
        "otlp_http: {{endpoint: 'https://collector.invalid', retry_on_failure: {{enabled: false}}, \
         proxy_url: 'http://me:sesame@{address}'}}"
    );
    let delivery = started(&exporter, "");
    delivery.offer(&sample::trace());
    let (head, first) = proxy.join_next().await.unwrap().unwrap();
    assert!(head.starts_with("CONNECT collector.invalid:443 HTTP/1.1\r\n"), "{head}");
    assert!(
        head.to_ascii_lowercase().contains("proxy-authorization: basic bwu6c2vzyw1l"),
        "{head}"
    );
    assert_eq!(first, 0x16, "a handshake of TLS");
}

#[tokio::test]
async fn a_version_that_the_server_does_not_speak_is_no_connection() {
    let (certificate, key) = signs_itself();
    let folder = folder("versions");
    let ca = written(&folder, "ca.pem", &certificate);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = only_12(&certificate, &key);
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut handshakes = Vec::new();
        while handshakes.len() < 2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Whoever only asks whether anybody is there says nothing.
            if stream.peek(&mut [0]).await.is_ok_and(|n| n == 0) {
                continue;
            }
            handshakes.push(acceptor.accept(&mut stream).await.is_ok());
        }
        handshakes
    });
    for versions in ["max_version: '1.2'", "min_version: '1.3'"] {
        let exporter = format!(
            "otlp_http: {{endpoint: 'https://{address}', retry_on_failure: {{enabled: false}}, \
             tls: {{server_name_override: {NAME}, ca_file: '{}', {versions}}}}}",
            ca.display()
        );
        assert_eq!(once(&exporter).await.sent, 0);
    }
    assert_eq!(server.join_next().await.unwrap().unwrap(), [true, false]);
}

fn only_12(certificate: &str, key: &str) -> tokio_rustls::TlsAcceptor {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap_or_else(|error| panic!("{error}"));
    std::sync::Arc::new(config).into()
}

/// A server that reads what is sent by HTTP/2 and says nothing more than that it is one: whether it
/// is asked if it is alive.
#[tokio::test]
async fn a_server_without_a_word_is_asked_whether_it_is_alive() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let delivery = started(
        &format!(
            "otlp_grpc: {{endpoint: 'http://{address}', timeout: 60s, \
             keepalive: {{time: 100ms, timeout: 60s}}}}"
        ),
        "",
    );
    delivery.offer(&sample::trace());
    let mut preface = [0; 24];
    let mut stream = loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Who only wants to know whether anybody is there says nothing.
        if stream.read_exact(&mut preface).await.is_ok() {
            break stream;
        }
    };
    assert!(preface.starts_with(b"PRI * HTTP/2.0"), "{preface:?}");
    // Its settings: none.
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    // RFC 9113, section 4.1: the length of a frame, and its type; 6 is PING.
    let ping = async {
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.unwrap();
            let [high, middle, low, kind, ..] = head;
            let length = u32::from_be_bytes([0, high, middle, low]);
            let mut body = vec![0; usize::try_from(length).unwrap()];
            stream.read_exact(&mut body).await.unwrap();
            if kind == 6 {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ping).await.expect("it is asked");
}

/// Each request is under way as soon as it is offered: one that hangs holds up none.
#[tokio::test]
async fn without_a_queue_nothing_waits_for_its_turn_and_nothing_is_lost() {
    let mut collector = FakeCollector::start([Answer::Hang]).await;
    let delivery = started(
        &format!(
            "otlp_grpc: {{endpoint: 'http://{}', timeout: 2s, sending_queue: {{enabled: false}}}}",
            collector.address
        ),
        "",
    );
    let n_offered = 5;
    for _ in 0..n_offered {
        delivery.offer(&sample::trace());
    }
    // The one that hangs holds up none of the others.
    while delivery.books().now()[0].sent < (n_offered - 1) * sample::trace().len() as u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    delivery.books().until(Books::is_idle).await;
    let books = delivery.books().now().remove(0);
    assert_eq!((books.sent, books.lost()), (n_offered * sample::trace().len() as u64, 0));
    let told: usize = collector.received().iter().map(|request| request.n_spans()).sum();
    assert_eq!(told, 6 * sample::trace().len(), "what hung came twice");
}

// As kubectl does, where openssl req -x509 made what the API server shows.
#[tokio::test]
async fn an_api_server_that_shows_the_very_certificate_of_the_kubeconfig_is_trusted() {
    let (certificate, key) = signs_itself();
    let (other, _) = signs_itself();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = only_12(&certificate, &key);
    let mut server = JoinSet::new();
    server.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request).await.unwrap();
            let version = "{\"major\":\"1\",\"minor\":\"36\",\"gitVersion\":\"v1.36.0\"}";
            let length = version.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{version}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let folder = folder("cluster");
    let connected = async |name: &str, ca: &str| {
        let ca = written(&folder, &format!("{name}.pem"), ca);
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: c, users: [{{name: u, user: {{}}}}], \
             contexts: [{{name: c, context: {{cluster: k, user: u}}}}], clusters: [{{name: k, cluster: \
             {{server: 'https://{address}', tls-server-name: {NAME}, certificate-authority: '{}'}}}}]}}",
            ca.display()
        );
        let file = Some(written(&folder, name, &text));
        connect(&Access::KubeConfig { file, context: None }, false).await
    };
    assert_eq!(connected("own", &certificate).await.unwrap().version, "v1.36.0");
    let refused = connected("other", &other).await.unwrap_err().to_string();
    assert!(refused.contains("invalid peer certificate"), "{refused}");
}
