//! One span per ReplicaSet and transition.

use std::sync::Arc;

use super::super::draft::{Draft, Of};
use super::super::object::{Kind, Uid};
use super::super::span::{ObjectRef, Outcome, SpanEvent};
use super::super::time::Nanos;
use super::super::transition::Step;
use super::Build;

impl Build<'_> {
    pub(super) fn sets(&mut self) {
        let steps: Vec<(Uid, Step)> =
            self.transition.steps.iter().map(|(uid, step)| (*uid, step.clone())).collect();
        for (uid, step) in steps {
            let draft = self.set(uid, &step);
            self.drafts.push(draft);
        }
    }

    fn set(&self, uid: Uid, step: &Step) -> Draft {
        let object = ObjectRef {
            kind: Kind::ReplicaSet,
            namespace: Arc::clone(&self.tree.top().namespace),
            name: Arc::clone(&step.name),
            uid,
        };
        let of = Of {
            trace: self.transition.trace,
            parent: Some(self.transition.span),
            object: &object,
            container: "",
            attempt: 0,
        };
        let (action, name) = match (step.is_deleted, step.is_created) {
            (true, _) => ("delete", "delete ReplicaSet"),
            (false, true) => ("create", "create ReplicaSet"),
            (false, false) => ("scale", "scale ReplicaSet"),
        };
        let from = step.start.instant(Nanos(0));
        let settled = step.settled.map(|settled| settled.instant(Nanos(0)).not_before(&from));
        let (end, outcome) = match settled {
            Some(settled) if settled.best <= self.end.best || self.closed.is_settled => {
                (settled, Outcome::Completed)
            }
            Some(_) | None if self.is_shown => (self.end, Outcome::InProgress),
            Some(_) | None => (self.end, Outcome::Unfinished),
        };
        let mut draft = Draft::new(of, "replicas", name, from, end).outcome(outcome);
        draft.links = self.own_links(&step.stamps);
        draft.push("lifespan.action", action);
        if step.revision > 0 {
            draft.push("lifespan.revision", step.revision);
        }
        if !step.is_deleted {
            draft.push("lifespan.replicas.from", step.from);
            draft.push("lifespan.replicas.to", step.to);
            draft.push("lifespan.actor", "controller");
        }
        for (at, from, to) in &step.writes {
            draft.events.push(SpanEvent {
                at: at.instant(Nanos(0)).best,
                name: "replicas changed".into(),
                attributes: vec![
                    ("lifespan.replicas.from", (*from).into()),
                    ("lifespan.replicas.to", (*to).into()),
                ],
            });
        }
        if outcome == Outcome::Unfinished {
            let cause = self.cause(|pod| pod.owner() == Some(uid));
            if let Some(failure) = cause {
                draft.fail(&failure.reason, &failure.message);
            } else if let Some((reason, message)) = &step.failure {
                draft.fail(reason, message);
            }
        }
        draft
    }
}
