//! A custom resource that is known: what it is called, and the rules by which it is read.

use std::sync::Arc;

use super::rules::{GOALS, Rules};
use crate::facts::kind::{CustomLane, Kind, Lane};

/// A custom resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custom {
    /// API group: `argoproj.io`.
    pub group: String,
    /// Plural name: `rollouts`.
    pub plural: String,
    /// Kind: `Rollout`.
    pub kind: String,
    /// Its objects are in no namespace.
    pub is_of_cluster: bool,
    /// Version: `v1alpha1`; where it is not given the one that the server prefers.
    pub version: Option<String>,
    /// How it is read.
    pub rules: Rules,
}

/// A resource as `kubectl` and recordings name it: `deployments.apps`, in the core group `pods`.
#[must_use]
pub fn resource(plural: &str, group: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

/// Resources of the core group whose objects are in no namespace.
const OF_CLUSTER: [&str; 3] = ["namespaces", "nodes", "persistentvolumes"];

impl Custom {
    /// One of which nothing is known but what it is called.
    #[must_use]
    pub fn unknown(group: &str, plural: &str) -> Self {
        let is_core = group.is_empty();
        Self {
            group: group.to_owned(),
            plural: plural.to_owned(),
            kind: String::new(),
            is_of_cluster: is_core && OF_CLUSTER.contains(&plural),
            // The core group is served apart from the others, in one version.
            version: is_core.then(|| "v1".to_owned()),
            rules: Rules::default(),
        }
    }

    /// The resource as recordings name it: `rollouts.argoproj.io`.
    #[must_use]
    pub fn resource(&self) -> String {
        resource(&self.plural, &self.group)
    }

    /// Its lane. Which version is watched makes no difference to what is kept.
    #[must_use]
    pub fn lane(&self) -> Lane {
        Lane::Custom(CustomLane::of(&self.resource(), &(&self.kind, &self.rules)))
    }

    /// The kind of its objects.
    pub(super) fn kind(&self) -> Kind {
        Kind::of(&self.group, &self.kind)
    }

    /// The fields of its spec that are goals.
    pub(super) fn goals(&self) -> Arc<[Box<str>]> {
        let configured = self.rules.goal_fields.iter().map(|goal| goal.as_str().into());
        let wanted = self.rules.wanted.as_ref().and_then(|path| path.of_spec());
        let known = GOALS.into_iter().map(Into::into);
        known.chain(configured).chain(wanted.map(String::into_boxed_str)).collect()
    }
}
