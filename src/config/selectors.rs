//! Whether an API server would take a selector; pure.
//!
//! The rules are those of Kubernetes' `labels.Parse` and `fields.ParseSelector`.

use crate::facts::meta::is_label;

/// What is expected of a selector of labels.
const LABELS: &str = "expected such as app=web,tier!=cache,env in (a, b),!old";

/// What is expected of a selector of fields.
const FIELDS: &str = "expected such as metadata.name=web,status.phase!=Running";

/// Proves a selector of labels.
pub(super) fn labels(text: &str) -> Result<(), String> {
    for part in split(text) {
        if !is_requirement(part) {
            return Err(format!("label_selector: {part:?} is not understood: {LABELS}"));
        }
    }
    Ok(())
}

/// Proves a selector of fields.
pub(super) fn fields(text: &str) -> Result<(), String> {
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let is_field = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let parts = part
            .split_once("!=")
            .or_else(|| part.split_once("=="))
            .or_else(|| part.split_once('='));
        if !parts.is_some_and(|(name, value)| is_field(name) && !value.contains('=')) {
            return Err(format!("field_selector: {part:?} is not understood: {FIELDS}"));
        }
    }
    Ok(())
}

/// The requirements of a selector: commas within brackets part none.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|_| !text.trim().is_empty()).collect()
}

fn is_requirement(part: &str) -> bool {
    if let Some(key) = part.strip_prefix('!') {
        return is_key(key.trim());
    }
    if let Some((key, rest)) = part.split_once(char::is_whitespace)
        && let Some((word, values)) = rest.trim().split_once('(')
        && let Some(values) = values.strip_suffix(')')
    {
        let is_word = matches!(word.trim(), "in" | "notin");
        return is_word && is_key(key) && values.split(',').all(|value| is_value(value.trim()));
    }
    for operator in ["!=", "==", "="] {
        if let Some((key, value)) = part.split_once(operator) {
            return is_key(key.trim()) && is_value(value.trim());
        }
    }
    for operator in ['<', '>'] {
        if let Some((key, value)) = part.split_once(operator) {
            return is_key(key.trim()) && value.trim().parse::<i64>().is_ok();
        }
    }
    is_key(part)
}

/// `app`, `app.kubernetes.io/name`
fn is_key(text: &str) -> bool {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    let is_prefix = |prefix: &str| prefix.len() <= 253 && prefix.split('.').all(is_label);
    prefix.is_none_or(is_prefix) && !name.is_empty() && is_value(name)
}

/// At most 63 letters, digits, `-`, `_` and `.`, that begin and end with a letter or digit.
fn is_value(text: &str) -> bool {
    let is_end = |byte: &u8| byte.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.first().is_none_or(is_end)
        && bytes.last().is_none_or(is_end)
        && bytes.iter().all(|byte| is_end(byte) || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_taken_as_the_api_server_takes_it() {
        for good in [
            "",
            "app=web",
            "app = web, tier!=cache",
            "env in (a, b),!old",
            "env notin (a)",
            "app.kubernetes.io/name==x",
            "n>5",
            "a=",
            "app",
        ] {
            assert_eq!(labels(good), Ok(()), "{good}");
        }
        for bad in [
            "app==web=x",
            "env in a",
            "in (a)",
            "a b",
            "=x",
            "a=b c",
            "a=-b",
            "A/b/c",
            "n>x",
            "a,,b",
        ] {
            assert!(labels(bad).is_err(), "{bad}");
        }
        for good in ["", "metadata.name=web", "status.phase!=Running,spec.nodeName==n", "a="] {
            assert_eq!(fields(good), Ok(()), "{good}");
        }
        for bad in ["metadata.name", "=x", "a=b=c", "a b=c"] {
            assert!(fields(bad).is_err(), "{bad}");
        }
    }
}
