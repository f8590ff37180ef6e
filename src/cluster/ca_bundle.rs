//! Tells the API server which certificate a webhook will show.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::api_server::ApiServer;
use super::refusal::Failed;

/// Who writes, as the object's managed fields tell it.
const MANAGER: &str = "lifespan-webhook";

/// How many certificates a bundle keeps: while one process takes the place of another, both are
/// trusted.
const MAX_KEPT: usize = 3;

/// How often a configuration that others write meanwhile is read anew.
const TRIES: usize = 5;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// The configuration cannot be written; the message says what to do.
#[derive(Debug, thiserror::Error)]
#[error(
    "the caBundle of MutatingWebhookConfiguration {name} cannot be written: {problem}; it must exist, and get and update of it be permitted"
)]
pub struct BundleError {
    name: String,
    problem: String,
}

/// Puts the certificate in `pem` in front of what the webhooks of configuration `name` trust, where
/// it is not among that; whether anything was to be written.
///
/// # Errors
/// Tells what the API server said.
pub async fn trust(api: &ApiServer, name: &str, pem: &str) -> Result<bool, BundleError> {
    let wrong = |problem| BundleError { name: name.to_owned(), problem };
    let failed = |failed: Failed| wrong(failed.to_string());
    let path =
        format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}");
    for _ in 0..TRIES {
        let said = api.get(&path).await.map_err(failed)?;
        let mut found = serde_json::from_slice(&said).map_err(|error| wrong(error.to_string()))?;
        if !has_webhooks(&found) {
            return Err(wrong("it has no webhooks".to_owned()));
        }
        if !put(&mut found, pem) {
            return Ok(false);
        }
        match api.put(&path, MANAGER, &found).await {
            Err(Failed::Refused { code: 409, .. }) => {}
            written => return written.map(|()| true).map_err(failed),
        }
    }
    Err(wrong(format!("others wrote it {TRIES} times while it was read")))
}

fn has_webhooks(configuration: &Value) -> bool {
    let webhooks = configuration.get("webhooks").and_then(Value::as_array);
    webhooks.is_some_and(|webhooks| !webhooks.is_empty())
}

/// Writes the bundle of each webhook that does not have the certificate; whether there is any.
fn put(configuration: &mut Value, pem: &str) -> bool {
    let Some(webhooks) = configuration.get_mut("webhooks").and_then(Value::as_array_mut) else {
        return false;
    };
    let mut has_changed = false;
    for webhook in webhooks.iter_mut() {
        let Some(client) = webhook.get_mut("clientConfig").and_then(Value::as_object_mut) else {
            continue;
        };
        let old = client.get("caBundle").and_then(Value::as_str).unwrap_or_default();
        let old = STANDARD.decode(old).ok().and_then(|old| String::from_utf8(old).ok());
        let old = old.unwrap_or_default();
        if old.contains(pem.trim_end()) {
            continue;
        }
        has_changed = true;
        let bundle = bundle(pem, &old);
        client.insert("caBundle".to_owned(), json!(STANDARD.encode(bundle)));
    }
    has_changed
}

/// The new certificate, and the last ones before it.
fn bundle(pem: &str, old: &str) -> String {
    let old = old.split(BEGIN).skip(1).map(|rest| format!("{BEGIN}{}\n", rest.trim_end()));
    let new = format!("{}\n", pem.trim_end());
    let kept = old.filter(|old| *old != new).take(MAX_KEPT - 1);
    std::iter::once(new.clone()).chain(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_certificate_comes_first_and_the_last_ones_stay() {
        let pem = |n: u8| format!("{BEGIN}\n{n}\n-----END CERTIFICATE-----\n");
        let mut all = String::new();
        for n in 1..=5 {
            all = bundle(&pem(n), &all);
        }
        assert_eq!(all, format!("{}{}{}", pem(5), pem(4), pem(3)));
        assert_eq!(bundle(&pem(4), &all), format!("{}{}{}", pem(4), pem(5), pem(3)));
    }

    #[test]
    fn every_webhook_of_a_configuration_is_written() {
        let mut found =
            json!({"webhooks": [{"clientConfig": {}}, {"clientConfig": {"caBundle": "?"}}]});
        assert!(put(&mut found, "a"));
        for webhook in found["webhooks"].as_array().unwrap() {
            assert_eq!(webhook["clientConfig"]["caBundle"], STANDARD.encode("a\n"));
        }
        // What has it is left alone; where it was lost it is written again.
        assert!(!put(&mut found, "a"));
        found["webhooks"][1]["clientConfig"]["caBundle"] = json!("");
        assert!(put(&mut found, "a"));
        assert!(has_webhooks(&found));
        assert!(!has_webhooks(&json!({})) && !has_webhooks(&json!({"webhooks": []})));
    }
}
