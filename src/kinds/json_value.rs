//! A part of an object as a tree that borrows from the JSON, for specs, of which all counts.
//!
//! What says nothing is left out as it is read: null, and maps and lists without content, such as
//! the `creationTimestamp: null` of every pod template. Of custom resources only null is: their
//! controllers add empty maps as defaults, which is a change of the spec.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::read::whole;

/// A value of JSON; maps are sorted by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum JsonValue<'a> {
    #[default]
    Null,
    Bool(bool),
    /// A whole number, however it was written.
    Whole(i64),
    /// Any other number.
    Float(f64),
    Text(Cow<'a, str>),
    /// A list without items, where that counts.
    EmptyList,
    /// A map without entries, where that counts.
    EmptyMap,
    List(Vec<Self>),
    Map(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> JsonValue<'a> {
    /// The value at `key`, if this is a map that has it.
    pub(super) fn at(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        let at = entries.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        entries.get(at).map(|(_, node)| node)
    }

    /// The value below `keys`.
    pub(super) fn below(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.at(key))
    }

    /// The string, if this is one.
    pub(super) fn text(&self) -> Option<&Cow<'a, str>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The string at `key`, if there is one.
    pub(super) fn text_at(&self, key: &str) -> Option<&str> {
        self.at(key)?.text().map(|text| &**text)
    }

    /// The number, if this is a whole one.
    pub(super) fn whole(&self) -> Option<i64> {
        if let Self::Whole(number) = self { Some(*number) } else { None }
    }

    /// The whole number at `key`, also one in a string, as Argo Rollouts writes it.
    pub(super) fn number_at(&self, key: &str) -> Option<i64> {
        let node = self.at(key)?;
        if let Self::Text(text) = node { text.parse().ok() } else { node.whole() }
    }

    /// The items, if this is a list.
    pub(super) fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The entries, if this is a map.
    pub(super) fn entries(&self) -> &[(Cow<'a, str>, Self)] {
        if let Self::Map(entries) = self { entries } else { &[] }
    }

    /// Whether it says nothing.
    pub(super) fn is_void(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(items) => items.iter().all(Self::is_void),
            Self::Map(entries) => entries.is_empty(),
            Self::Bool(_)
            | Self::Whole(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::EmptyList
            | Self::EmptyMap => false,
        }
    }

    /// Whether both say the same where what is empty may be left out, as controllers in Go leave it
    /// out of what they repeat.
    pub(super) fn says_as(&self, other: &Self) -> bool {
        let is_in = |key: &str, node: &Self, map: &Self| {
            map.at(key).map_or_else(|| node.may_be_left_out(), |other| node.says_as(other))
        };
        match (self, other) {
            (Self::Map(a), Self::Map(b)) => {
                a.iter().all(|(key, node)| is_in(key, node, other))
                    && b.iter().all(|(key, node)| is_in(key, node, self))
            }
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.says_as(b))
            }
            _ => self == other || (self.may_be_left_out() && other.may_be_left_out()),
        }
    }

    fn may_be_left_out(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) | Self::Whole(0) | Self::EmptyList | Self::EmptyMap => {
                true
            }
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Map(entries) => entries.iter().all(|(_, node)| node.may_be_left_out()),
            Self::Bool(true) | Self::Whole(_) | Self::Float(_) => false,
        }
    }

    /// The same without what says nothing, as other specs are read.
    pub(super) fn without_void(&self) -> Self {
        match self {
            Self::EmptyList => Self::List(Vec::new()),
            Self::EmptyMap => Self::Map(Vec::new()),
            Self::List(items) => Self::List(items.iter().map(Self::without_void).collect()),
            Self::Map(entries) => {
                let said = entries.iter().map(|(key, node)| (key.clone(), node.without_void()));
                Self::Map(said.filter(|(_, node)| !node.is_void()).collect())
            }
            Self::Null | Self::Bool(_) | Self::Whole(_) | Self::Float(_) | Self::Text(_) => {
                self.clone()
            }
        }
    }

    /// Takes out what stands below `keys`, and the maps that are empty without it.
    pub(super) fn remove(&mut self, keys: &[&str]) -> bool {
        let (Self::Map(entries), Some((first, rest))) = (self, keys.split_first()) else {
            return false;
        };
        let Ok(at) = entries.binary_search_by(|(key, _)| (**key).cmp(first)) else { return false };
        let Some((_, node)) = entries.get_mut(at) else { return false };
        let is_removed = rest.is_empty() || node.remove(rest);
        if rest.is_empty() || (is_removed && node.is_void()) {
            entries.remove(at);
        }
        is_removed
    }

    /// Appends bytes that are equal for equal values and for no others.
    pub(super) fn write_canonical(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Null => bytes.push(b'z'),
            Self::Bool(false) => bytes.push(b'f'),
            Self::Bool(true) => bytes.push(b't'),
            Self::Whole(number) => {
                bytes.push(b'i');
                bytes.extend(number.to_le_bytes());
            }
            Self::Float(number) => {
                bytes.push(b'd');
                bytes.extend(number.to_bits().to_le_bytes());
            }
            Self::Text(text) => write_text(text, bytes),
            Self::EmptyList => bytes.extend(*b"[]"),
            Self::EmptyMap => bytes.extend(*b"{}"),
            Self::List(items) => {
                bytes.push(b'[');
                items.iter().for_each(|item| item.write_canonical(bytes));
                bytes.push(b']');
            }
            Self::Map(entries) => {
                bytes.push(b'{');
                for (key, node) in entries {
                    write_text(key, bytes);
                    node.write_canonical(bytes);
                }
                bytes.push(b'}');
            }
        }
    }

    /// What stands here, in words, without the content of strings.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Whole(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(_) => "a string".to_owned(),
            Self::List(_) | Self::EmptyList => "a list".to_owned(),
            Self::Map(_) | Self::EmptyMap => "a map".to_owned(),
        }
    }
}

