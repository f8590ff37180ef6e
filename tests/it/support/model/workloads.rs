//! What makes Pods without a ReplicaSet between: StatefulSets, DaemonSets and Jobs, as the API
//! server would write them.

use std::collections::BTreeMap;

use lifespan::facts::kind::Lane;
use serde_json::{Value, json};

use super::objects::{Meta, Status, Template, seconds};

/// The annotation in which a DaemonSet counts its templates.
pub(crate) const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// What sets one kind apart from the others.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    StatefulSet(StatefulSet),
    DaemonSet(DaemonSet),
    Job(Job),
}

#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) meta: Meta,
    /// Its place among all that is told of.
    pub(crate) tree: usize,
    /// The custom resource above it.
    pub(crate) stack: Option<usize>,
    /// The CronJob above it.
    pub(crate) cron_job: Option<usize>,
    pub(crate) template: Template,
    /// Pods that are not gone.
    pub(crate) pods: Vec<usize>,
    pub(crate) is_gone: bool,
    pub(crate) sync_due: bool,
    pub(crate) form: Form,
}

#[derive(Clone, Debug)]
pub(crate) struct StatefulSet {
    pub(crate) replicas: i64,
    pub(crate) partition: i64,
    pub(crate) is_on_delete: bool,
    /// Seconds that a Pod must be ready to be available.
    pub(crate) min_ready: i64,
    /// What the ControllerRevisions hold, by their names.
    pub(crate) revisions: BTreeMap<String, Template>,
    pub(crate) status: Status,
    /// Pods of `current_revision`.
    pub(crate) current: i64,
    pub(crate) current_revision: String,
    pub(crate) update_revision: String,
}

#[derive(Clone, Debug)]
pub(crate) struct DaemonSet {
    pub(crate) is_on_delete: bool,
    pub(crate) template_generation: i64,
    /// Templates that it had before.
    pub(crate) revisions: Vec<Template>,
    /// `replicas` is `currentNumberScheduled`.
    pub(crate) status: Status,
    pub(crate) desired: i64,
    /// The nodes that wanted a Pod when it was last looked at.
    pub(crate) wanted_on: Vec<bool>,
    pub(crate) misscheduled: i64,
}

/// A condition of a Job.
pub(crate) type JobCondition = (&'static str, bool, &'static str, i64);

#[derive(Clone, Debug, Default)]
pub(crate) struct Job {
    pub(crate) completions: i64,
    pub(crate) parallelism: i64,
    pub(crate) backoff_limit: i64,
    /// `activeDeadlineSeconds`.
    pub(crate) deadline: Option<i64>,
    pub(crate) is_suspended: bool,
    /// Of a hundred Pods so many fail.
    pub(crate) fails: i64,
    /// No Pod is made before, after failures.
    pub(crate) backs_off_until: i64,
    pub(crate) status: JobStatus,
}

/// `status` of a Job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JobStatus {
    pub(crate) start: Option<i64>,
    pub(crate) completion: Option<i64>,
    pub(crate) active: i64,
    pub(crate) ready: i64,
    pub(crate) succeeded: i64,
    pub(crate) failed: i64,
    pub(crate) terminating: i64,
    /// Uids of Pods that have ended and still hold their finalizers.
    pub(crate) uncounted_succeeded: Vec<String>,
    pub(crate) uncounted_failed: Vec<String>,
    pub(crate) conditions: Vec<JobCondition>,
}

impl JobStatus {
    /// The reason of a condition that holds.
    pub(crate) fn reason(&self, name: &str) -> Option<&'static str> {
        let mut conditions = self.conditions.iter();
        conditions.find(|it| it.0 == name && it.1).map(|(_, _, reason, _)| *reason)
    }

    /// It has come to its end.
    pub(crate) fn is_finished(&self) -> bool {
        self.reason("Complete").is_some() || self.reason("Failed").is_some()
    }

    fn json(&self) -> Value {
        let mut status = json!({});
        let conditions: Vec<Value> = self
            .conditions
            .iter()
            .map(|(name, is, reason, at)| {
                json!({
                    "type": name, "status": if *is { "True" } else { "False" }, "reason": reason,
                    "message": format!("{reason} by the model"),
                    "lastProbeTime": seconds(*at), "lastTransitionTime": seconds(*at),
                })
            })
            .collect();
        if !conditions.is_empty() {
            status["conditions"] = conditions.into();
        }
        for (key, at) in [("startTime", self.start), ("completionTime", self.completion)] {
            if let Some(at) = at {
                status[key] = seconds(at).into();
            }
        }
        let counts =
            [("active", self.active), ("succeeded", self.succeeded), ("failed", self.failed)];
        for (key, n) in counts.into_iter().filter(|(_, n)| *n != 0) {
            status[key] = n.into();
        }
        if self.start.is_some() || !self.conditions.is_empty() {
            status["terminating"] = self.terminating.into();
            status["ready"] = self.ready.into();
            let mut uncounted = json!({});
            for (key, uids) in
                [("succeeded", &self.uncounted_succeeded), ("failed", &self.uncounted_failed)]
            {
                if !uids.is_empty() {
                    uncounted[key] = json!(uids);
                }
            }
            status["uncountedTerminatedPods"] = uncounted;
        }
        status
    }
}

