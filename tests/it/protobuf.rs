//! Pods and Events tell the same in protobuf as in JSON.

use lifespan::facts::kind::Lane;
use lifespan::kinds::{note, snapshot};

use crate::support::drive::CATALOG;
use crate::support::lines::{recording, recordings};
use crate::support::protobuf;

#[test]
fn every_recorded_pod_and_event_is_the_same_in_both_encodings() {
    let (mut n_pods, mut n_events) = (0, 0);
    for name in recordings() {
        for line in recording(&name) {
            if !protobuf::has_protobuf(&line.resource) || !line.object.contains("\"uid\"") {
                continue;
            }
            let (json, object) = (line.object.as_bytes(), line.object.as_str());
            let protobuf = protobuf::object(&line.resource, object);
            if &*line.resource == "pods" {
                let read = |object: &[u8]| snapshot(&CATALOG, Lane::Pods, object).unwrap();
                assert_eq!(read(&protobuf), read(json), "{name}: {object}");
                n_pods += 1;
            } else {
                let read = |object: &[u8]| note(&CATALOG, object).unwrap();
                assert_eq!(read(&protobuf), read(json), "{name}: {object}");
                n_events += 1;
            }
        }
    }
    assert!(n_pods > 1_000 && n_events > 1_000, "{n_pods} Pods, {n_events} Events");
}

/// What the fuzz target of protobuf does with each input.
#[path = "../fuzz/fuzz_targets/body/protobuf.rs"]
mod fuzzed;

#[test]
fn hostile_protobuf_is_cut_the_same_however_it_arrives_and_harms_nobody() {
    let root = env!("CARGO_MANIFEST_DIR");
    let seeds = std::fs::read_dir(format!("{root}/tests/fuzz/seeds/protobuf")).unwrap();
    let mut inputs: Vec<Vec<u8>> =
        seeds.map(|seed| std::fs::read(seed.unwrap().path()).unwrap()).collect();
    assert!(inputs.len() > 10);
    // What a server writes, as lists without their head and as frames.
    for name in ["events.pb", "pods_of_a_server.pb", "watch.pb"] {
        let written = std::fs::read(format!("{root}/tests/objects/{name}")).unwrap();
        inputs.push(written.strip_prefix(b"k8s").unwrap_or(&written).to_vec());
    }
    for input in &mut inputs {
        for at in (0..=u8::MAX).step_by(if input.len() > 1_000 { 17 } else { 1 }) {
            *input.first_mut().unwrap() = at;
            fuzzed::read(input);
        }
    }
}
