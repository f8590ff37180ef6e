//! How an OTLP server is spoken to.

/// The wire of an OTLP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP.
    Http(Encoding),
}

/// How requests over HTTP are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`
    Proto,
    /// `application/json`
    Json,
}
