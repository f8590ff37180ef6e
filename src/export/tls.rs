//! What a connection over TLS is made with; pure but for the files that are read for it.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};

use super::error::SettingsError;
use super::files::{FileOrText, Files};
use crate::trust;

/// How to trust the server, and how to be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// No TLS for an endpoint without a scheme.
    pub insecure: bool,
    /// Whatever certificate the server has is taken.
    pub skips_verification: bool,
    /// The certificates to trust; `None` trusts those of the system.
    pub ca: Option<FileOrText>,
    /// Those of the system are trusted beside `ca`.
    pub trusts_system: bool,
    /// The certificate to show, and its key.
    pub identity: Option<(FileOrText, FileOrText)>,
    /// The oldest and the newest version that is spoken.
    pub versions: Versions,
    /// After which certificates and keys are read again, for connections that are made later.
    pub reload: Option<Duration>,
    /// The name that the server's certificate must have; `None` for the host of the endpoint.
    pub server_name_override: Option<String>,
}

/// The versions of TLS that are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 alone.
    Only12,
    /// 1.3 alone.
    Only13,
}

static ONLY_12: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
static ONLY_13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];

/// Certificates or a key, as PEM.
impl FileOrText {
    /// How messages name it, with what it should be.
    fn told(&self, what: &str) -> String {
        match self {
            Self::File(path) => format!("the {what} file `{}`", path.display()),
            Self::Text(_) => format!("the {what} in the configuration"),
        }
    }

    fn pem(&self, what: &str, files: &dyn Files) -> Result<Vec<u8>, SettingsError> {
        self.read(files).map_err(|problem| {
            SettingsError::Tls(format!("cannot read {}: {problem}", self.told(what)))
        })
    }

    fn certificates(
        &self,
        what: &str,
        files: &dyn Files,
    ) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
        let pem = self.pem(what, files)?;
        let found: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
        if found.is_empty() {
            return Err(SettingsError::Tls(format!(
                "{} holds no certificate: it must be PEM, `-----BEGIN CERTIFICATE-----`",
                self.told(what)
            )));
        }
        Ok(found)
    }

    fn key(&self, files: &dyn Files) -> Result<PrivateKeyDer<'static>, SettingsError> {
        let pem = self.pem("key", files)?;
        PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
            SettingsError::Tls(format!(
                "{} holds no private key: it must be PEM without a password, `-----BEGIN PRIVATE KEY-----`",
                self.told("key")
            ))
        })
    }
}

impl Versions {
    fn list(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Both => rustls::ALL_VERSIONS,
            Self::Only12 => &ONLY_12,
            Self::Only13 => &ONLY_13,
        }
    }
}

impl Tls {
    /// Whether anything is set that plaintext would pass over.
    pub(super) fn is_meant(&self) -> bool {
        self.ca.is_some() || self.identity.is_some() || self.server_name_override.is_some()
    }

    /// What a connection is made with.
    ///
    /// # Errors
    /// Tells the file or text that cannot be used, and why.
    pub(super) fn client_config(&self, files: &dyn Files) -> Result<ClientConfig, SettingsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions.list())
            .map_err(|error| SettingsError::Tls(format!("cannot set up TLS: {error}")))?;
        let builder = if self.skips_verification {
            let anybody = Anybody { algorithms: provider.signature_verification_algorithms };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(anybody))
        } else {
            let mut roots = RootCertStore::empty();
            if self.ca.is_none() || self.trusts_system {
                roots.add_parsable_certificates(files.system_roots());
            }
            match &self.ca {
                None => builder.with_root_certificates(roots),
                Some(ca) => {
                    let trust = trust(ca, roots, provider, files)?;
                    builder.dangerous().with_custom_certificate_verifier(trust)
                }
            }
        };
        let Some((certificate, key)) = &self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificate.certificates("client certificate", files)?;
        builder.with_client_auth_cert(chain, key.key(files)?).map_err(|error| {
            let (certificate, key) = (certificate.told("client certificate"), key.told("key"));
            SettingsError::Tls(if matches!(error, Error::InconsistentKeys(_)) {
                format!("{key} does not belong to {certificate}")
            } else {
                format!("{certificate} cannot be used with {key}: {error}")
            })
        })
    }
}

/// Trusts what is given too, beside `roots`.
fn trust(
    ca: &FileOrText,
    mut roots: RootCertStore,
    provider: Arc<CryptoProvider>,
    files: &dyn Files,
) -> Result<Arc<dyn ServerCertVerifier>, SettingsError> {
    let mut given = Vec::new();
    let mut problem = None;
    for certificate in ca.certificates("CA", files)? {
        match roots.add(certificate.clone()) {
            Ok(()) => given.push(certificate),
            Err(error) => problem = Some(error),
        }
    }
    if let Some(problem) = problem.filter(|_| given.is_empty()) {
        let ca = ca.told("CA");
        return Err(SettingsError::Tls(format!("{ca} holds no usable certificate: {problem}")));
    }
    trust::verifier(roots, given, provider)
        .map_err(|error| SettingsError::Tls(format!("{}: {error}", ca.told("CA"))))
}

/// Trusts anybody; that the server has the key of its certificate is still proven.
#[derive(Debug)]
struct Anybody {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
