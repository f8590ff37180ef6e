//! Which format an input is in, told by how it begins; pure.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A recording of lifespan.
    Recording,
    /// What `kubectl get` prints with `-o json` or `-o yaml`, with `-w` or without.
    Kubectl,
    /// Logs of the Collector's `k8s_objects` receiver, as its file exporter writes them.
    K8sObjects,
    /// A log of API requests (`audit.k8s.io`).
    Audit,
}

impl Format {
    /// What its files are.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recording => "recordings",
            Self::Kubectl => "output of kubectl",
            Self::K8sObjects => "logs of the k8s_objects receiver",
            Self::Audit => "audit logs",
        }
    }

    /// The format of an input that begins with `start`. What looks like none of them is taken for a
    /// recording.
    #[must_use]
    pub fn of(start: &[u8]) -> Self {
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
        if start.first() != Some(&b'{') {
            return if is_yaml(start) { Self::Kubectl } else { Self::Recording };
        }
        let mut keys = Keys::default();
        // The input goes on: where it is cut does not matter, what came before does.
        let mut json = serde_json::Deserializer::from_slice(start);
        let _cut = json.deserialize_map(&mut keys);
        let has = |name: &str| keys.names.iter().any(|key| key == name);
        if keys.api_version.starts_with("audit.k8s.io/") {
            Self::Audit
        } else if has("resourceLogs") {
            Self::K8sObjects
        } else if !has("at")
            && (has("object") || (has("apiVersion") && (has("kind") || has("items"))))
        {
            Self::Kubectl
        } else {
            Self::Recording
        }
    }
}

/// At the top of a document of kubectl stands what it is.
fn is_yaml(start: &[u8]) -> bool {
    let text = String::from_utf8_lossy(start);
    let mut lines = text.lines();
    lines.any(|line| ["apiVersion:", "object:"].iter().any(|key| line.starts_with(key)))
}

/// The keys at the top of a document.
#[derive(Default)]
struct Keys {
    names: Vec<String>,
    api_version: String,
}

impl<'de> Visitor<'de> for &mut Keys {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let is_version = key == "apiVersion";
            self.names.push(key);
            if is_version {
                self.api_version = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_how_an_input_begins() {
        let of = |start: &str| Format::of(start.as_bytes());
        let line = r#"{"at":"2026-11-20T11:10:37Z","resource":"pods","type":"ADDED","object":{"apiVersion":"v1","kind":"Pod"}}"#;
        assert_eq!(of(line), Format::Recording);
        for kubectl in [
            "{\n  \"apiVersion\": \"v1\",\n  \"items\": [\n",
            "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{",
            "\u{feff}{\n\"kind\":\"Pod\",\"apiVersion\":\"v1\"}{",
            "{\"type\":\"ADDED\",\"object\":{\"apiVersion\":\"v1\"",
            "apiVersion: v1\nitems:\n",
            "---\napiVersion: v1\n",
        ] {
            assert_eq!(of(kubectl), Format::Kubectl, "{kubectl}");
        }
        let audit = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metad"#;
        assert_eq!(of(audit), Format::Audit);
        assert_eq!(of("{\"resourceLogs\":[{\"resource\":"), Format::K8sObjects);
        for other in ["", "LICENSE", "{", "[]", "{}", "{\"kind\":\"Pod\"}", "\u{1}\u{1}"] {
            assert_eq!(of(other), Format::Recording, "{other}");
        }
    }
}
