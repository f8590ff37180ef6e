//! Values of OTLP as JSON, turned into plain JSON; pure.

use serde_json::{Map, Value};

use crate::otlp::number::{real, whole};

/// What an `AnyValue` says; what is no such value says nothing.
pub(super) fn plain(value: &Value) -> Value {
    let Some((form, value)) = value.as_object().and_then(|forms| forms.iter().next()) else {
        return Value::Null;
    };
    match form.as_str() {
        "intValue" => whole(value).map_or(Value::Null, Value::from),
        "doubleValue" => real(value).map_or(Value::Null, Value::from),
        "arrayValue" => Value::Array(values(value).iter().map(plain).collect()),
        "kvlistValue" => {
            let pairs = values(value).iter().filter_map(|pair| {
                let key = pair.get("key")?.as_str()?.to_owned();
                Some((key, pair.get("value").map_or(Value::Null, plain)))
            });
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        "stringValue" | "boolValue" => value.clone(),
        _ => Value::Null,
    }
}

fn values(list: &Value) -> &[Value] {
    list.get("values").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_of_a_log_record_reads_as_the_object_that_it_was_made_of() {
        let pair = |key: &str, value: Value| json!({"key": key, "value": value});
        let list =
            json!({"arrayValue": {"values": [{"stringValue": "a"}, {"boolValue": true}, {}]}});
        let body = json!({"kvlistValue": {"values": [
            pair("n", json!({"intValue": "-7"})),
            pair("m", json!({"intValue": 7})),
            pair("e", json!({"intValue": "7e0"})),
            pair("x", json!({"doubleValue": 1.5})),
            pair("y", json!({"doubleValue": "1.5"})),
            pair("nan", json!({"doubleValue": "NaN"})),
            pair("list", list),
            pair("empty", json!({"kvlistValue": {}})),
            pair("bytes", json!({"bytesValue": "AA=="})),
        ]}});
        let object = json!({"n": -7, "m": 7, "e": 7, "x": 1.5, "y": 1.5, "nan": null, "list": ["a", true, null], "empty": {}, "bytes": null});
        assert_eq!(plain(&body), object);
        for wrong in [json!(null), json!(3), json!({}), json!({"intValue": "x"})] {
            assert_eq!(plain(&wrong), Value::Null);
        }
    }
}