impl Form {
    /// `status`.
    pub(crate) fn status(&self) -> Value {
        match self {
            Self::StatefulSet(set) => set.json(),
            Self::DaemonSet(set) => set.json(),
            Self::Job(job) => job.status.json(),
        }
    }
}

impl Workload {
    /// The lane that tells of it.
    pub(crate) const fn lane(&self) -> Lane {
        match self.form {
            Form::StatefulSet(_) => Lane::StatefulSets,
            Form::DaemonSet(_) => Lane::DaemonSets,
            Form::Job(_) => Lane::Jobs,
        }
    }

    pub(crate) const fn kind(&self) -> &'static str {
        match self.form {
            Form::StatefulSet(_) => "StatefulSet",
            Form::DaemonSet(_) => "DaemonSet",
            Form::Job(_) => "Job",
        }
    }

    /// What its Pods say that owns them.
    pub(crate) fn owner(&self) -> (&'static str, String, String) {
        (self.kind(), self.meta.name.clone(), self.meta.uid.clone())
    }

    pub(crate) fn json(&self) -> Value {
        let spec = match &self.form {
            Form::StatefulSet(set) => self.stateful_set(set),
            Form::DaemonSet(set) => self.daemon_set(set),
            Form::Job(job) => self.job(job),
        };
        let group = if matches!(self.form, Form::Job(_)) { "batch/v1" } else { "apps/v1" };
        json!({
            "kind": self.kind(), "apiVersion": group,
            "metadata": self.meta.json(group), "spec": spec, "status": self.form.status(),
        })
    }

    fn stateful_set(&self, set: &StatefulSet) -> Value {
        let strategy = if set.is_on_delete {
            json!({"type": "OnDelete"})
        } else {
            json!({"type": "RollingUpdate", "rollingUpdate": {"partition": set.partition}})
        };
        let mut spec = json!({
            "replicas": set.replicas,
            "selector": {"matchLabels": {"app": self.template.app}},
            "template": self.template.json(None),
            "serviceName": self.meta.name,
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": strategy,
            "revisionHistoryLimit": 10,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        });
        if set.min_ready > 0 {
            spec["minReadySeconds"] = set.min_ready.into();
        }
        spec
    }

    fn daemon_set(&self, set: &DaemonSet) -> Value {
        let strategy = if set.is_on_delete {
            json!({"type": "OnDelete"})
        } else {
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}})
        };
        json!({
            "selector": {"matchLabels": {"app": self.template.app}},
            "template": self.template.json(None),
            "updateStrategy": strategy,
            "revisionHistoryLimit": 10,
        })
    }

    fn job(&self, job: &Job) -> Value {
        let mut template = self.template.json(None);
        for (key, value) in &self.job_labels() {
            template["metadata"]["labels"][key] = value.clone().into();
        }
        let mut spec = json!({
            "parallelism": job.parallelism,
            "completions": job.completions,
            "backoffLimit": job.backoff_limit,
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": self.meta.uid}},
            "manualSelector": false,
            "template": template,
            "completionMode": "NonIndexed",
            "suspend": job.is_suspended,
            "podReplacementPolicy": "TerminatingOrFailed",
        });
        if let Some(deadline) = job.deadline {
            spec["activeDeadlineSeconds"] = deadline.into();
        }
        spec
    }

    /// What the API server adds to the labels of a Job's Pods.
    pub(crate) fn job_labels(&self) -> BTreeMap<String, String> {
        ["batch.kubernetes.io/", ""]
            .into_iter()
            .flat_map(|group| {
                [
                    (format!("{group}controller-uid"), self.meta.uid.clone()),
                    (format!("{group}job-name"), self.meta.name.clone()),
                ]
            })
            .collect()
    }
}

impl StatefulSet {
    fn json(&self) -> Value {
        let status = &self.status;
        let mut json = json!({"replicas": status.replicas, "availableReplicas": status.available});
        if status.observed == 0 {
            return json;
        }
        json["observedGeneration"] = status.observed.into();
        json["currentRevision"] = self.current_revision.clone().into();
        json["updateRevision"] = self.update_revision.clone().into();
        json["collisionCount"] = 0.into();
        let counts = [
            ("readyReplicas", status.ready),
            ("currentReplicas", self.current),
            ("updatedReplicas", status.updated),
        ];
        for (key, n) in counts.into_iter().filter(|(_, n)| *n != 0) {
            json[key] = n.into();
        }
        json
    }
}

impl DaemonSet {
    fn json(&self) -> Value {
        let status = &self.status;
        let mut json = json!({
            "currentNumberScheduled": status.replicas, "numberMisscheduled": self.misscheduled,
            "desiredNumberScheduled": self.desired, "numberReady": status.ready,
        });
        for (key, n) in [
            ("observedGeneration", status.observed),
            ("updatedNumberScheduled", status.updated),
            ("numberAvailable", status.available),
            ("numberUnavailable", status.unavailable),
        ] {
            if n != 0 {
                json[key] = n.into();
            }
        }
        json
    }
}
