//! Kinds without Pods whose verdict comes late, flips, or is never given anew: made-up histories, and
//! what must be told of each by DESIGN §3.1–§3.3, restated here without the core.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a panic is a failed test"
)]

use lifespan::engine::{Engine, Settings};
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::UnixNanos;
use lifespan::kinds::{Said, news};
use serde_json::{Value, json};

use crate::support::checks::{flag, is_root, outcome};
use crate::support::model::S;
use crate::support::model::random::Random;
use crate::watch::widgets;

/// When every history begins.
const ZERO: i64 = 1_790_000_000 * S;
/// What must last so long has lasted.
const STABLE: i64 = 10 * S;
/// A controller that tells of no generations and says nothing for so long has agreed.
const AGREES: i64 = 30 * S;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Busy,
    Good,
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// The spec of this generation is written.
    Spec(i64),
    /// Its controller says this of this generation.
    Says(i64, Verdict),
    Deleted,
}

/// What must be told: name, start, end, outcome, and whether nobody confirmed it.
type Told = (&'static str, i64, i64, &'static str, bool);

/// A life of one object; no two moments that a limit could tell apart are near that limit.
fn life(random: &mut Random, tells_generation: bool) -> Vec<(i64, What)> {
    let (mut at, mut generation) = (0, 1);
    let (mut known, mut said) = (0, None);
    let mut all = vec![(0, What::Spec(1))];
    for n in 0..random.between(4, 16) {
        at += match random.between(0, 10) {
            0..6 => random.between(1, 5) * S,
            6..8 => random.between(15, 18) * S,
            _ => random.between(40, 46) * S,
        };
        // One that says nothing for a minute from its creation on is of a silent kind.
        if n > 0 && random.chance(25) {
            generation += 1;
            all.push((at, What::Spec(generation)));
            continue;
        }
        let verdict = random.pick(&[Verdict::Busy, Verdict::Good, Verdict::Good, Verdict::Bad]);
        let about = if tells_generation && random.chance(30) { known } else { generation };
        let now = (about.max(1), verdict.unwrap());
        // What is said again would be one stretch of several lengths.
        if said != Some(now) || (known != generation && about == generation) {
            (known, said) = (now.0, Some(now));
            all.push((at, What::Says(now.0, now.1)));
        }
    }
    at += random.between(40, 46) * S;
    if random.chance(50) {
        all.push((at, What::Deleted));
    }
    all
}

/// What must be told of the writes of a life.
fn truth(life: &[(i64, What)], tells_generation: bool) -> Vec<Told> {
    let mut told = Vec::new();
    let writes: Vec<usize> =
        (0..life.len()).filter(|i| matches!(life[*i].1, What::Spec(_))).collect();
    for (n, write) in writes.iter().enumerate() {
        let (start, What::Spec(generation)) = life[*write] else { unreachable!() };
        let name = if n == 0 { "create Widget" } else { "update Widget" };
        let next = (write + 1..life.len()).find(|i| !matches!(life[*i].1, What::Says(..)));
        let until = next.map(|i| life[i].0);
        let before = life[..*write].iter().rev().find_map(|(_, what)| match what {
            What::Says(_, verdict) => Some(*verdict),
            What::Spec(_) | What::Deleted => None,
        });
        let says: Vec<(i64, Verdict)> = life[write + 1..next.unwrap_or(life.len())]
            .iter()
            .filter_map(|(at, what)| match what {
                What::Says(of, verdict) if !tells_generation || *of >= generation => {
                    Some((*at, *verdict))
                }
                What::Says(..) | What::Spec(_) | What::Deleted => None,
            })
            .collect();
        let first = says.first().map(|(at, _)| *at).or(until);
        let agrees = !tells_generation
            && before == Some(Verdict::Good)
            && first.is_none_or(|first| first - start >= AGREES);
        if agrees {
            told.push((name, start, start, "completed", true));
            continue;
        }
        let lasted = says.iter().enumerate().find(|(i, (at, verdict))| {
            let end = says[i + 1..].iter().find(|(_, other)| other != verdict);
            let end = end.map(|(at, _)| *at);
            // It lasts, or still stands when something else comes.
            *verdict != Verdict::Busy && end.is_none_or(|end| end - at >= STABLE)
        });
        match (lasted, next.map(|i| life[i].1)) {
            (Some((_, (at, Verdict::Good))), _) => {
                told.push((name, start, *at, "completed", false));
            }
            (Some((_, (at, _))), _) => told.push((name, start, *at, "failed", false)),
            (None, Some(What::Deleted)) => {
                told.push((name, start, until.unwrap(), "deleted", false));
            }
            (None, Some(_)) => told.push((name, start, until.unwrap(), "superseded", false)),
            // It is open still.
            (None, None) => {}
        }
    }
    told
}

