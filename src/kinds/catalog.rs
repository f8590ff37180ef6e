//! The kinds that are known: the built-in ones, and custom resources with the rules by which they
//! are read; and where trace contexts stand on objects of any of them.

use super::custom::Custom;
use super::presets::presets;
use crate::context;
use crate::facts::kind::Kind;
use crate::facts::kind::Lane;
use crate::facts::time::Nanos;

/// The custom resources that are known, beside the built-in kinds, and where trace contexts stand;
/// by default the presets and the built-in rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    customs: Vec<Custom>,
    /// How long a transition of a built-in kind may take, where that is a time of its own.
    limits: Vec<(Lane, Nanos)>,
    context: context::Rules,
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
        Self { customs, limits: Vec::new(), context: context::Rules::built_in() }
    }

    /// The same, with trace contexts where these rules say, on objects of all kinds.
    #[must_use]
    pub fn with_context(self, rules: context::Rules) -> Self {
        Self { context: rules, ..self }
    }

    /// The same, with a limit of their own for transitions of these built-in kinds.
    #[must_use]
    pub fn with_limits(self, limits: Vec<(Lane, Nanos)>) -> Self {
        Self { limits, ..self }
    }

    /// How long a transition of a built-in kind may take, where that is a time of its own.
    pub(super) fn limit(&self, lane: Lane) -> Option<Nanos> {
        self.limits.iter().find(|(limited, _)| *limited == lane).map(|(_, limit)| *limit)
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
