//! Where certificates, keys and tokens are read.

use std::fmt;
use std::path::{Path, PathBuf};

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

/// Something that stands in a file, or in the configuration itself.
#[derive(Clone, PartialEq, Eq)]
pub enum FileOrText {
    /// In a file.
    File(PathBuf),
    /// The text itself, which is never shown.
    Text(String),
}

impl fmt::Debug for FileOrText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Text(_) => f.write_str("…"),
        }
    }
}

impl FileOrText {
    /// What stands there now.
    pub(super) fn read(&self, files: &dyn Files) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => files.read(path),
            Self::Text(text) => Ok(text.clone().into_bytes()),
        }
    }
}
