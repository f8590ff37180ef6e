//! Errors of kube, said without what they quote: a kubeconfig holds secrets, and so does what a credential
//! plugin prints.

use std::error::Error;
use std::iter::successors;

use kube_client::client::AuthError;
use kube_client::config::KubeconfigError;

use crate::text::Chain;

/// An error with its causes, as one line.
pub(super) fn problem(error: &(dyn Error + 'static)) -> String {
    let mut causes = successors(Some(error), |&error| error.source());
    causes.find_map(unquoted).unwrap_or_else(|| Chain(error).to_string())
}

/// What an error says that quotes; `None` for all others.
fn unquoted(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(KubeconfigError::Parse(error)) = error.downcast_ref() {
        return Some(format!("it is no kubeconfig in YAML{}", place(error)));
    }
    let error = error.downcast_ref::<AuthError>()?;
    if let AuthError::AuthExecParse(error) = error {
        let what = "what its credential plugin prints is no ExecCredential";
        return Some(format!("{what}{}", place(error)));
    }
    if let AuthError::AuthExecRun { out, .. } = error {
        let what = "its credential plugin has ended with";
        return Some(format!("{what} {}: call it by hand to see why", out.status));
    }
    let is_quoted = matches!(error, AuthError::ParseTokenKey(_));
    is_quoted.then(|| "the token of its auth provider is no JSON".to_owned())
}

/// Where an error is.
fn place(error: &serde_saphyr::Error) -> String {
    let place = error.location();
    place.map(|at| format!(": line {}, column {}", at.line(), at.column())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{ExitStatus, Output};

    use kube_client::config::Kubeconfig;

    use super::*;

    #[test]
    fn what_is_wrong_with_a_kubeconfig_is_said_by_its_place_and_not_by_what_stands_there() {
        let text = "users:\n- name: me\n  user:\n    token: SECRET\n    x: [\n";
        let error = Kubeconfig::from_yaml(text).unwrap_err();
        assert!(error.to_string().contains("SECRET"), "nothing to hide: {error}");
        let said = problem(&kube_client::Error::from(error));
        assert!(said.starts_with("it is no kubeconfig in YAML: line "), "{said}");
        assert!(!said.contains("SECRET"), "{said}");
    }

    #[test]
    fn nothing_that_a_credential_plugin_prints_is_said() {
        let (stdout, stderr) = (b"SECRET".to_vec(), b"SECRET".to_vec());
        let out = Box::new(Output { status: ExitStatus::from_raw(256), stdout, stderr });
        let error = AuthError::AuthExecRun { cmd: "TOKEN=SECRET get-token".to_owned(), out };
        let said = problem(&kube_client::Error::Auth(error));
        assert!(said.contains("exit status: 1") && !said.contains("SECRET"), "{said}");
    }
}