/// The object as it is after all of `life`.
fn object(life: &[(i64, What)], tells_generation: bool) -> Value {
    let (mut generation, mut written, mut status, mut said) = (1, 0, json!({}), None);
    for (at, what) in life {
        match what {
            What::Spec(to) => (generation, written) = (*to, *at),
            What::Says(of, verdict) => {
                let condition = |kind: &str, is: bool, reason: &str| json!({"type": kind, "status": if is { "True" } else { "False" }, "reason": reason});
                let conditions = match verdict {
                    Verdict::Busy => vec![condition("Ready", false, "Progressing")],
                    Verdict::Good => vec![condition("Ready", true, "Done")],
                    Verdict::Bad => vec![
                        condition("Ready", false, "Broken"),
                        condition("Stalled", true, "Broken"),
                    ],
                };
                status = json!({"conditions": conditions});
                if tells_generation {
                    status["observedGeneration"] = json!(of);
                }
                said = Some(*at);
            }
            What::Deleted => {}
        }
    }
    let time =
        |at: i64| jiff::Timestamp::from_nanosecond(i128::from(ZERO + at)).unwrap().to_string();
    let mut writers =
        vec![json!({"manager": "kubectl", "operation": "Apply", "time": time(written)})];
    writers.extend(said.map(|at| {
        json!({"manager": "widgets", "operation": "Update", "subresource": "status", "time": time(at)})
    }));
    json!({
        "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "w", "namespace": "shop", "uid": "00000000-0000-4000-8000-000000000001",
            "generation": generation, "resourceVersion": (100 + life.len()).to_string(),
            "creationTimestamp": time(0), "managedFields": writers},
        "spec": {"colour": format!("c{generation}")}, "status": status,
    })
}

/// What is told of a life.
fn told(life: &[(i64, What)], tells_generation: bool) -> Vec<Told> {
    let catalog = widgets();
    let lane = catalog.lanes().next().unwrap();
    let mut engine =
        Engine::new(Settings { custom_kinds: catalog.custom_kinds(), ..Settings::default() });
    let mut spans = Vec::new();
    let mut hear = |at: i64, said: Said<'_>| {
        let heard = news(&catalog, lane, said).out.unwrap();
        spans.extend(engine.hear(lane, heard, UnixNanos(ZERO + at)));
    };
    hear(-S, Said::ListDone("100"));
    for (n, (at, what)) in life.iter().enumerate() {
        let json = object(&life[..=n], tells_generation).to_string();
        hear(
            *at,
            match what {
                _ if n == 0 => Said::Added(json.as_bytes()),
                What::Spec(_) | What::Says(..) => Said::Modified(json.as_bytes()),
                What::Deleted => Said::Deleted(json.as_bytes()),
            },
        );
    }
    hear(life.last().unwrap().0 + 100 * S, Said::Bookmark(b"{}"));
    spans.extend(engine.finish());
    let roots = spans.iter().filter(|span| is_root(span));
    let mut told: Vec<Told> = roots.filter_map(of_write).collect();
    told.sort_by_key(|(_, start, ..)| *start);
    told
}

fn of_write(root: &FinishedSpan) -> Option<Told> {
    let name = ["create Widget", "update Widget"].into_iter().find(|name| root.name == *name)?;
    let is_unconfirmed = flag(root, "lifespan.verdict.unconfirmed");
    Some((name, root.start.0 - ZERO, root.end.0 - ZERO, outcome(root), is_unconfirmed))
}

#[test]
fn verdicts_that_come_late_flip_or_stand_are_told_as_they_truly_were() {
    let seeds = std::env::var("LIFESPAN_SEEDS").map_or(300, |n| n.parse().unwrap());
    let (mut wrong, mut sorts) = (Vec::new(), std::collections::BTreeSet::new());
    for seed in 0..seeds {
        for tells_generation in [true, false] {
            let life = life(&mut Random::new(seed), tells_generation);
            let (expected, told) = (truth(&life, tells_generation), told(&life, tells_generation));
            sorts.extend(expected.iter().map(|(name, .., outcome, is)| (*name, *outcome, *is)));
            if told != expected {
                let life: Vec<_> = life.iter().map(|(at, what)| (at / S, what)).collect();
                wrong.push(format!(
                    "seed {seed}, generations {tells_generation}: {life:?}\n  told {told:?}\n  true {expected:?}"
                ));
            }
        }
    }
    let n = wrong.len();
    assert!(wrong.is_empty(), "{n} wrong:\n{}", wrong[..n.min(5)].join("\n"));
    assert!(sorts.len() >= 9, "{sorts:?}");
}
