//! What may be waited for, in the words of `kubectl wait --for`.

use std::fmt;

use super::json_path::{JsonPath, Parts};
use super::json_value::JsonValue;
use super::statement::Place;

/// A test of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    /// A condition has this status.
    Condition { name: Box<str>, status: &'static str },
    /// A value is this one, or is there at all.
    Value { path: JsonPath, expected: Option<Box<str>> },
}

/// What conditions may be; anything else never holds.
const STATUSES: [&str; 3] = ["True", "False", "Unknown"];

impl Wait {
    /// Reads `condition=Ready`, `condition=Ready=False`, `jsonpath={.status.phase}=Running` or
    /// `jsonpath={.status.phase}`.
    ///
    /// # Errors
    /// Tells what is wrong with it, and what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("condition=") {
            let (name, status) = rest.split_once('=').unwrap_or((rest, "True"));
            if name.is_empty() {
                return Err(format!("{text:?} names no condition: condition=Ready does"));
            }
            let status = STATUSES.into_iter().find(|it| it.eq_ignore_ascii_case(status));
            let status = status.ok_or_else(|| {
                format!("{text:?} never holds: a condition is True, False or Unknown")
            })?;
            return Ok(Self { what: What::Condition { name: name.into(), status } });
        }
        let Some(rest) = text.strip_prefix("jsonpath=") else {
            return Err(format!(
                "{text:?} is not understood: condition=NAME, condition=NAME=STATUS, \
                 jsonpath={{PATH}} or jsonpath={{PATH}}=VALUE is expected"
            ));
        };
        let (path, expected) = match rest.split_once('=') {
            None => (rest, None),
            Some((path, value)) => {
                let value = value.trim_matches(['\'', '"']);
                if value.is_empty() {
                    return Err(format!(
                        "{text:?} has no value after the =: without the = any value will do"
                    ));
                }
                (path, Some(value.into()))
            }
        };
        // In a shell the path stands in quotes, and so in what people copy.
        let path = JsonPath::parse(path.trim_matches('\''))?;
        Ok(Self { what: What::Value { path, expected } })
    }

    /// What of the object makes it hold, if it does.
    pub(super) fn find<'o, 'a>(&self, object: Parts<'o, 'a>) -> Option<Place<'o, 'a>> {
        match &self.what {
            What::Condition { name, status } => {
                let condition = condition(object.status, name)?;
                let is_so = text_of(condition.at("status")?)?.eq_ignore_ascii_case(status);
                is_so.then_some(Place::Condition(condition))
            }
            What::Value { path, expected } => {
                let (map, value) = path.find_within(object)?;
                let is_so = match expected {
                    None => true,
                    Some(expected) => {
                        text_of(value).is_some_and(|text| text.trim() == expected.trim())
                    }
                };
                is_so.then_some(Place::Value { map, value })
            }
        }
    }

    /// What it looks at, whatever that says.
    pub(super) fn looked_at<'o, 'a>(&self, object: Parts<'o, 'a>) -> Option<Place<'o, 'a>> {
        match &self.what {
            What::Condition { .. } => self.condition(object).map(Place::Condition),
            What::Value { path, .. } => {
                let (map, value) = path.find_within(object)?;
                Some(Place::Value { map, value })
            }
        }
    }

    /// The condition that it looks at, whatever that says.
    pub(super) fn condition<'o, 'a>(&self, object: Parts<'o, 'a>) -> Option<&'o JsonValue<'a>> {
        match &self.what {
            What::Condition { name, .. } => condition(object.status, name),
            What::Value { .. } => None,
        }
    }
}

/// As it may be written again.
impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Condition { name, status: "True" } => write!(f, "condition={name}"),
            What::Condition { name, status } => write!(f, "condition={name}={status}"),
            What::Value { path, expected: None } => write!(f, "jsonpath={path}"),
            What::Value { path, expected: Some(value) } => write!(f, "jsonpath={path}={value}"),
        }
    }
}

/// The conditions of a status, or of a part of it. Where their types are the words of its state
/// (`initializing`, `ready`), they are the history of that, each `True` for ever, and the newest of the
/// state that it is in counts (Percona's operators, pkg/apis/pxc/v1, `AddCondition`).
pub(super) fn conditions<'o, 'a>(status: &'o JsonValue<'a>) -> &'o [JsonValue<'a>] {
    let all = status.at("conditions").map(JsonValue::items).unwrap_or_default();
    let name = |it: &'o JsonValue<'a>| it.text_at("type").unwrap_or_default();
    let is_word = |it| name(it).starts_with(|it: char| it.is_ascii_lowercase());
    let is_true = |it: &JsonValue<'a>| it.text_at("status").is_some_and(|is| is == "True");
    if !all.first().is_some_and(is_word) || !all.iter().all(is_true) {
        return all;
    }
    let state = ["state", "phase", "status"].iter().find_map(|key| status.text_at(key));
    let newest = all.iter().rposition(|it| Some(name(it)) == state);
    newest.and_then(|at| all.get(at..=at)).unwrap_or(all)
}

