//! Who this process is, on its logs and metrics.

use std::collections::BTreeMap;

/// `service.name` and so on, with what the configuration says over it.
#[must_use]
pub fn resource(key: [u8; 32], configured: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut resource = BTreeMap::from([
        ("service.instance.id".to_owned(), uuid(key)),
        ("service.name".to_owned(), "lifespan".to_owned()),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ]);
    for (name, value) in configured {
        // The Collector: null takes a default away.
        if value.is_empty() {
            resource.remove(name);
        } else {
            resource.insert(name.clone(), value.clone());
        }
    }
    resource
}

/// A UUID of version 4 from random bytes (RFC 9562, section 5.4).
fn uuid(key: [u8; 32]) -> String {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = key;
    let (g, i) = ((g & 0x0f) | 0x40, (i & 0x3f) | 0x80);
    format!(
        "{a:02x}{b:02x}{c:02x}{d:02x}-{e:02x}{f:02x}-{g:02x}{h:02x}-{i:02x}{j:02x}-{k:02x}{l:02x}{m:02x}{n:02x}{o:02x}{p:02x}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_adds_replaces_and_takes_away() {
        let configured = [("service.name", "mine"), ("service.version", ""), ("k8s.pod.name", "p")];
        let configured = configured.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let resource = resource([0xff; 32], &configured);
        let told: Vec<_> = resource.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            told,
            [
                "k8s.pod.name=p",
                "service.instance.id=ffffffff-ffff-4fff-bfff-ffffffffffff",
                "service.name=mine"
            ]
        );
    }
}
