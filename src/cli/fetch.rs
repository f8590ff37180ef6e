//! Configurations from the web: a GET, a few redirections, an answer of bounded size.

use std::time::Duration;

use http::header::{LOCATION, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost::bytes::Bytes;
use tokio::time::timeout;

use super::runtime::runtime;
use crate::text::Chain;

/// No configuration is longer in coming.
const PATIENCE: Duration = Duration::from_secs(15);

/// No configuration is larger.
const MAX_BYTES: usize = 4 << 20;

/// A chain of redirections that is longer is a circle.
const MAX_REDIRECTIONS: usize = 10;

/// What is answered to a GET of `url`. Must not be called inside a runtime.
pub(super) fn get(url: &str) -> Result<String, String> {
    let runtime = runtime().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let answer = timeout(PATIENCE, answered(url)).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
    })
}

async fn answered(url: &str) -> Result<String, String> {
    let mut url: Uri = url.parse().map_err(|_| "this is no URL".to_owned())?;
    let provider = rustls::crypto::ring::default_provider();
    let https: HttpsConnector<HttpConnector> = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider)
        .map_err(|error| error.to_string())?
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(https);
    for _ in 0..=MAX_REDIRECTIONS {
        let request = Request::get(url.clone())
            .header(USER_AGENT, concat!("lifespan/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let answer = client.request(request).await;
        let answer = answer.map_err(|error| Chain(&error).to_string())?;
        let status = answer.status();
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        if let Some(location) = location.filter(|_| status.is_redirection()) {
            url = redirected(&url, location)?;
            continue;
        }
        if !status.is_success() {
            return Err(format!("HTTP {status}"));
        }
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
        let body = body.map_err(|error| format!("the answer cannot be read: {error}"))?;
        return String::from_utf8(body.to_bytes().into())
            .map_err(|_| "the answer is no text".to_owned());
    }
    Err("it is redirected in a circle".to_owned())
}

/// Where a redirection from `url` leads to. What came over TLS is not left for plaintext.
fn redirected(url: &Uri, location: &str) -> Result<Uri, String> {
    let target: Uri = match location.strip_prefix('/') {
        Some(_) => {
            let (scheme, authority) = (url.scheme_str(), url.authority());
            let base = scheme.zip(authority).map(|(scheme, host)| format!("{scheme}://{host}"));
            format!("{}{location}", base.unwrap_or_default()).parse()
        }
        None => location.parse(),
    }
    .map_err(|_| "it is redirected to what is no URL".to_owned())?;
    if target.authority().is_none() {
        return Err("it is redirected to what is no URL".to_owned());
    }
    if url.scheme_str() == Some("https") && target.scheme_str() != Some("https") {
        return Err("it is redirected from https to http".to_owned());
    }
    Ok(target)
}
