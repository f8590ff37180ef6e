//! Numbers as JSON of protobuf has them: whole ones of 64 bits are written as texts, and whoever reads
//! takes a number as well, also one with an exponent.
//! (<https://protobuf.dev/programming-guides/json/>)

use serde_json::{Number, Value};

/// An int64, uint64 or fixed64, as far as an `i64` holds it; `None` for what is no whole number.
#[must_use]
pub fn whole(value: &Value) -> Option<i64> {
    let real = match value {
        Value::String(text) => match text.parse() {
            Ok(whole) => return Some(whole),
            Err(_) => text.parse::<f64>().ok()?,
        },
        Value::Number(number) => match number.as_i64() {
            Some(whole) => return Some(whole),
            None => number.as_f64()?,
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let is_whole = real.fract() == 0.0;
    is_whole.then(|| format!("{real:.0}").parse().ok()).flatten()
}

/// A double; `None` for what is none, and for what plain JSON has no number for.
#[must_use]
pub fn real(value: &Value) -> Option<Number> {
    match value {
        Value::String(text) => Number::from_f64(text.parse().ok()?),
        Value::Number(number) => Some(number.clone()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_number_is_a_text_or_a_number() {
        for written in [json!("200"), json!(200), json!(200.0), json!("2e2"), json!(2e2)] {
            assert_eq!(whole(&written), Some(200), "{written}");
        }
        let (least, most) = (i64::MIN, i64::MAX);
        assert_eq!(whole(&json!(least.to_string())), Some(least));
        assert_eq!(whole(&json!(most)), Some(most));
        for none in [json!("1.5"), json!(1.5), json!(""), json!("inf"), json!(null), json!(true)] {
            assert_eq!(whole(&none), None, "{none}");
        }
        assert_eq!(whole(&json!(u64::MAX)), None, "it has no room");
    }

    #[test]
    fn a_double_is_a_number_or_a_text() {
        for written in [json!("1.5"), json!(1.5)] {
            assert_eq!(real(&written), Number::from_f64(1.5), "{written}");
        }
        assert_eq!(real(&json!(7)), Some(Number::from(7)));
        for none in [json!("NaN"), json!("-Infinity"), json!("x"), json!(null)] {
            assert_eq!(real(&none), None, "{none}");
        }
    }
}
