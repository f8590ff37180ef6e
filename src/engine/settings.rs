//! What an engine is told from outside.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::kind::{Kind, Lane, Part};
use crate::facts::time::Nanos;
use crate::lifecycle::action::Roots;
use crate::sampling::Policy;

/// How long things are waited for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `k8s.cluster.uid`, where it is known; part of every trace id.
    pub cluster_uid: Option<String>,
    /// `k8s.cluster.name`, where one is given.
    pub cluster_name: Option<String>,
    /// One fixed `service.name` for everything, in place of the name of each workload.
    pub service_name: Option<String>,
    /// How long a change waits in the inlet for slower lanes.
    pub settle_time: Nanos,
    /// How long an object waits for its owner while the lane of that is away.
    pub owner_wait: Nanos,
    /// How long a settled state must last.
    pub stable_time: Nanos,
    /// After which an open transition has timed out.
    pub max_transition_duration: Nanos,
    /// The same for a run: a Job, a Pod that runs to its end.
    pub max_run_duration: Nanos,
    /// Beyond how many Pods a trace keeps only the telling ones.
    pub max_pods_per_trace: usize,
    /// How many changes may wait in the inlet.
    pub max_waiting: usize,
    /// Lanes whose first lists are waited for, however long they take, unless they break off; what
    /// watches tell meanwhile waits too. Without any, the others are waited for no longer than
    /// `settle_time`: a recording does not say which lanes there are.
    pub waits_for: Vec<(Lane, Part)>,
    /// What each part of a lane lists and watches, as a hash that may be stored: what was kept of it is
    /// found again by that. 0 where it is not told.
    pub targets: BTreeMap<(Lane, Part), u64>,
    /// The namespaces that parts of lanes leave out, where they leave out any.
    pub excluded: BTreeMap<(Lane, Part), BTreeSet<String>>,
    /// The lanes of custom resources and the kinds of their objects, owners first.
    pub custom_kinds: Vec<(Lane, Kind)>,
    /// Which kinds of roots are told.
    pub roots: Roots,
    /// Which traces are kept.
    pub sampling: Policy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cluster_uid: None,
            cluster_name: None,
            service_name: None,
            settle_time: Nanos::from_seconds(2),
            owner_wait: Nanos::from_seconds(30),
            stable_time: Nanos::from_seconds(10),
            max_transition_duration: Nanos::from_seconds(3_600),
            max_run_duration: Nanos::from_seconds(24 * 3_600),
            max_pods_per_trace: 200,
            max_waiting: 20_000,
            waits_for: Vec::new(),
            targets: BTreeMap::new(),
            excluded: BTreeMap::new(),
            custom_kinds: Vec::new(),
            roots: Roots::default(),
            sampling: Policy::default(),
        }
    }
}
