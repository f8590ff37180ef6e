//! The objects of the simulated cluster, and how the API server would write them.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeMap;

use lifespan::facts::time::UnixNanos;
use serde_json::{Value, json};

use super::resizes::Sizing;

/// An RFC 3339 time in whole seconds.
pub(crate) fn seconds(at: i64) -> String {
    jiff::Timestamp::from_second(UnixNanos(at).seconds()).unwrap().to_string()
}

/// An RFC 3339 time with six digits.
pub(crate) fn micros(at: i64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(at)).unwrap();
    format!("{time:.6}")
}

/// `metadata`, as far as objects differ in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meta {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) resource_version: u64,
    pub(crate) generation: i64,
    pub(crate) created: i64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    /// The deletionTimestamp and the grace in seconds.
    pub(crate) deletion: Option<(i64, i64)>,
    pub(crate) finalizers: Vec<&'static str>,
    /// Kind, name and uid of the controller.
    pub(crate) owner: Option<(&'static str, String, String)>,
    /// Manager, subresource and time of each entry of managedFields.
    pub(crate) writers: Vec<(&'static str, &'static str, Option<i64>)>,
}

impl Meta {
    /// Notes that `manager` wrote at `at`; the scale subresource leaves no time.
    pub(crate) fn wrote(&mut self, manager: &'static str, subresource: &'static str, at: i64) {
        self.writers.retain(|(name, sub, _)| (*name, *sub) != (manager, subresource));
        self.writers.push((manager, subresource, (subresource != "scale").then_some(at)));
    }

    pub(super) fn json(&self, api_version: &str) -> Value {
        let fields: Vec<Value> = self
            .writers
            .iter()
            .map(|(manager, subresource, at)| {
                let mut entry = json!({
                    "manager": manager,
                    "operation": "Update",
                    "apiVersion": api_version,
                    "fieldsType": "FieldsV1",
                    "fieldsV1": if *subresource == "status" { json!({"f:status": {}}) } else { json!({"f:spec": {}}) },
                });
                if let Some(at) = at {
                    entry["time"] = seconds(*at).into();
                }
                if !subresource.is_empty() {
                    entry["subresource"] = (*subresource).into();
                }
                entry
            })
            .collect();
        let mut meta = json!({
            "name": self.name,
            "namespace": "default",
            "uid": self.uid,
            "resourceVersion": self.resource_version.to_string(),
            "generation": self.generation,
            "creationTimestamp": seconds(self.created),
            "labels": self.labels,
            "managedFields": fields,
        });
        if !self.annotations.is_empty() {
            meta["annotations"] = json!(self.annotations);
        }
        if let Some((at, grace)) = self.deletion {
            meta["deletionTimestamp"] = seconds(at).into();
            meta["deletionGracePeriodSeconds"] = grace.into();
        }
        if !self.finalizers.is_empty() {
            meta["finalizers"] = json!(self.finalizers);
        }
        if let Some((kind, name, uid)) = &self.owner {
            let group = api_version_of(kind);
            meta["ownerReferences"] = json!([{
                "apiVersion": group, "kind": kind, "name": name, "uid": uid,
                "controller": true, "blockOwnerDeletion": true,
            }]);
        }
        meta
    }
}

/// The API group and version of a kind.
fn api_version_of(kind: &str) -> &'static str {
    match kind {
        "Pod" | "Node" => "v1",
        "Job" | "CronJob" => "batch/v1",
        "Stack" => "example.test/v1",
        _ => "apps/v1",
    }
}

/// What a Pod is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) app: String,
    pub(crate) image: String,
    pub(crate) has_probe: bool,
    /// So many runs of the container end in error before one lasts.
    pub(crate) crashes: u32,
    /// How long a Pod takes from its start until its probe succeeds.
    pub(crate) ready_ms: i64,
    pub(crate) restarted: Option<String>,
    /// It runs to its end, so long, with this restartPolicy.
    pub(crate) run: Option<(i64, &'static str)>,
}

pub(crate) const GRACE_SECONDS: i64 = 3;

impl Template {
    /// The image cannot be pulled.
    pub(crate) fn is_bad(&self) -> bool {
        self.image.ends_with("-missing")
    }

    /// Ten hex digits that tell one template from another.
    pub(crate) fn hash(&self) -> String {
        let text = format!("{self:?}");
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{:010x}", hash & 0xff_ffff_ffff)
    }

