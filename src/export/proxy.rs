//! An HTTP proxy on the way to a server; pure.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

/// A proxy, and who to be there.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    uri: Uri,
    authorization: Option<HeaderValue>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

impl Proxy {
    /// Reads `http://[user:password@]host:port`.
    ///
    /// # Errors
    /// What is expected; never the password.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let Some(rest) = url.trim().strip_prefix("http://") else {
            return Err(
                "expected http://host:port: a proxy is spoken to in plaintext, and TLS goes through it",
            );
        };
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest),
        };
        let uri: Uri = format!("http://{host}").parse().map_err(|_| "is no URL of a proxy")?;
        if uri.host().is_none_or(str::is_empty)
            || !matches!(uri.path(), "/" | "")
            || uri.query().is_some()
        {
            return Err("expected http://host:port, and no path");
        }
        let authorization = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let plain = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
            let pair = STANDARD.encode(format!("{}:{}", plain(name), plain(password)));
            let mut value = HeaderValue::from_str(&format!("Basic {pair}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Ok(Self { uri, authorization: authorization.flatten() })
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_url_and_perhaps_a_user_who_is_never_shown() {
        let proxy = Proxy::parse("http://me:a%20b@proxy:3128").unwrap();
        assert_eq!(format!("{proxy:?}"), "http://proxy:3128/");
        assert_eq!(proxy.authorization().unwrap(), "Basic bWU6YSBi");
        assert!(Proxy::parse("http://proxy").unwrap().authorization().is_none());
        for wrong in [
            "proxy:3128",
            "https://proxy",
            "socks5://proxy",
            "http://",
            "http://p/path",
            "http://a b",
        ] {
            assert!(Proxy::parse(wrong).is_err(), "{wrong}");
        }
    }
}