/// The condition of this type in a status; names are compared without regard to case, as kubectl
/// does.
pub(super) fn condition<'o, 'a>(
    status: &'o JsonValue<'a>,
    name: &str,
) -> Option<&'o JsonValue<'a>> {
    let is_it = |found: &&JsonValue<'a>| {
        found.text_at("type").is_some_and(|found| found.eq_ignore_ascii_case(name))
            && found.at("status").is_some()
    };
    conditions(status).iter().find(is_it)
}

/// A value as kubectl compares it; maps and lists cannot be compared.
pub(super) fn text_of(node: &JsonValue<'_>) -> Option<String> {
    match node {
        JsonValue::Bool(value) => Some(value.to_string()),
        JsonValue::Whole(number) => Some(number.to_string()),
        JsonValue::Float(number) => Some(number.to_string()),
        JsonValue::Text(text) => Some(text.to_string()),
        JsonValue::Null
        | JsonValue::EmptyList
        | JsonValue::EmptyMap
        | JsonValue::List(_)
        | JsonValue::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Wait;
    use crate::kinds::json_path::Parts;
    use crate::kinds::json_value::JsonValue;
    use crate::kinds::statement::Place;

    fn holds(wait: &str, status: &str) -> bool {
        let (spec, status) = (JsonValue::Null, serde_json::from_str(status).unwrap());
        Wait::parse(wait).unwrap().find(Parts { spec: &spec, status: &status }).is_some()
    }

    #[test]
    fn a_condition_is_true_unless_another_status_is_waited_for() {
        let status = |is: &str| format!(r#"{{"conditions":[{{"type":"Ready","status":"{is}"}}]}}"#);
        for (wait, is, expected) in [
            ("condition=Ready", "True", true),
            ("condition=Ready", "False", false),
            ("condition=ready", "True", true),
            ("condition=Ready=true", "True", true),
            ("condition=Ready=False", "False", true),
            ("condition=Ready=False", "Unknown", false),
            ("condition=Ready=Unknown", "Unknown", true),
            ("condition=Other", "True", false),
        ] {
            assert_eq!(holds(wait, &status(is)), expected, "{wait} {is}");
        }
        assert!(!holds("condition=Ready", r#"{"conditions":[{"type":"Ready"}]}"#));
        assert!(!holds("condition=Ready", r#"{"conditions":"Ready"}"#));
        assert!(!holds("condition=Ready=False", "null"));
    }

    #[test]
    fn a_value_is_compared_as_text_or_only_has_to_be_there() {
        let status = r#"{"phase":"Running","n":3,"is":true,"x":1.5,"map":{"a":1}}"#;
        for (wait, expected) in [
            ("jsonpath={.status.phase}=Running", true),
            ("jsonpath={.status.phase}=running", false),
            ("jsonpath={.status.phase}='Running'", true),
            ("jsonpath='{.status.phase}'=Running", true),
            ("jsonpath=.status.n=3", true),
            ("jsonpath={.status.is}=true", true),
            ("jsonpath={.status.x}=1.5", true),
            ("jsonpath={.status.map}", true),
            ("jsonpath={.status.map}=1", false),
            ("jsonpath={.status.phase}", true),
            ("jsonpath={.status.none}", false),
        ] {
            assert_eq!(holds(wait, status), expected, "{wait}");
        }
    }

    #[test]
    fn what_made_it_hold_is_told() {
        let status = serde_json::from_str(
            r#"{"conditions":[{"type":"Failed","status":"True","reason":"R"}]}"#,
        );
        let (spec, status) = (JsonValue::Null, status.unwrap());
        let wait = Wait::parse("condition=Failed").unwrap();
        let Some(Place::Condition(found)) = wait.find(Parts { spec: &spec, status: &status })
        else {
            panic!("it holds");
        };
        assert_eq!(found.text_at("reason"), Some("R"));
    }

    #[test]
    fn a_test_is_written_as_it_may_be_read() {
        for text in [
            "condition=Ready",
            "condition=Ready=False",
            "jsonpath={.status.phase}",
            "jsonpath={.status.phase}=Running",
        ] {
            assert_eq!(Wait::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_kubectl_would_not_take_or_never_see_is_refused() {
        for (text, told) in [
            ("delete", "\"delete\" is not understood: condition=NAME"),
            ("Ready", "\"Ready\" is not understood: condition=NAME"),
            ("condition=", "names no condition"),
            ("condition==True", "names no condition"),
            ("condition=Ready=ture", "never holds: a condition is True, False or Unknown"),
            ("condition=Ready=", "never holds"),
            ("jsonpath={.status.phase}=", "has no value after the ="),
            ("jsonpath=", "leads nowhere"),
            ("jsonpath={.status.conditions[*]}", "[*] in"),
        ] {
            let refused = Wait::parse(text).unwrap_err();
            assert!(refused.contains(told), "{text}: {refused}");
        }
    }
}
