//! `tls`

use std::path::PathBuf;

use super::super::reader::Section;
use crate::export::Tls;

pub(super) fn tls(s: &mut Section<'_>) -> Tls {
    let insecure = s.flag("insecure", false, "Plaintext, for an endpoint without a scheme");
    let ca_file = s.text(
        "ca_file",
        "",
        "PEM file of the certificates to trust; those of the system if empty",
    );
    let name = s.text(
        "server_name_override",
        "",
        "The name in the server's certificate; the endpoint's host if empty",
    );
    for key in [
        "insecure_skip_verify",
        "ca_pem",
        "cert_file",
        "cert_pem",
        "key_file",
        "key_pem",
        "min_version",
        "max_version",
        "cipher_suites",
        "curve_preferences",
        "include_insecure_cipher_suites",
        "include_system_ca_certs_pool",
        "reload_interval",
        "tpm",
    ] {
        s.unsupported(
            key,
            "use ca_file and server_name_override, or a Collector beside this process",
        );
    }
    s.end_ref();
    Tls {
        insecure,
        ca_file: (!ca_file.is_empty()).then(|| PathBuf::from(ca_file)),
        server_name_override: (!name.is_empty()).then_some(name),
    }
}
