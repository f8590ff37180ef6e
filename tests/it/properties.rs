//! x
mod t {
use crate::support::model;
#[test]
fn x() {
    let h = model::history(1, 20);
    println!("{} lines {} transitions {} pods", h.lines.len(), h.truth.transitions.len(), h.truth.pods.len());
    std::fs::write("/tmp/model1.jsonl", crate::support::lines::write(&h.lines)).unwrap();
    for t in &h.truth.transitions { println!("{:?} {:?} {:?} {:.3} {:?} {}", t.deployment, t.actions, t.cause, (t.start-1_790_000_000_000_000_000) as f64/1e9, t.end.map(|(a,b)|((a-t.start) as f64/1e9,b)), t.is_certain); }
}
}
