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
    /// The lane of each of them.
    lanes: Vec<Lane>,
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
        let lanes = customs.iter().map(Custom::lane).collect();
        Self { customs, lanes, limits: Vec::new(), context: context::Rules::built_in() }
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
        Lane::of(resource).or_else(|| self.lanes.get(self.place_of(resource)?).copied())
    }

    /// The lane of the objects of this `apiVersion` and `kind`, if it is known.
    #[must_use]
    pub fn lane_of_kind(&self, api_version: &str, kind: &str) -> Option<Lane> {
        let group = group_of(api_version);
        if kind == "Event" && ["", "events.k8s.io"].contains(&group) {
            return Some(Lane::Events);
        }
        let kind = Kind::of(group, kind);
        self.lanes().find(|lane| self.kind(*lane).as_ref() == Some(&kind))
    }

    /// The place of a custom resource among those that are known; owners come first.
    #[must_use]
    pub fn place_of(&self, resource: &str) -> Option<usize> {
        self.customs.iter().position(|custom| custom.resource() == resource)
    }

    /// The custom resource of a lane.
    #[must_use]
    pub fn custom(&self, lane: Lane) -> Option<&Custom> {
        let at = self.lanes.iter().position(|known| *known == lane)?;
        self.customs.get(at)
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

    /// The lanes of the custom resources and the kinds of their objects, owners first.
    #[must_use]
    pub fn custom_kinds(&self) -> Vec<(Lane, Kind)> {
        self.lanes.iter().copied().zip(self.customs.iter().map(Custom::kind)).collect()
    }

    /// Whether objects of this `apiVersion` and `kind`, as references name them, are known.
    #[must_use]
    pub fn is_known(&self, api_version: &str, kind: &str) -> bool {
        let group = group_of(api_version);
        let kind = Kind::of(group, kind);
        !matches!(kind, Kind::Other(_)) || self.customs.iter().any(|custom| custom.kind() == kind)
    }

    /// All lanes, custom resources first.
    pub fn lanes(&self) -> impl Iterator<Item = Lane> {
        self.lanes.iter().copied().chain(Lane::ALL)
    }
}

/// The API group of an `apiVersion`: `apps` of `apps/v1`, nothing of `v1`.
pub(super) fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::kind::CustomLane;

    fn lane(custom: &Custom) -> CustomLane {
        let Lane::Custom(lane) = custom.lane() else { panic!("it is a custom resource") };
        lane
    }

    #[test]
    fn a_lane_is_of_a_resource_and_its_rules_wherever_that_stands() {
        let customs = presets();
        let mut turned = customs.clone();
        turned.reverse();
        let (one, other) = (Catalog::new(customs.clone()), Catalog::new(turned));
        for custom in &customs {
            assert_eq!(one.lane_of(&custom.resource()), other.lane_of(&custom.resource()));
            assert_eq!(one.custom(custom.lane()), Some(custom));
        }
        let Some(first) = customs.first() else { panic!("there are presets") };
        let mut changed = first.clone();
        changed.rules.goal_fields.push("more".to_owned());
        assert_eq!(lane(first).resource, lane(&changed).resource);
        assert_ne!(lane(first).rules, lane(&changed).rules);
        changed.clone_from(first);
        changed.version = Some("v9".to_owned());
        assert_eq!(lane(first), lane(&changed), "its objects are read as before");
    }
}
