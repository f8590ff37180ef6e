//! `tls`

use std::path::PathBuf;

use super::super::reader::Section;
use crate::export::{FileOrText, Tls, Versions};

/// Why a key is not supported.
const OWN_CHOICE: &str = "what is spoken is chosen by rustls, which has nothing insecure to choose";

pub(super) fn tls(s: &mut Section<'_>) -> Tls {
    let insecure = s.flag("insecure", false, "Plaintext, for an endpoint without a scheme");
    let skips_verification = s.flag(
        "insecure_skip_verify",
        false,
        "Whether any certificate is taken, so that anybody could be the server",
    );
    let ca_file = s.text(
        "ca_file",
        "",
        "PEM file of the certificates to trust, of issuers or the server's own; those of the system if empty",
    );
    let ca_pem = s.text("ca_pem", "", "The same, written here");
    let trusts_system = s.flag(
        "include_system_ca_certs_pool",
        false,
        "Whether those of the system are trusted beside them",
    );
    let ca = pem(s, "CA", ca_file, ca_pem);
    let cert_file = s.text("cert_file", "", "PEM file of the certificate to show to the server");
    let cert_pem = s.text("cert_pem", "", "The same, written here");
    let key_file = s.text("key_file", "", "PEM file of its private key");
    let key_pem = s.secret("key_pem", "", "The same, written here; never shown");
    let certificate = pem(s, "certificate", cert_file, cert_pem);
    let identity = match (certificate, pem(s, "key", key_file, key_pem)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            s.fault(
                "both certificate (cert_file or cert_pem) and key (key_file or key_pem) are needed",
            );
            None
        }
    };
    let versions = versions(s);
    let reload = s.time(
        "reload_interval",
        "0s",
        "After which certificates and keys are read again, for connections made later; 0 is never",
    );
    let name = s.text(
        "server_name_override",
        "",
        "The name in the server's certificate; the endpoint's host if empty",
    );
    for key in ["cipher_suites", "curve_preferences"] {
        s.unsupported(key, OWN_CHOICE);
    }
    s.unsupported_but("include_insecure_cipher_suites", &["false"], OWN_CHOICE);
    let instead = "keys are read from files; a Collector beside this process can use a TPM";
    s.unsupported_but("tpm", &["{enabled: false, path: '', owner_auth: '', auth: ''}"], instead);
    s.end_ref();
    Tls {
        insecure,
        skips_verification,
        ca,
        trusts_system,
        identity,
        versions,
        reload: (!reload.is_zero()).then_some(reload),
        server_name_override: (!name.is_empty()).then_some(name),
    }
}

fn pem(s: &mut Section<'_>, what: &str, file: String, text: String) -> Option<FileOrText> {
    match (file.is_empty(), text.is_empty()) {
        (true, true) => None,
        (false, true) => Some(FileOrText::File(PathBuf::from(file))),
        (true, false) => Some(FileOrText::Text(text)),
        (false, false) => {
            s.fault(&format!(
                "provide either a {what} file or the PEM-encoded string, but not both"
            ));
            None
        }
    }
}

fn versions(s: &mut Section<'_>) -> Versions {
    let least = s.word("min_version", &["1.2", "1.3"], "The oldest version: 1.2 or 1.3");
    let most = s.word("max_version", &["1.3", "1.2"], "The newest version: 1.3 or 1.2");
    match (least, most) {
        ("1.3", "1.2") => {
            s.fault("min_version cannot be greater than max_version");
            Versions::Both
        }
        ("1.3", _) => Versions::Only13,
        (_, "1.2") => Versions::Only12,
        _ => Versions::Both,
    }
}