fn write_text(text: &str, bytes: &mut Vec<u8>) {
    let [a, b, c, d, e, f, g, h] = u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes();
    bytes.extend_from_slice(&[b's', a, b, c, d, e, f, g, h]);
    bytes.extend_from_slice(text.as_bytes());
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonValue<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor { keeps_empty: false })
    }
}

/// A node in which empty maps and lists count.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Whole<'a>(pub(super) JsonValue<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Whole<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor { keeps_empty: true }).map(Whole)
    }
}

#[derive(Clone, Copy)]
struct JsonVisitor {
    keeps_empty: bool,
}

impl<'de> DeserializeSeed<'de> for JsonVisitor {
    type Value = JsonValue<'de>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<JsonValue<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = JsonValue<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<JsonValue<'de>, E> {
        Ok(JsonValue::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<JsonValue<'de>, E> {
        Ok(JsonValue::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<JsonValue<'de>, E> {
        Ok(JsonValue::Whole(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<JsonValue<'de>, E> {
        #[expect(clippy::cast_precision_loss, reason = "no field of Kubernetes reaches 2^63")]
        Ok(i64::try_from(number).map_or(JsonValue::Float(number as f64), JsonValue::Whole))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<JsonValue<'de>, E> {
        Ok(whole(number).map_or(JsonValue::Float(number), JsonValue::Whole))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<JsonValue<'de>, E> {
        Ok(JsonValue::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<JsonValue<'de>, E> {
        Ok(JsonValue::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<JsonValue<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self)? {
            items.push(item);
        }
        if self.keeps_empty && items.is_empty() {
            return Ok(JsonValue::EmptyList);
        }
        Ok(JsonValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonValue<'de>, A::Error> {
        let mut entries: Vec<(Cow<'de, str>, JsonValue<'de>)> = Vec::new();
        while let Some(key) = map.next_key::<super::read::Text<'de>>()? {
            let node = map.next_value_seed(self)?;
            if !node.is_void() {
                entries.push((key.0, node));
            }
        }
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            // Of a key written twice the last value counts, as in Go.
            entries.reverse();
            entries.dedup_by(|(a, _), (b, _)| a == b);
            entries.reverse();
        }
        if self.keeps_empty && entries.is_empty() {
            return Ok(JsonValue::EmptyMap);
        }
        Ok(JsonValue::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::{JsonValue, Whole};

    fn node(json: &str) -> JsonValue<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn of_a_key_written_twice_the_last_value_counts() {
        assert_eq!(node(r#"{"a":1,"b":2,"a":3}"#), node(r#"{"b":2,"a":3}"#));
    }

    #[test]
    fn what_is_removed_takes_empty_maps_with_it() {
        let mut tree = node(r#"{"a":{"b":{"c":1}},"d":2}"#);
        assert!(!tree.remove(&["a", "x"]));
        assert!(!tree.remove(&["d", "x"]));
        assert!(tree.remove(&["a", "b", "c"]));
        assert_eq!(tree, node(r#"{"d":2}"#));
    }

    #[test]
    fn numbers_beyond_whole_ones_are_kept_apart() {
        assert_eq!(node("1e2"), JsonValue::Whole(100));
        assert_eq!(node("-0.0"), JsonValue::Whole(0));
        assert_eq!(node("1e300"), JsonValue::Float(1e300));
        assert_eq!(node("18446744073709551615"), JsonValue::Float(18_446_744_073_709_551_615.0));
    }

    #[test]
    fn emptiness_counts_where_it_is_asked_for() {
        let whole = |json| serde_json::from_str::<Whole<'_>>(json).unwrap().0;
        let json = r#"{"a":{},"b":[],"c":null,"d":[{},null]}"#;
        assert_eq!(node(json), JsonValue::Map(Vec::new()));
        let tree = whole(json);
        assert_eq!(tree.at("a"), Some(&JsonValue::EmptyMap));
        assert_eq!(tree.at("b"), Some(&JsonValue::EmptyList));
        assert_eq!(tree.at("c"), None);
        assert_eq!(
            tree.at("d"),
            Some(&JsonValue::List(vec![JsonValue::EmptyMap, JsonValue::Null]))
        );
        let mut bytes = [Vec::new(), Vec::new(), Vec::new()];
        for (json, bytes) in ["{}", "[]", "null"].into_iter().zip(&mut bytes) {
            whole(json).write_canonical(bytes);
        }
        let [map, list, null] = bytes;
        assert!(map != list && list != null && map != null);
    }
}
