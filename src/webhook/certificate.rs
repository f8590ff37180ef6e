//! The certificate that the API server is shown.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Where the certificate is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Files that somebody else keeps, in PEM.
    Files {
        /// The chain, the server's own first.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Made here, for these names; its key never leaves the process.
    SelfMade(Vec<String>),
}

/// A certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read, or has no PEM of what is expected.
    #[error("cannot use {path}: {problem}; {expected} in PEM is expected")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// Certificate and key do not belong together, or are of an unknown sort.
    #[error("the certificate cannot be used with its key: {0}")]
    Mismatch(rustls::Error),
    /// None could be made.
    #[error("no certificate could be made: {0}")]
    SelfMade(rcgen::Error),
}

/// What is served, and what the API server must trust for it.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// For the sockets.
    pub config: Arc<ServerConfig>,
    /// The `caBundle` in PEM, of one made here; who keeps files keeps that too.
    pub ca_bundle: Option<String>,
}

/// Reads or makes it.
///
/// # Errors
/// Tells the file, and what should stand there.
pub fn certificate(source: &Source) -> Result<Certificate, CertificateError> {
    match source {
        Source::Files { cert, key } => {
            let file = |path: &Path, expected| {
                let path = path.to_owned();
                move |error: rustls::pki_types::pem::Error| CertificateError::File {
                    path,
                    problem: error.to_string(),
                    expected,
                }
            };
            let expected = "a chain of certificates";
            let chain: Vec<_> = CertificateDer::pem_file_iter(cert)
                .and_then(Iterator::collect)
                .map_err(file(cert, expected))?;
            if chain.is_empty() {
                let problem = io::Error::other("there is no certificate in it").to_string();
                return Err(CertificateError::File { path: cert.clone(), problem, expected });
            }
            let key = PrivateKeyDer::from_pem_file(key).map_err(file(key, "a private key"))?;
            Ok(Certificate { config: config(chain, key)?, ca_bundle: None })
        }
        Source::SelfMade(names) => {
            let CertifiedKey { cert, signing_key } =
                generate_simple_self_signed(names.clone()).map_err(CertificateError::SelfMade)?;
            let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
            let config = config(vec![cert.der().clone()], key.into())?;
            Ok(Certificate { config, ca_bundle: Some(cert.pem()) })
        }
    }
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, CertificateError> {
    let built = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = built.map_err(CertificateError::Mismatch)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_or_read_and_its_faults_are_told() {
        let made = certificate(&Source::SelfMade(vec!["a.b.svc".to_owned()])).unwrap();
        assert!(made.ca_bundle.unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        let files = |cert: &str, key: &str| {
            let path = |name: &str| Path::new("tests/it/support/tls").join(name);
            certificate(&Source::Files { cert: path(cert), key: path(key) })
        };
        assert_eq!(files("server.pem", "server.key").unwrap().ca_bundle, None);
        for (cert, key, told) in [
            ("none.pem", "server.key", "a chain of certificates in PEM is expected"),
            ("server.key", "server.key", "a chain of certificates in PEM is expected"),
            ("server.pem", "server.pem", "a private key in PEM is expected"),
            ("ca.pem", "server.key", "the certificate cannot be used with its key: "),
        ] {
            let error = files(cert, key).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
