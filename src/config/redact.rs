//! What must not be shown: passwords and keys in URLs; pure.

/// What stands for a secret in a URL, which stays one.
const HIDDEN: &str = "REDACTED";

/// Words that name a secret where they are a word of their own.
const WORDS: [&str; 10] =
    ["key", "pass", "pwd", "passwd", "auth", "sig", "jwt", "sas", "credential", "credentials"];

/// Ends of names of secrets, whatever stands before them.
const ENDS: [&str; 8] = [
    "apikey",
    "accesskey",
    "secretkey",
    "token",
    "secret",
    "password",
    "signature",
    "authorization",
];

/// `url` without the user and password in it, and without what its query gives to names such as
/// `api_key`. Anything else stays, and what is no URL altogether.
#[must_use]
pub(super) fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{HIDDEN}@{host}"),
        None => authority.to_owned(),
    };
    let (path, query, fragment) = parts(rest);
    let query = query.map(|query| {
        let pairs: Vec<_> = query.split('&').map(pair).collect();
        format!("?{}", pairs.join("&"))
    });
    format!("{scheme}://{host}{path}{}{fragment}", query.unwrap_or_default())
}

/// Path, query without its `?`, and fragment with its `#`.
fn parts(rest: &str) -> (&str, Option<&str>, &str) {
    let (rest, fragment) = rest.split_at(rest.find('#').unwrap_or(rest.len()));
    match rest.split_once('?') {
        Some((path, query)) => (path, Some(query), fragment),
        None => (rest, None, fragment),
    }
}

fn pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, value)) if !value.is_empty() && is_secret(name) => format!("{name}={HIDDEN}"),
        Some(_) | None => pair.to_owned(),
    }
}

/// Whether a name says that its value is a secret: `api_key`, `X-Amz-Signature`, `accessToken`,
/// not `monkey`.
fn is_secret(name: &str) -> bool {
    let mut words = String::new();
    let mut was_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && was_lower || !c.is_ascii_alphanumeric() {
            words.push(' ');
        }
        was_lower = c.is_ascii_lowercase();
        words.push(c.to_ascii_lowercase());
    }
    let is_one = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        WORDS.contains(&word) || ENDS.iter().any(|end| word.ends_with(end))
    };
    words.split(' ').any(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_keys_are_hidden_and_nothing_harmless_is() {
        for (url, expected) in [
            ("https://me:sesame@host:4318/p", "https://REDACTED@host:4318/p"),
            ("http://token@host", "http://REDACTED@host"),
            ("https://host/p?api_key=s&x=1#f", "https://host/p?api_key=REDACTED&x=1#f"),
            (
                "https://h?apiKey=a&access_token=b",
                "https://h?apiKey=REDACTED&access_token=REDACTED",
            ),
            (
                "https://h/?X-Amz-Signature=a&sig=b",
                "https://h/?X-Amz-Signature=REDACTED&sig=REDACTED",
            ),
            ("https://h/?key=", "https://h/?key="),
            (
                "https://h/?monkey=1&author=b&keys_only=1",
                "https://h/?monkey=1&author=b&keys_only=1",
            ),
            ("http://h/a@b?q=c@d", "http://h/a@b?q=c@d"),
            ("http://[::1]:4318/v1/traces", "http://[::1]:4318/v1/traces"),
            ("localhost:4317", "localhost:4317"),
        ] {
            assert_eq!(redacted(url), expected);
        }
    }
}
