//! Headers that are sent with every request.

use std::fmt;
use std::str::FromStr as _;

use tonic::metadata::{Ascii, KeyAndValueRef, MetadataKey, MetadataMap, MetadataValue};

use super::error::SettingsError;

/// Headers that were checked. Their values are never shown.
#[derive(Clone, Default)]
pub struct Headers(MetadataMap);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.as_ref().keys()).finish()
    }
}

impl Headers {
    /// Checks the names and values.
    ///
    /// # Errors
    /// Tells the first name that cannot be sent, never a value.
    pub fn new<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, SettingsError> {
        let mut map = MetadataMap::new();
        for (name, value) in headers {
            let wrong = |problem| SettingsError::Header { name: name.to_owned(), problem };
            let lower = name.to_ascii_lowercase();
            if lower.ends_with("-bin") {
                return Err(wrong("is binary (`-bin`): only text can be sent"));
            }
            let is_reserved = lower.starts_with("grpc-")
                || matches!(lower.as_str(), "content-type" | "te" | "user-agent");
            if is_reserved {
                return Err(wrong("is set by gRPC itself: leave it out"));
            }
            let key = MetadataKey::<Ascii>::from_str(&lower).map_err(|_| {
                wrong("is no name of a header: only letters, digits, `-`, `_`, `.`")
            })?;
            let mut value = MetadataValue::<Ascii>::from_str(value)
                .map_err(|_| wrong("has a value that cannot be sent: only visible ASCII"))?;
            value.set_sensitive(true);
            if map.insert(key, value).is_some() {
                return Err(wrong("is given twice"));
            }
        }
        Ok(Self(map))
    }

    /// These, and `others` over them.
    pub(super) fn with(&self, others: &Self) -> MetadataMap {
        let mut all = self.0.clone();
        for pair in others.0.iter() {
            if let KeyAndValueRef::Ascii(name, value) = pair {
                all.insert(name.clone(), value.clone());
            }
        }
        all
    }

    /// Lower-case names, and values as they are sent.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().filter_map(|pair| match pair {
            KeyAndValueRef::Ascii(name, value) => Some((name.as_str(), value.as_encoded_bytes())),
            KeyAndValueRef::Binary(..) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn headers_are_checked_and_their_values_never_shown() {
        let headers = Headers::new([("Authorization", "Bearer secret"), ("x-scope", "a")]).unwrap();
        assert_eq!(format!("{headers:?}"), r#"{"authorization", "x-scope"}"#);
        let table: String =
            [("", "a"), ("a b", "a"), ("a", "sec\nret"), ("x-bin", "a"), ("TE", "a")]
                .map(|header| format!("{}\n", Headers::new([header]).unwrap_err()))
                .concat();
        let twice = Headers::new([("a", "b"), ("A", "c")]).unwrap_err();
        assert_eq!(twice.to_string(), "header `A` is given twice");
        expect![[r#"
            header `` is no name of a header: only letters, digits, `-`, `_`, `.`
            header `a b` is no name of a header: only letters, digits, `-`, `_`, `.`
            header `a` has a value that cannot be sent: only visible ASCII
            header `x-bin` is binary (`-bin`): only text can be sent
            header `TE` is set by gRPC itself: leave it out
        "#]]
        .assert_eq(&table);
    }
}
