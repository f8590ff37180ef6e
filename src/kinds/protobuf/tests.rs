//! Kubernetes' protobuf is read as its JSON is; what is none of it harms nobody.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};
use serde::Deserialize;

use super::schema::{self, Field, Type};
use super::{Cursor, MAGIC, Value, message, peek, read};
use crate::facts::kind::Lane;
use crate::kinds::{Catalog, note, snapshot};

/// Pods of all sorts as Kubernetes' own code of 1.37 writes them, a list in each encoding.
const PODS: &[u8] = include_bytes!("../../../tests/objects/pods.pb");
const PODS_IN_JSON: &str = include_str!("../../../tests/objects/pods.json");
/// Pods as a server of 1.36 answered with them.
const OF_A_SERVER: &[u8] = include_bytes!("../../../tests/objects/pods_of_a_server.pb");
const OF_A_SERVER_IN_JSON: &str = include_str!("../../../tests/objects/pods_of_a_server.json");
const EVENTS: &[u8] = include_bytes!("../../../tests/objects/events.pb");
const EVENTS_IN_JSON: &str = include_str!("../../../tests/objects/events.json");

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::default);

fn descriptors() -> DescriptorPool {
    let root = env!("CARGO_MANIFEST_DIR");
    let compiled = protox::compile(["kubernetes.proto"], [format!("{root}/proto")]).unwrap();
    DescriptorPool::from_file_descriptor_set(compiled).unwrap()
}

/// Whether a table says of a message what the `.proto` file says.
fn is_said(fields: &[Field], of: &MessageDescriptor) {
    let told: BTreeMap<u64, String> =
        fields.iter().map(|it| (it.number, it.name.to_owned())).collect();
    let written: BTreeMap<u64, String> =
        of.fields().map(|it| (it.number().into(), it.name().to_owned())).collect();
    assert_eq!(told, written, "{}", of.name());
    for field in fields {
        let written = of.get_field(u32::try_from(field.number).unwrap()).unwrap();
        let (of, is_list, is_map) = if let Type::List(of) = field.of {
            (*of, true, false)
        } else if let Type::Map(of) = field.of {
            (*of, false, true)
        } else {
            (field.of, false, false)
        };
        assert_eq!((written.is_list(), written.is_map()), (is_list, is_map), "{}", field.name);
        let mut kind = written.kind();
        if let Kind::Message(entry) = &kind
            && is_map
        {
            kind = entry.map_entry_value_field().kind();
        }
        match (of, kind) {
            (Type::Text, Kind::String) | (Type::Flag, Kind::Bool) => {}
            (Type::Number, Kind::Int32 | Kind::Int64) => {}
            (Type::Time, Kind::Message(it)) if it.name() == "Timestamp" => {}
            (Type::Quantity, Kind::Message(it)) if it.name() == "Quantity" => {}
            (Type::Message(fields) | Type::Inline(fields), Kind::Message(it)) => {
                is_said(fields, &it);
            }
            (said, written) => panic!("{}: {said:?} is written {written:?}", field.name),
        }
    }
}

#[test]
fn the_tables_say_what_the_proto_file_says() {
    let pool = descriptors();
    for (name, fields) in [
        ("Pod", schema::POD),
        ("Event", schema::EVENT),
        ("Object", schema::OBJECT),
        ("Status", schema::STATUS),
        ("ListMeta", schema::LIST_META),
    ] {
        let full = format!("lifespan.kubernetes.{name}");
        is_said(fields, &pool.get_message_by_name(&full).unwrap());
    }
}

/// A message in the envelope that says that it is in protobuf.
fn enveloped(message: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    prost::encoding::bytes::encode(2, &message.to_vec(), &mut out);
    out
}

/// The items of a list in both encodings.
fn both(list: &[u8], json: &str) -> Vec<(Vec<u8>, String)> {
    #[derive(Deserialize)]
    struct List {
        items: Vec<serde_json::Value>,
    }
    let json: List = serde_json::from_str(json).unwrap();
    let mut fields = Cursor(message(list).unwrap().unwrap());
    let mut cut = Vec::new();
    while let Some((number, value)) = fields.next().unwrap() {
        if let (2, Value::Bytes(item)) = (number, value) {
            cut.push(enveloped(item));
        }
    }
    assert_eq!(cut.len(), json.items.len());
    cut.into_iter().zip(json.items.iter().map(ToString::to_string)).collect()
}

