//! Where certificates, keys and tokens are read.

use std::path::Path;

use rustls::pki_types::CertificateDer;

/// Files, and what the system trusts.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, path: &Path) -> Result<Vec<u8>, String>;

    /// The certificates that the system trusts.
    fn system_roots(&self) -> Vec<CertificateDer<'static>>;
}

/// Those of this machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine;

impl Files for Machine {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error| error.to_string())
    }

    fn system_roots(&self) -> Vec<CertificateDer<'static>> {
        rustls_native_certs::load_native_certs().certs
    }
}
