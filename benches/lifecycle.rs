//! What one change costs on its way into the core: `cargo bench --bench lifecycle`.
#![expect(clippy::unwrap_used, reason = "an object that is not read is no measurement")]

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher};
use lifespan::kinds::{note, snapshot};
use lifespan::lifecycle::lane::Lane;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Objects as recorded, with their managedFields.
const POD: &[u8] = include_bytes!("../tests/objects/pod.json");
const POD_WITH_SIDECAR: &[u8] = include_bytes!("../tests/objects/pod_with_sidecar.json");
const DEPLOYMENT: &[u8] = include_bytes!("../tests/objects/deployment.json");
const REPLICA_SET: &[u8] = include_bytes!("../tests/objects/replica_set.json");
const EVENT: &[u8] = include_bytes!("../tests/objects/event.json");

#[divan::bench(args = ["pod", "pod_with_sidecar", "deployment", "replica_set"])]
fn bytes_to_snapshot(bencher: Bencher<'_, '_>, name: &str) {
    let (lane, json) = match name {
        "pod" => (Lane::Pods, POD),
        "pod_with_sidecar" => (Lane::Pods, POD_WITH_SIDECAR),
        "deployment" => (Lane::Deployments, DEPLOYMENT),
        _ => (Lane::ReplicaSets, REPLICA_SET),
    };
    bencher
        .counter(ItemsCount::new(1_usize))
        .counter(BytesCount::of_slice(json))
        .bench(|| snapshot(lane, json).unwrap());
}

#[divan::bench]
fn bytes_to_note(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(1_usize))
        .counter(BytesCount::of_slice(EVENT))
        .bench(|| note(EVENT).unwrap());
}

/// What of it only passing over the bytes takes.
#[divan::bench]
fn pod_passed_over(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(1_usize))
        .counter(BytesCount::of_slice(POD))
        .bench(|| serde_json::from_slice::<serde::de::IgnoredAny>(POD).unwrap());
}