    fn labels(&self, hash: Option<&str>) -> Value {
        let mut labels = json!({"app": self.app, "app.kubernetes.io/name": self.app});
        if let Some(hash) = hash {
            labels["pod-template-hash"] = hash.into();
        }
        labels
    }

    fn pod_spec(&self) -> Value {
        let (ready, crashes) = (self.ready_ms, self.crashes);
        let command = match self.run {
            None => format!("sleep {ready}ms; touch /tmp/ready; serve # fails {crashes}"),
            Some((ms, _)) => format!("sleep {ms}ms; work # fails {crashes}"),
        };
        let mut container = json!({
            "name": "app",
            "image": self.image,
            "command": ["sh", "-c", command],
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
        });
        if self.has_probe {
            container["readinessProbe"] = json!({
                "exec": {"command": ["cat", "/tmp/ready"]},
                "timeoutSeconds": 1, "periodSeconds": 1, "successThreshold": 1, "failureThreshold": 3,
            });
        }
        json!({
            "containers": [container],
            "restartPolicy": self.run.map_or("Always", |(_, policy)| policy),
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "dnsPolicy": "ClusterFirst",
            "securityContext": {},
            "schedulerName": "default-scheduler",
        })
    }

    pub(super) fn json(&self, hash: Option<&str>) -> Value {
        let mut metadata = json!({"labels": self.labels(hash)});
        if let Some(at) = &self.restarted {
            metadata["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": at});
        }
        json!({"metadata": metadata, "spec": self.pod_spec()})
    }
}

/// A condition of a Deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) status: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) updated: i64,
    pub(crate) changed: i64,
}

impl Condition {
    fn json(&self, name: &str) -> Value {
        json!({
            "type": name, "status": self.status, "reason": self.reason,
            "message": format!("{} by the model.", self.reason),
            "lastUpdateTime": seconds(self.updated), "lastTransitionTime": seconds(self.changed),
        })
    }
}

/// The counts in the status of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) observed: i64,
    pub(crate) replicas: i64,
    pub(crate) updated: i64,
    pub(crate) ready: i64,
    pub(crate) available: i64,
    pub(crate) unavailable: i64,
    pub(crate) terminating: i64,
}

impl Status {
    /// As the API server writes it: what is zero is left out, but for some.
    fn json(&self) -> Value {
        let mut status = json!({});
        for (key, value) in [
            ("observedGeneration", self.observed),
            ("updatedReplicas", self.updated),
            ("readyReplicas", self.ready),
            ("availableReplicas", self.available),
            ("unavailableReplicas", self.unavailable),
            ("replicas", self.replicas),
        ] {
            if value != 0 {
                status[key] = value.into();
            }
        }
        if self.observed != 0 {
            status["terminatingReplicas"] = self.terminating.into();
        }
        status
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) meta: Meta,
    /// Its place among all that is told of.
    pub(crate) tree: usize,
    /// The custom resource above it.
    pub(crate) stack: Option<usize>,
    pub(crate) replicas: i64,
    pub(crate) paused: bool,
    pub(crate) template: Template,
    pub(crate) deadline: i64,
    pub(crate) status: Status,
    pub(crate) available: Option<Condition>,
    pub(crate) progressing: Option<Condition>,
    pub(crate) sets: Vec<usize>,
    pub(crate) is_gone: bool,
    pub(crate) sync_due: bool,
}

