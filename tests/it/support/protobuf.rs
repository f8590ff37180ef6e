//! Kubernetes' protobuf, made of JSON by the messages of `proto/` and code that is generated from them:
//! what the reader is held against.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

use std::sync::LazyLock;

use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, ReflectMessage as _, Value as Said,
};
use serde_json::{Value, json};

static MESSAGES: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let root = env!("CARGO_MANIFEST_DIR");
    let compiled = protox::compile(["kubernetes.proto"], [format!("{root}/proto")]).unwrap();
    DescriptorPool::from_file_descriptor_set(compiled).unwrap()
});

/// Whether servers have protobuf of it that is read.
pub(crate) fn has_protobuf(resource: &str) -> bool {
    matches!(resource, "pods" | "events")
}

/// An object of `resource` in its envelope.
pub(crate) fn object(resource: &str, json: &str) -> Vec<u8> {
    envelope(&message(name(resource), serde_json::from_str(json).unwrap()))
}

/// A list.
pub(crate) fn list(resource: &str, json: &str) -> Vec<u8> {
    let list: Value = serde_json::from_str(json).unwrap();
    let mut out = Vec::new();
    let meta = message("ListMeta", list["metadata"].clone());
    prost::encoding::bytes::encode(1, &meta, &mut out);
    for item in list["items"].as_array().unwrap() {
        prost::encoding::bytes::encode(2, &message(name(resource), item.clone()), &mut out);
    }
    envelope(&out)
}

/// The frame of an event.
pub(crate) fn frame(resource: &str, kind: &str, json: &str) -> Vec<u8> {
    let of = if kind == "ERROR" { "Status" } else { name(resource) };
    let object = envelope(&message(of, serde_json::from_str(json).unwrap()));
    let mut event = empty("WatchEvent");
    event.set_field_by_name("type", Said::String(kind.to_owned()));
    let mut raw = empty("RawExtension");
    raw.set_field_by_name("raw", Said::Bytes(object.into()));
    event.set_field_by_name("object", Said::Message(raw));
    let event = event.encode_to_vec();
    let mut frame = u32::try_from(event.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(event);
    frame
}

fn name(resource: &str) -> &'static str {
    match resource {
        "pods" => "Pod",
        "events" => "Event",
        other => panic!("{other} is not read in protobuf"),
    }
}

fn empty(name: &str) -> DynamicMessage {
    let name = format!("lifespan.kubernetes.{name}");
    DynamicMessage::new(MESSAGES.get_message_by_name(&name).unwrap())
}

fn envelope(message: &[u8]) -> Vec<u8> {
    let mut unknown = empty("Unknown");
    unknown.set_field_by_name("raw", Said::Bytes(message.to_vec().into()));
    [b"k8s\0".as_slice(), &unknown.encode_to_vec()].concat()
}

fn message(name: &str, mut json: Value) -> Vec<u8> {
    fit(&mut json);
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let of = empty(name).descriptor();
    DynamicMessage::deserialize_with_options(of, json, &options).unwrap().encode_to_vec()
}

/// Puts what JSON has elsewhere where the messages have it.
fn fit(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(fit),
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                match (key.as_str(), value) {
                    ("limits" | "requests", Value::Object(amounts)) => {
                        amounts.values_mut().for_each(|it| *it = json!({"string": it.take()}));
                    }
                    ("volumes", Value::Array(volumes)) => {
                        for volume in volumes {
                            let name = volume["name"].clone();
                            *volume = json!({"name": name, "volumeSource": volume.take()});
                        }
                    }
                    ("ephemeralContainers", Value::Array(containers)) => {
                        for container in containers {
                            fit(container);
                            *container = json!({"ephemeralContainerCommon": container.take()});
                        }
                    }
                    (_, value) => fit(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
