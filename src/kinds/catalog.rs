//! The kinds that are known: the built-in ones, and custom resources with the rules by which they
//! are read; and where trace contexts stand on objects of any of them.

use std::sync::Arc;

use super::presets::presets;
use super::rules::{GOALS, Rules};
use crate::context;
use crate::facts::kind::Kind;
use crate::facts::kind::Lane;

/// The custom resources that are known, beside the built-in kinds, and where trace contexts stand;
/// by default the presets and the built-in rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    customs: Vec<Custom>,
    context: context::Rules,
}

/// A custom resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custom {
    /// API group: `argoproj.io`.
    pub group: String,
    /// Plural name: `rollouts`.
    pub plural: String,
    /// Kind: `Rollout`.
    pub kind: String,
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

impl Custom {
    /// The resource as recordings name it: `rollouts.argoproj.io`.
    #[must_use]
    pub fn resource(&self) -> String {
        resource(&self.plural, &self.group)
    }

    /// The kind of its objects.
    fn kind(&self) -> Kind {
        Kind::of(&self.group, &self.kind)
    }

    /// The fields of its spec that are goals.
    pub(super) fn goals(&self) -> Arc<[Box<str>]> {
        let configured = self.rules.goal_fields.iter().map(|goal| goal.as_str().into());
        GOALS.into_iter().map(Into::into).chain(configured).collect()
    }
}

impl Default for Catalog {
    fn default() -> Self {
        Self::new(presets())
    }
}

impl Catalog {
    /// Knows these custom resources, and no others; trace contexts stand where the built-in rules
    /// say.
    #[must_use]
    pub fn new(customs: Vec<Custom>) -> Self {
        Self { customs, context: context::Rules::built_in() }
    }

    /// The same, with trace contexts where these rules say, on objects of all kinds.
    #[must_use]
    pub fn with_context(self, rules: context::Rules) -> Self {
        Self { context: rules, ..self }
    }

    /// Where trace contexts stand.
    #[must_use]
    pub fn context(&self) -> &context::Rules {
        &self.context
    }

    /// The custom resources, in the order of their lanes.
    #[must_use]
    pub fn customs(&self) -> &[Custom] {
        &self.customs
    }

    /// The lane of a resource, `rollouts.argoproj.io`, if it is known.
    #[must_use]
    pub fn lane_of(&self, resource: &str) -> Option<Lane> {
        Lane::of(resource).or_else(|| {
            let at = self.customs.iter().position(|custom| custom.resource() == resource)?;
            u16::try_from(at).ok().map(Lane::Custom)
        })
    }

    /// The custom resource of a lane.
    #[must_use]
    pub fn custom(&self, lane: Lane) -> Option<&Custom> {
        let Lane::Custom(at) = lane else { return None };
        self.customs.get(usize::from(at))
    }

    /// The resource of a lane as recordings name it.
    #[must_use]
    pub fn resource(&self, lane: Lane) -> String {
        let built_in = lane.resource().map(str::to_owned);
        built_in.or_else(|| self.custom(lane).map(Custom::resource)).unwrap_or_default()
    }

    /// The kind of the objects of a lane; Events are about objects of other kinds.
    #[must_use]
    pub fn kind(&self, lane: Lane) -> Option<Kind> {
        let custom = self.custom(lane).map(Custom::kind);
        lane.kind().or(custom)
    }

    /// The kinds of the custom resources, in the order of their lanes.
    #[must_use]
    pub fn custom_kinds(&self) -> Vec<Kind> {
        self.customs.iter().map(Custom::kind).collect()
    }

    /// Whether objects of this `apiVersion` and `kind`, as references name them, are known.
    #[must_use]
    pub fn is_known(&self, api_version: &str, kind: &str) -> bool {
        let group = group_of(api_version);
        let kind = Kind::of(group, kind);
        !matches!(kind, Kind::Other(_)) || self.custom_kinds().contains(&kind)
    }

    /// All lanes, custom resources first.
    pub fn lanes(&self) -> impl Iterator<Item = Lane> {
        let n = u16::try_from(self.customs.len()).unwrap_or(u16::MAX);
        (0..n).map(Lane::Custom).chain(Lane::ALL)
    }
}

/// The API group of an `apiVersion`: `apps` of `apps/v1`, nothing of `v1`.
pub(super) fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}
