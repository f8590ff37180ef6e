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