impl Deployment {
    pub(crate) fn json(&self) -> Value {
        let mut spec = json!({
            "replicas": self.replicas,
            "selector": {"matchLabels": {"app": self.template.app}},
            "template": self.template.json(None),
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
            },
            "revisionHistoryLimit": 50,
            "progressDeadlineSeconds": self.deadline,
        });
        if self.paused {
            spec["paused"] = true.into();
        }
        let mut status = self.status.json();
        let conditions: Vec<Value> =
            [("Available", &self.available), ("Progressing", &self.progressing)]
                .into_iter()
                .filter_map(|(name, condition)| Some(condition.as_ref()?.json(name)))
                .collect();
        if !conditions.is_empty() {
            status["conditions"] = conditions.into();
        }
        json!({
            "kind": "Deployment", "apiVersion": "apps/v1",
            "metadata": self.meta.json("apps/v1"), "spec": spec, "status": status,
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ReplicaSet {
    pub(crate) deployment: usize,
    pub(crate) meta: Meta,
    pub(crate) replicas: i64,
    pub(crate) template: Template,
    pub(crate) status: Status,
    /// Pods that are not gone.
    pub(crate) pods: Vec<usize>,
    pub(crate) is_gone: bool,
    pub(crate) sync_due: bool,
}

impl ReplicaSet {
    /// A number that the Deployment controller keeps in an annotation.
    pub(crate) fn noted(&self, key: &str) -> i64 {
        let key = format!("deployment.kubernetes.io/{key}");
        self.meta.annotations.get(&key).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn json(&self) -> Value {
        let hash = self.template.hash();
        let mut status = self.status.json();
        if self.status.replicas == 0 {
            status["replicas"] = 0.into();
        } else {
            status["fullyLabeledReplicas"] = self.status.replicas.into();
        }
        json!({
            "kind": "ReplicaSet", "apiVersion": "apps/v1",
            "metadata": self.meta.json("apps/v1"),
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": {"app": self.template.app, "pod-template-hash": hash}},
                "template": self.template.json(Some(&hash)),
            },
            "status": status,
        })
    }
}

/// How a container ended.
#[derive(Clone, Debug)]
pub(crate) struct Exit {
    pub(crate) code: i64,
    pub(crate) started: i64,
    pub(crate) finished: i64,
}

impl Exit {
    fn json(&self) -> Value {
        json!({"terminated": {
            "exitCode": self.code,
            "reason": if self.code == 0 { "Completed" } else { "Error" },
            "startedAt": seconds(self.started), "finishedAt": seconds(self.finished),
            "containerID": format!("containerd://{:064x}", self.started),
        }})
    }
}

#[derive(Clone, Debug)]
pub(crate) enum State {
    Waiting(&'static str),
    Running(i64),
    Terminated(Exit),
}

/// Who makes a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    Set(usize),
    Workload(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Pod {
    pub(crate) maker: Maker,
    pub(crate) meta: Meta,
    pub(crate) template: Template,
    /// Its number in a StatefulSet.
    pub(crate) ordinal: i64,
    pub(crate) node: String,
    pub(crate) is_bound: bool,
    /// The kubelet has written a status.
    pub(crate) is_admitted: bool,
    pub(crate) phase: &'static str,
    pub(crate) scheduled: i64,
    pub(crate) admitted: i64,
    /// Whether the sandbox runs, and since when that is so.
    pub(crate) sandbox: (bool, i64),
    pub(crate) ready: (bool, i64),
    pub(crate) disrupted: Option<i64>,
    pub(crate) state: State,
    pub(crate) last: Option<Exit>,
    pub(crate) restarts: u32,
    /// The generation that the kubelet knows.
    pub(crate) observed: i64,
    /// What its spec asks for, in thousandths of a processor, and what it has.
    pub(crate) cpu: i64,
    pub(crate) actual_cpu: i64,
    pub(crate) sizing: Sizing,
    /// The kubelet is done with it; only finalizers hold it.
    pub(crate) is_final: bool,
    pub(crate) is_gone: bool,
    /// Events about it that count: reason to name, uid, first time and count.
    pub(crate) notes: BTreeMap<&'static str, (String, String, i64, u32)>,
}

impl Pod {
    pub(crate) const fn is_going(&self) -> bool {
        self.meta.deletion.is_some()
    }

    /// All of its containers have ended for good.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, "Succeeded" | "Failed")
    }

    /// Counts as one of its maker's.
    pub(crate) fn is_active(&self) -> bool {
        !self.is_going() && !self.is_gone && !self.is_over()
    }

    pub(crate) fn json(&self) -> Value {
        let mut spec = self.template.pod_spec();
        if self.is_bound {
            spec["nodeName"] = self.node.clone().into();
        }
        if self.cpu > 0 {
            spec["containers"][0]["resources"] = requests(self.cpu);
        }
        spec["enableServiceLinks"] = true.into();
        spec["priority"] = 0.into();
        spec["preemptionPolicy"] = "PreemptLowerPriority".into();
        let mut meta = self.meta.json("v1");
        let stem = self.meta.name.trim_end_matches(|c| c != '-');
        meta["generateName"] = stem.into();
        json!({
            "kind": "Pod", "apiVersion": "v1",
            "metadata": meta, "spec": spec, "status": self.status(),
        })
    }

    fn status(&self) -> Value {
        let mut status = json!({"phase": self.phase, "qosClass": "BestEffort"});
        let mut conditions = Vec::new();
        let generation = self.observed;
        let mut condition = |name: &str, is: bool, at: i64, reason: &str| {
            let mut condition = json!({
                "type": name, "status": if is { "True" } else { "False" },
                "lastProbeTime": null, "lastTransitionTime": seconds(at),
            });
            if self.is_admitted {
                condition["observedGeneration"] = generation.into();
            }
            if !reason.is_empty() {
                condition["reason"] = reason.into();
            }
            conditions.push(condition);
        };
        if let Some(at) = self.disrupted {
            condition("DisruptionTarget", true, at, "EvictionByEvictionAPI");
        }
        match self.sizing {
            Sizing::InProgress(at) => condition("PodResizeInProgress", true, at, ""),
            Sizing::Infeasible(at) => condition("PodResizePending", true, at, "Infeasible"),
            Sizing::Done | Sizing::Written => {}
        }
        if self.is_admitted {
            let has_ended =
                |code| matches!(&self.state, State::Terminated(exit) if exit.code == code);
            let is_run = self.template.run.is_some();
            let done = match self.phase {
                "Succeeded" => "PodCompleted",
                "Failed" => "PodFailed",
                _ if is_run && has_ended(0) => "PodCompleted",
                _ => "",
            };
            let unready = if done.is_empty() { "ContainersNotReady" } else { done };
            let why = if self.ready.0 { "" } else { unready };
            condition("PodReadyToStartContainers", self.sandbox.0, self.sandbox.1, "");
            condition(
                "Initialized",
                true,
                self.admitted,
                if done == "PodCompleted" { done } else { "" },
            );
            condition("Ready", self.ready.0, self.ready.1, why);
            condition("ContainersReady", self.ready.0, self.ready.1, why);
        }
        if self.is_bound {
            condition("PodScheduled", true, self.scheduled, "");
        }
        if !conditions.is_empty() {
            status["conditions"] = conditions.into();
        }
        if self.is_admitted {
            status["observedGeneration"] = self.observed.into();
            status["hostIP"] = "192.0.2.2".into();
            status["startTime"] = seconds(self.admitted).into();
            let (state, is_running) = match &self.state {
                State::Waiting(reason) => (json!({"waiting": {"reason": reason}}), false),
                State::Running(at) => (json!({"running": {"startedAt": seconds(*at)}}), true),
                State::Terminated(exit) => (exit.json(), false),
            };
            status["containerStatuses"] = json!([{
                "name": "app", "state": state,
                "lastState": self.last.as_ref().map_or_else(|| json!({}), Exit::json),
                "ready": self.ready.0 && is_running, "started": is_running,
                "restartCount": self.restarts,
                "image": self.template.image, "imageID": if is_running { "sha256:0" } else { "" },
            }]);
            if self.actual_cpu > 0 {
                status["containerStatuses"][0]["resources"] = requests(self.actual_cpu);
            }
        }
        status
    }
}

fn requests(cpu: i64) -> Value {
    json!({"requests": {"cpu": format!("{cpu}m")}})
}

/// A Kubernetes Event to be written.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) about: (&'static str, String, String),
    pub(crate) is_container: bool,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) component: &'static str,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: u32,
}

impl Note {
    pub(crate) fn json(&self, resource_version: u64, written: i64) -> Value {
        let (kind, name, uid) = &self.about;
        let mut about = json!({
            "kind": kind, "namespace": "default", "name": name, "uid": uid,
            "apiVersion": api_version_of(kind),
        });
        if self.is_container {
            about["fieldPath"] = "spec.containers{app}".into();
        }
        let is_new_style = self.reason == "Scheduled";
        let is_warning = matches!(self.reason, "Failed" | "BackOff");
        json!({
            "kind": "Event", "apiVersion": "v1",
            "metadata": {
                "name": self.name, "namespace": "default", "uid": self.uid,
                "resourceVersion": resource_version.to_string(),
                "creationTimestamp": seconds(if self.count == 1 { written } else { self.first }),
            },
            "involvedObject": about, "reason": self.reason, "message": self.message,
            "source": if is_new_style { json!({}) } else { json!({"component": self.component}) },
            "firstTimestamp": if is_new_style { Value::Null } else { seconds(self.first).into() },
            "lastTimestamp": if is_new_style { Value::Null } else { seconds(self.last).into() },
            "eventTime": if is_new_style { micros(self.first).into() } else { Value::Null },
            "count": if is_new_style { Value::Null } else { self.count.into() },
            "type": if is_warning { "Warning" } else { "Normal" },
            "reportingComponent": self.component, "reportingInstance": "",
        })
    }
}
