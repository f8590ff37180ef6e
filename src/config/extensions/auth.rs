//! `bearertokenauth`, `basicauth`, `headers_setter`

use std::path::PathBuf;

use super::super::node::{Node, Value};
use super::super::reader::Section;
use super::super::values::map;
use crate::export::{Auth, FileOrText, Headers};

pub(super) fn bearer(s: &mut Section<'_>) -> Option<Auth> {
    let header = s.text("header", "Authorization", "The header that has the token");
    let scheme = s.text("scheme", "Bearer", "The word before it; none if empty");
    let token = s.secret("token", "", "The token; never shown");
    let filename =
        s.text("filename", "", "A file whose first word is the token, read for each request");
    s.unsupported("tokens", "one token is sent: use token");
    for (key, value) in [("retry_on_failure", "{enabled: false}"), ("wait_for_token_file", "false")]
    {
        let instead = "the file is read for each request, and a request waits for it";
        s.unsupported_but(key, &[value], instead);
    }
    let Some(token) = credential(token, filename) else {
        s.fault("no bearer token provided");
        return None;
    };
    // Whether the header can be sent is known before there is a token.
    if let Err(error) = Headers::new([(&*header, "")]) {
        s.fault(&error.to_string());
    }
    Some(Auth::Bearer { header, scheme, token })
}

pub(super) fn basic(s: &mut Section<'_>) -> Option<Auth> {
    let instead = "it is for servers: use client_auth";
    s.unsupported_but("htpasswd", &["{file: '', inline: ''}"], instead);
    let mut client = s.section("client_auth", "Who to be");
    let username = client.text("username", "", "The user");
    let username_file = client.text("username_file", "", "A file that has it instead");
    let password = client.secret("password", "", "The password; never shown");
    let password_file = client.text(
        "password_file",
        "",
        "A file that has it instead; both are read for each request",
    );
    client.unsupported("secret_provider", "use password_file");
    client.end();
    let Some(username) = credential(username, username_file) else {
        s.fault("client_auth: a username or username_file is needed");
        return None;
    };
    let password = credential(password, password_file);
    Some(Auth::Basic { username, password: password.unwrap_or(FileOrText::Text(String::new())) })
}

/// What stands in a file goes before what is written.
fn credential(text: String, file: String) -> Option<FileOrText> {
    if !file.is_empty() {
        return Some(FileOrText::File(PathBuf::from(file)));
    }
    (!text.is_empty()).then_some(FileOrText::Text(text))
}

pub(super) fn headers(s: &mut Section<'_>) -> Option<Auth> {
    let place = s.place_of("headers");
    let mark = s.mark();
    let items = match s.node("headers") {
        Some(Node { value: Value::List(items), .. }) => items,
        Some(node) => vec![node],
        None => Vec::new(),
    };
    if items.is_empty() {
        s.fault_of("headers", &place, "missing header settings: expected a list of {key, value}");
    }
    let mut pairs = Vec::new();
    for item in items {
        let mut one = s.reader().section(vec!["headers".to_owned()], item);
        one.word("action", &["upsert", "insert", "update"], "");
        let (key, value) = (one.text("key", "", ""), one.text("value", "", ""));
        for source in ["from_context", "from_attribute", "default_value", "value_file"] {
            let instead = "spans are made here, and no request leads to them: give a value";
            one.unsupported_but(source, &["''"], instead);
        }
        if key.is_empty() {
            one.fault("a key is needed");
        }
        one.end();
        pairs.push((key, value));
    }
    let all = || pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let written = |shown: &dyn Fn(&str) -> String| {
        let items =
            all().map(|(key, value)| map([("key", key), ("value", &*shown(value))].into_iter()));
        format!("[{}]", items.collect::<Vec<_>>().join(", "))
    };
    let (plain, hidden) = (written(&str::to_owned), written(&|_| "[REDACTED]".to_owned()));
    let help = "Headers that are sent with each request, as a list of {key, value}; values are never shown";
    let hidden = (!pairs.is_empty()).then_some(hidden);
    s.enter_secret_instead(mark, "headers", plain, help, hidden);
    match Headers::new(all()) {
        Ok(headers) => Some(Auth::Headers(headers)),
        Err(error) => {
            s.fault(&error.to_string());
            None
        }
    }
}
