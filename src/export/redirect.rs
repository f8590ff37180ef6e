//! Where a server over HTTP sends a request on to; pure.

use http::Uri;
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, PROXY_AUTHORIZATION};

use super::endpoint::{uri, without_query};

/// So often a request is sent on (Go's `http.Client`: 10).
pub(super) const MOST: usize = 10;

/// The address that `location` is, said by the server at `from`.
///
/// # Errors
/// It is none that can be sent to.
pub(super) fn target(from: &Uri, location: &str) -> Result<Uri, String> {
    let location = location.split('#').next().unwrap_or_default();
    let scheme = from.scheme_str().unwrap_or_default();
    let host = from.authority().map_or("", |authority| authority.as_str());
    let is_absolute = location.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    let absolute = if is_absolute {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{host}{location}")
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{host}{folder}/{location}")
    };
    uri(&absolute).map_err(|error| error.to_string())
}

/// The address as it may be told.
pub(super) fn told(uri: &Uri) -> String {
    let text = uri.to_string();
    let (address, query) = without_query(&text);
    let address: String = address.chars().take(200).collect();
    address + query
}

/// Whether one address leads to the same server as the other.
pub(super) fn is_same_server(one: &Uri, other: &Uri) -> bool {
    one.scheme() == other.scheme() && one.authority() == other.authority()
}

/// Whether who sends to `first` says who it is at `now` too: not to another host, nor in plaintext where
/// it was not.
pub(super) fn keeps_credentials(first: &Uri, now: &Uri) -> bool {
    let is_bare = first.scheme_str() == Some("https") && now.scheme_str() != Some("https");
    let hosts = [first, now].map(|uri| uri.host().unwrap_or_default().to_ascii_lowercase());
    let [first, now] = hosts;
    first == now && !is_bare
}

/// Takes out what says who sends.
pub(super) fn without_credentials(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_location_is_an_address_or_a_part_of_the_one_before() {
        let from: Uri = "https://one:4318/a/v1/traces?key=1".parse().unwrap();
        let table: String = [
            "http://two/v1/traces",
            "https://two:99/x?key=2#top",
            "//two/v1/traces",
            "/v2/traces",
            "spans",
            "ftp://two/x",
            "https://me:secret@two/",
            "https://two:0/",
            "file:///etc/passwd",
        ]
        .map(|location| {
            let to = target(&from, location).map_or_else(|error| error, |to| told(&to));
            format!("{location:<28} {to}\n")
        })
        .concat();
        expect![[r#"
            http://two/v1/traces         http://two/v1/traces
            https://two:99/x?key=2#top   https://two:99/x?…
            //two/v1/traces              https://two/v1/traces
            /v2/traces                   https://one:4318/v2/traces
            spans                        https://one:4318/a/v1/spans
            ftp://two/x                  endpoint `ftp://two/x` has no scheme: use http://host:port or https://host:port
            https://me:secret@two/       endpoint `…@two/` holds a user: send credentials in `headers`
            https://two:0/               endpoint `https://two:0/` has no valid port: a number from 1 to 65535 is wanted after the host
            file:///etc/passwd           endpoint `file:///etc/passwd` is no URL: use http://host:port or https://host:port
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn credentials_stay_with_their_host_and_within_tls() {
        let keeps = |first: &str, now: &str| {
            keeps_credentials(&first.parse().unwrap(), &now.parse().unwrap())
        };
        assert!(keeps("http://one:1/a", "http://ONE:2/b") && keeps("http://one", "https://one"));
        assert!(!keeps("https://one", "http://one") && !keeps("http://one", "http://two"));
        assert!(!keeps("http://one", "http://one.two"));
    }
}
