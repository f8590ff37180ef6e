//! What the API server takes as annotations.

use std::collections::BTreeMap;

/// What all annotations of an object may have together, keys and values, in bytes.
pub(super) const MAX_TOTAL: usize = 256 << 10;

/// The most that a name may have, and the domain before it.
const MAX_NAME: usize = 63;
const MAX_DOMAIN: usize = 253;

/// The bytes of all annotations together, as the API server counts them.
#[must_use]
pub fn size<'a>(annotations: impl IntoIterator<Item = (&'a String, &'a String)>) -> usize {
    annotations.into_iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// Whether the API server takes `key` as that of an annotation: a name, and perhaps a domain and a
/// `/` before it. Upper case is the same as lower case to it.
#[must_use]
pub fn is_key(key: &str) -> bool {
    let (domain, name) = match key.split_once('/') {
        None => (None, key),
        Some((domain, name)) => (Some(domain), name),
    };
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let ends_well = |text: &str| is_end(text.as_bytes().first()) && is_end(text.as_bytes().last());
    let is_label = |label: &str| {
        ends_well(label) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_domain = |domain: &str| domain.len() <= MAX_DOMAIN && domain.split('.').all(is_label);
    name.len() <= MAX_NAME
        && ends_well(name)
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && domain.is_none_or(is_domain)
}

/// The bytes that all annotations have together after `changes`.
#[must_use]
pub fn size_after(
    present: &BTreeMap<String, String>,
    changes: &[(String, Option<String>)],
) -> usize {
    let of = |key: &str, value: &str| key.len() + value.len();
    let gone = changes.iter().filter_map(|(key, _)| Some(of(key, present.get(key)?))).sum();
    let come: usize =
        changes.iter().filter_map(|(key, value)| Some(of(key, value.as_deref()?))).sum();
    size(present).saturating_sub(gone) + come
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of Kubernetes' own tests of qualified names, and of annotations in capitals.
    #[test]
    fn keys_are_those_that_the_api_server_takes() {
        let long = format!("{}/{}", "a.".repeat(126) + "a", "x".repeat(63));
        for key in
            ["simple", "now-with-dashes", "1-num", "1234/1234", "Uppercase.Is.OK/a_b", "a.b/c"]
        {
            assert!(is_key(key), "{key}");
        }
        assert!(is_key(&long));
        for key in [
            "", "/", "a/", "/a", "a/b/c", "_a", "a_", "a.", ".a/b", "a../b", "a b", "é", "a_b/c",
            "-/a",
        ] {
            assert!(!is_key(key), "{key}");
        }
        assert!(!is_key(&format!("{long}x")) && !is_key(&format!("a.{long}")));
    }

    #[test]
    fn a_change_is_counted_by_what_it_leaves() {
        let present = BTreeMap::from([("a".into(), "xyz".into()), ("bb".into(), "1".into())]);
        let change = |key: &str, value: Option<&str>| (key.to_owned(), value.map(str::to_owned));
        assert_eq!(size(&present), 7);
        assert_eq!(size_after(&present, &[change("a", Some("x")), change("c", Some("12"))]), 8);
        assert_eq!(size_after(&present, &[change("a", None), change("z", None)]), 3);
    }
}