#[test]
fn what_a_server_writes_in_protobuf_is_what_it_writes_in_json() {
    let mut pods = both(PODS, PODS_IN_JSON);
    pods.extend(both(OF_A_SERVER, OF_A_SERVER_IN_JSON));
    assert!(pods.len() > 10);
    for (pod, json) in pods {
        let read = |object: &[u8]| snapshot(&CATALOG, Lane::Pods, object).unwrap();
        assert_eq!(read(&pod), read(json.as_bytes()));
    }
    let events = both(EVENTS, EVENTS_IN_JSON);
    assert!(events.len() > 1);
    for (event, json) in events {
        let read = |object: &[u8]| note(&CATALOG, object).unwrap();
        assert_eq!(read(&event), read(json.as_bytes()));
    }
}

#[test]
fn what_is_no_message_is_refused_by_name_as_far_as_that_is_known() {
    let told = |object: &[u8]| snapshot(&CATALOG, Lane::Pods, object).unwrap_err().to_string();
    let what = "it is not what Kubernetes' protobuf says of a Pod";
    assert_eq!(told(MAGIC), format!("Pod: {what}"));
    // A name, and a spec that is a number.
    let object = b"k8s\0\x12\x0a\x0a\x06\x0a\x04web1\x10\x01";
    assert_eq!(told(object), format!("Pod web1: {what}"));
    // No spec at all: what is missing is told as of JSON.
    let object = b"k8s\0\x12\x08\x0a\x06\x0a\x04web1";
    assert_eq!(told(object), "Pod web1: metadata.uid is missing: a UUID is expected");
}

#[test]
fn numbers_may_be_negative_times_absent_and_lists_stand_apart_but_once() {
    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Status {
        code: i64,
        message: String,
    }
    let negative = b"\x30\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x1a\x02ab";
    let status = Status { code: -2, message: "ab".to_owned() };
    assert_eq!(read(schema::STATUS, negative), Ok(status));
    // The code is there twice, or is a text, or has no end.
    for wrong in [&b"\x30\x01\x30\x02"[..], b"\x32\x01a", b"\x30\xff"] {
        assert!(read::<Status>(schema::STATUS, wrong).is_err(), "{wrong:?}");
    }
    // What is not asked for may be of any type, but not a group.
    for passed in [&b"\x0a\x01a"[..], b"\x08\x01", b"\x09aaaaaaaa", b"\x0daaaa"] {
        assert_eq!(read(schema::STATUS, passed), Ok(Status::default()), "{passed:?}");
    }
    assert!(read::<Status>(schema::STATUS, b"\x0b\x0c").is_err());
}

#[test]
fn json_is_told_from_protobuf_by_its_head() {
    assert!(message(b"{}").is_none() && message(b"k8s").is_none());
    assert_eq!(message(b"k8s\0\x0a\x00\x12\x02ab\x1a\x00"), Some(Ok(&b"ab"[..])));
    assert!(message(b"k8s\0\x12\x03ab").unwrap().is_err());
    #[derive(Default, Deserialize)]
    struct Status {
        message: String,
    }
    for status in
        [&b"k8s\0\x12\x04\x1a\x02ab"[..], br#"{"message":"ab"}"#, br#"{"message":"\u0061b"}"#]
    {
        assert_eq!(peek::<Status>(schema::STATUS, status).unwrap().message, "ab", "{status:?}");
    }
}

/// Whether it is read; that it returns at all is the point.
fn is_read(object: &[u8]) -> bool {
    let is_pod = snapshot(&CATALOG, Lane::Pods, object).is_ok();
    note(&CATALOG, object).is_ok() || is_pod
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(read::<BTreeMap<String, serde::de::IgnoredAny>>(schema::POD, &bytes));
        is_read(&[MAGIC, &bytes].concat());
        is_read(&enveloped(&bytes));
    }

    #[test]
    fn no_object_that_was_changed_or_cut_panics(
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut objects = both(PODS, PODS_IN_JSON);
        objects.extend(both(EVENTS, EVENTS_IN_JSON));
        let (mut object, _) = which.get(&objects).clone();
        let is_whole = flips.is_empty() && cut.is_none();
        for (at, byte) in flips {
            *at.get_mut(&mut object) = byte;
        }
        if let Some(at) = cut {
            object.truncate(at.index(object.len()));
        }
        prop_assert!(is_read(&object) || !is_whole);
    }
}
