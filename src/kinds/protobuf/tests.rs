//! Kubernetes' protobuf is read as its JSON is; what is none of it harms nobody.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, Value as Said};
use serde::Deserialize;

use super::{Cursor, MAGIC, Value, message, message_of, peek, read};
use crate::facts::kind::Lane;
use crate::kinds::read::Count;
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

/// The fields that are in a message and in those below it: the message that each is of, and its name.
fn fields_in(message: &DynamicMessage, found: &mut BTreeSet<(String, String)>) {
    fn value_in(value: &Said, found: &mut BTreeSet<(String, String)>) {
        if let Said::Message(message) = value {
            fields_in(message, found);
        } else if let Said::List(list) = value {
            list.iter().for_each(|it| value_in(it, found));
        } else if let Said::Map(map) = value {
            map.values().for_each(|it| value_in(it, found));
        }
    }
    for (field, value) in message.fields() {
        found.insert((field.parent_message().name().to_owned(), field.name().to_owned()));
        value_in(value, found);
    }
}

/// All fields of a message and of those below it.
fn fields_of(message: &MessageDescriptor, all: &mut BTreeSet<(String, String)>) {
    for field in message.fields() {
        let is_new = all.insert((message.name().to_owned(), field.name().to_owned()));
        let mut kind = field.kind();
        if let Kind::Message(entry) = &kind
            && field.is_map()
        {
            kind = entry.map_entry_value_field().kind();
        }
        if let Kind::Message(below) = kind
            && is_new
        {
            fields_of(&below, all);
        }
    }
}

/// What the others lack, as JSON and as the same fields stand in protobuf.
const RARE: [(&str, Lane, &str, &str); 2] = [
    (
        "Pod",
        Lane::Pods,
        r#""readinessGates":[{}],"schedulingGates":[{}],"volumes":[{"name":"v",
            "persistentVolumeClaim":{"claimName":"data"}},{"name":"w","ephemeral":{}}],
            "ephemeralContainers":[{"name":"debug","image":"sh"}]"#,
        r#""readinessGates":[{}],"schedulingGates":[{}],"volumes":[{"name":"v","volumeSource":{
            "persistentVolumeClaim":{"claimName":"data"}}},
            {"name":"w","volumeSource":{"ephemeral":{}}}],
            "ephemeralContainers":[{"ephemeralContainerCommon":{"name":"debug","image":"sh"}}]"#,
    ),
    (
        "Event",
        Lane::Events,
        r#""lastObservedTime":"2026-11-20T11:16:20.5Z""#,
        r#""lastObservedTime":"2026-11-20T11:16:20.5Z""#,
    ),
];

/// An object that says this.
fn saying(lane: Lane, what: &str) -> String {
    let metadata = r#""metadata":{"name":"a","uid":"d306cd69-2d2c-4dc9-881f-db7d756a03e0",
        "resourceVersion":"7"}"#;
    if lane == Lane::Events {
        let about = "bc7ff0ce-fec0-4b04-909c-60572110220e";
        return format!(
            r#"{{{metadata},"involvedObject":{{"uid":"{about}"}},"series":{{"count":3,{what}}}}}"#
        );
    }
    format!(
        r#"{{{metadata},"spec":{{{what},"containers":[{{"name":"app","image":"app:v1"}}]}},
            "status":{{"containerStatuses":[{{"name":"app","state":{{"waiting":{{
            "reason":"ErrImagePull","message":"no such image"}}}}}}],
            "ephemeralContainerStatuses":[{{"name":"debug"}}]}}}}"#
    )
}

fn rare(of: MessageDescriptor, lane: Lane, what: &str) -> DynamicMessage {
    let json = saying(lane, what);
    DynamicMessage::deserialize(of, &mut serde_json::Deserializer::from_str(&json)).unwrap()
}

#[test]
fn what_is_rare_is_the_same_in_both_encodings() {
    let pool = descriptors();
    for (name, lane, json, protobuf) in RARE {
        let of = pool.get_message_by_name(&format!("lifespan.kubernetes.{name}")).unwrap();
        let object = enveloped(&rare(of, lane, protobuf).encode_to_vec());
        let json = saying(lane, json);
        if lane == Lane::Events {
            let read = |object: &[u8]| note(&CATALOG, object).unwrap().unwrap();
            assert_eq!(read(&object), read(json.as_bytes()));
        } else {
            let read = |object: &[u8]| snapshot(&CATALOG, lane, object).unwrap();
            assert_eq!(read(&object), read(json.as_bytes()));
        }
    }
}

#[test]
fn no_field_of_the_proto_file_is_in_none_of_the_objects_that_are_read_in_both_encodings() {
    let pool = descriptors();
    let of = |name: &str| pool.get_message_by_name(&format!("lifespan.kubernetes.{name}")).unwrap();
    let (mut found, mut wanted) = (BTreeSet::new(), BTreeSet::new());
    for (name, lane, _, protobuf) in RARE {
        fields_in(&rare(of(name), lane, protobuf), &mut found);
    }
    let pods = [both(PODS, PODS_IN_JSON), both(OF_A_SERVER, OF_A_SERVER_IN_JSON)].concat();
    for (name, all) in [("Pod", pods), ("Event", both(EVENTS, EVENTS_IN_JSON))] {
        for (object, _) in all {
            let message = message_of(&object).unwrap().unwrap();
            fields_in(&DynamicMessage::decode(of(name), message).unwrap(), &mut found);
        }
        fields_of(&of(name), &mut wanted);
    }
    let missing: Vec<_> = wanted.difference(&found).collect();
    assert!(missing.is_empty(), "{missing:?}");
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
    let mut fields = Cursor(message_of(list).unwrap().unwrap());
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

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Status {
    code: Count,
    message: String,
}

message!(<'a> Status { 3 message, 6 code });

#[test]
fn numbers_may_be_negative_and_of_two_of_one_field_the_last_counts() {
    let status =
        |code, message: &str| Status { code: Count(Some(code)), message: message.to_owned() };
    let negative = b"\x30\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x1a\x02ab";
    assert_eq!(read(negative), Ok(status(-2, "ab")));
    assert_eq!(read(b"\x30\x01\x1a\x01a\x30\x02"), Ok(status(2, "a")));
    // A number of two bytes.
    assert_eq!(read(b"\x30\x80\x01"), Ok(status(128, "")));
    // The code is a text, or has no end.
    for wrong in [&b"\x32\x01a"[..], b"\x30\xff"] {
        assert!(read::<Status>(wrong).is_err(), "{wrong:?}");
    }
    // What is not asked for may be of any type, but not a group.
    for passed in [&b"\x0a\x01a"[..], b"\x08\x01", b"\x09aaaaaaaa", b"\x0daaaa"] {
        assert_eq!(read(passed), Ok(Status::default()), "{passed:?}");
    }
    assert!(read::<Status>(b"\x0b\x0c").is_err());
}

#[test]
fn json_is_told_from_protobuf_by_its_head() {
    assert!(message_of(b"{}").is_none() && message_of(b"k8s").is_none());
    assert_eq!(message_of(b"k8s\0\x0a\x00\x12\x02ab\x1a\x00"), Some(Ok(&b"ab"[..])));
    assert!(message_of(b"k8s\0\x12\x03ab").unwrap().is_err());
    for status in
        [&b"k8s\0\x12\x04\x1a\x02ab"[..], br#"{"message":"ab"}"#, br#"{"message":"\u0061b"}"#]
    {
        assert_eq!(peek::<Status>(status).unwrap().message, "ab", "{status:?}");
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
