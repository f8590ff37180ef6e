//! A server, and one attempt at it, whatever the wire.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::bytes::Bytes;
use tokio::time::timeout;
use tonic::{Code, Status};

use super::auth::Auth;
use super::endpoint::Settings;
use super::error::{Refusal, SettingsError};
use super::files::Machine;
use super::headers::Headers;
use super::wire::Wire;
use super::{grpc, http};

/// Whether a server is there is known after this.
const REACH: Duration = Duration::from_secs(3);

/// A server, and how it is spoken to. Clones share its connections.
#[derive(Clone, Debug)]
pub(super) struct Server {
    client: Client,
    wire: Wire,
    timeout: Duration,
    auth: Option<Auth>,
}

#[derive(Clone, Debug)]
enum Client {
    /// Connects at the first request, so that a server can be named outside of a runtime.
    Grpc(Arc<(grpc::Target, OnceLock<grpc::Client>)>),
    Http(Box<http::Client>),
}

impl Server {
    /// Checks `settings`; does not connect.
    pub(super) fn new(wire: Wire, settings: &Settings) -> Result<Self, SettingsError> {
        let client = match wire {
            Wire::Grpc => Client::Grpc(Arc::new((grpc::Target::new(settings)?, OnceLock::new()))),
            Wire::Http(encoding) => Client::Http(Box::new(http::Client::new(settings, encoding)?)),
        };
        Ok(Self { client, wire, timeout: settings.timeout, auth: settings.auth.clone() })
    }

    pub(super) fn wire(&self) -> Wire {
        self.wire
    }

    /// As messages name it: `http://127.0.0.1:4317`.
    pub(super) fn name(&self) -> String {
        match &self.client {
            Client::Grpc(shared) => shared.0.name().to_owned(),
            Client::Http(client) => client.name(),
        }
    }

    /// Whether anything listens there, found out by connecting.
    pub(super) async fn reach(&self) -> Result<(), Status> {
        let connector = match &self.client {
            Client::Grpc(shared) => shared.0.connector(),
            Client::Http(client) => client.connector(),
        };
        match timeout(REACH, connector.reach()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Status::unavailable(error.to_string())),
            Err(_) => Err(timed_out(REACH)),
        }
    }

    /// One attempt.
    pub(super) async fn send(&self, bytes: Bytes) -> Result<ExportTraceServiceResponse, Refusal> {
        let limit = self.timeout;
        // Credentials are read for each attempt: they may be other ones by now.
        let headers = match &self.auth {
            None => Headers::default(),
            Some(auth) => auth
                .headers(&Machine)
                .map_err(|why| Refusal { status: Status::unavailable(why), after: None })?,
        };
        let answer = async {
            match &self.client {
                Client::Grpc(shared) => {
                    let (target, client) = &**shared;
                    let mut client = client.get_or_init(|| target.connect()).clone();
                    let answer = client.send(bytes, &headers).await;
                    answer.map_err(|status| Refusal { status, after: None })
                }
                Client::Http(client) => client.send(bytes, &headers).await,
            }
        };
        if limit.is_zero() {
            return answer.await;
        }
        let late = |_| Err(Refusal { status: timed_out(limit), after: None });
        timeout(limit, answer).await.unwrap_or_else(late)
    }
}

fn timed_out(limit: Duration) -> Status {
    Status::new(Code::DeadlineExceeded, format!("no answer within {limit:?}"))
}
