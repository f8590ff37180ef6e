//! How long `lifespan stamp` reads and edits large manifests: `cargo bench --bench stamp`. Twice the
//! size takes twice the time.

#![expect(clippy::unwrap_used, reason = "a panic is a failed measurement")]

use lifespan::context::{Injection, TraceContext};
use lifespan::manifest::{Stamping, stamp};

fn main() {
    divan::main();
}

fn stamped(text: &str) -> usize {
    let context = TraceContext::minted(&[7; 32]);
    let how = Stamping {
        context: &context,
        injection: Injection::default(),
        kinds: None,
        with_pod_templates: false,
        with_env: false,
    };
    stamp(text, &how).unwrap().text.len()
}

/// As many documents, each a small Deployment.
#[divan::bench(args = [10_000, 20_000], sample_count = 5, sample_size = 1)]
fn documents(bencher: divan::Bencher<'_, '_>, n: usize) {
    let text: String = (0..n)
        .map(|n| {
            format!(
                "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{n}\n  labels: \
                 {{app: web}}\nspec:\n  replicas: 3\n  template:\n    spec:\n      containers:\n      \
                 - name: a\n        image: web:1\n"
            )
        })
        .collect();
    bencher.bench(|| stamped(&text));
}

/// A ConfigMap with a map of as many keys, of 60 bytes each.
#[divan::bench(args = [50_000, 100_000], sample_count = 5, sample_size = 1)]
fn keys(bencher: divan::Bencher<'_, '_>, n: usize) {
    let data: String = (0..n).map(|n| format!("  key-{n:08}: \"{}\"\n", "x".repeat(40))).collect();
    let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n{data}");
    bencher.bench(|| stamped(&text));
}
