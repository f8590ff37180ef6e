//! The kinds there are, and the watch of each: one table of those that are built in.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::hash::stable_hasher;

/// Makes [`Kind`] and [`Lane`] of one table, so that a kind is named in one place.
macro_rules! built_in_kinds {
    ($(
        $kind:ident, $lane:ident, $group:literal, $resource:literal, $short:literal, $rank:literal,
        $attributes:literal;
    )*) => {
        /// The kind of an object, by its Kubernetes name.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $(
                #[doc = concat!("Of `", $resource, "`.")]
                $kind,
            )*
            /// Any other kind, as `Rollout.argoproj.io`: a custom resource, or one that is not
            /// watched and only names an owner.
            Other(Arc<str>),
        }

        /// The watch of one kind. They sort with owners first; in which order custom resources
        /// come says the catalogue of those that are known.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Lane {
            /// A custom resource.
            Custom(CustomLane),
            $(
                #[doc = concat!("`", $resource, "`")]
                $lane,
            )*
            /// `events`
            Events,
        }

        impl Kind {
            /// The kind `name` of the API group `group`, which is empty for the core group.
            #[must_use]
            pub fn of(group: &str, name: &str) -> Self {
                match (group, name) {
                    $(($group, stringify!($kind)) => Self::$kind,)*
                    ("", other) => Self::Other(other.into()),
                    (group, other) => Self::Other(format!("{other}.{group}").into()),
                }
            }

            /// The kind's name as Kubernetes writes it, `Deployment`.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$kind => stringify!($kind),)*
                    Self::Other(name) => name.split_once('.').map_or(name, |(name, _)| name),
                }
            }

            /// Its API group, empty for the core group.
            #[must_use]
            pub fn group(&self) -> &str {
                match self {
                    $(Self::$kind => $group,)*
                    Self::Other(name) => name.split_once('.').map_or("", |(_, group)| group),
                }
            }

            /// The keys of name and uid of its objects, as OpenTelemetry has them for built-in
            /// kinds.
            #[must_use]
            pub const fn attributes(&self) -> Option<(&'static str, &'static str)> {
                match self {
                    $(Self::$kind => Some((
                        concat!("k8s.", $attributes, ".name"),
                        concat!("k8s.", $attributes, ".uid"),
                    )),)*
                    Self::Other(_) => None,
                }
            }
        }

        impl Lane {
            /// All lanes of built-in kinds, owners first.
            pub const ALL: [Self; [$(stringify!($lane)),*].len() + 1] =
                [$(Self::$lane,)* Self::Events];

            /// The resource of a built-in kind as a recording names it: `deployments.apps`.
            #[must_use]
            pub const fn resource(self) -> Option<&'static str> {
                match self {
                    Self::Custom(_) => None,
                    $(Self::$lane => Some($resource),)*
                    Self::Events => Some("events"),
                }
            }

            /// What kubectl calls it for short: `deploy`.
            #[must_use]
            pub const fn short_name(self) -> Option<&'static str> {
                match self {
                    Self::Custom(_) => None,
                    $(Self::$lane => Some($short),)*
                    Self::Events => Some("ev"),
                }
            }

            /// The kind of its objects, where that is a built-in one; Events are about objects of
            /// other kinds.
            #[must_use]
            pub const fn kind(self) -> Option<Kind> {
                match self {
                    Self::Custom(_) | Self::Events => None,
                    $(Self::$lane => Some(Kind::$kind),)*
                }
            }

            /// How far below the top of an owner chain its objects stand; owners are listed first.
            #[must_use]
            pub const fn rank(self) -> u8 {
                match self {
                    Self::Custom(_) => 0,
                    $(Self::$lane => $rank,)*
                    Self::Events => 9,
                }
            }
        }
    };
}

// Kind, lane, API group, resource, kubectl's short name, how far below the top of an owner chain,
// and the word for it in attributes; owners first.
built_in_kinds! {
    CronJob, CronJobs, "batch", "cronjobs.batch", "cj", 1, "cronjob";
    Deployment, Deployments, "apps", "deployments.apps", "deploy", 2, "deployment";
    StatefulSet, StatefulSets, "apps", "statefulsets.apps", "sts", 2, "statefulset";
    DaemonSet, DaemonSets, "apps", "daemonsets.apps", "ds", 2, "daemonset";
    Job, Jobs, "batch", "jobs.batch", "job", 2, "job";
    ReplicaSet, ReplicaSets, "apps", "replicasets.apps", "rs", 3, "replicaset";
    ReplicationController, ReplicationControllers, "", "replicationcontrollers", "rc", 3,
        "replicationcontroller";
    Pod, Pods, "", "pods", "po", 4, "pod";
}

/// The watch of a custom resource: which one, and by which rules its objects are read. Both are hashes
/// that may be stored: what was kept of a watch is found again in another process, and not where the
/// rules are others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CustomLane {
    /// Of the resource as recordings name it, `rollouts.argoproj.io`.
    pub resource: u64,
    /// Of the rules.
    pub rules: u64,
}

impl CustomLane {
    /// That of a resource whose objects are read by these rules.
    #[must_use]
    pub fn of(resource: &str, rules: &impl Hash) -> Self {
        let (mut of_name, mut of_rules) = (stable_hasher(), stable_hasher());
        resource.hash(&mut of_name);
        rules.hash(&mut of_rules);
        Self { resource: of_name.finish(), rules: of_rules.finish() }
    }
}

/// A part of a lane that is listed and watched on its own, such as one of several namespaces. A
/// list proves absence for its own part alone, and only the resourceVersions of one part come in
/// order.
pub type Part = u16;

impl Lane {
    /// The lane of a built-in resource. Core Events are found under both of their names.
    #[must_use]
    pub fn of(resource: &str) -> Option<Self> {
        match resource {
            "events.events.k8s.io" => Some(Self::Events),
            other => Self::ALL.into_iter().find(|lane| lane.resource() == Some(other)),
        }
    }

    /// Whether its objects have a life that is traced: all but Events.
    #[must_use]
    pub const fn has_lives(self) -> bool {
        !matches!(self, Self::Events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_group_and_name_and_its_lane_by_its_resource() {
        for lane in Lane::ALL {
            let resource = lane.resource().unwrap();
            assert_eq!(Lane::of(resource), Some(lane));
            let Some(kind) = lane.kind() else { continue };
            let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
            assert_eq!(Kind::of(group, kind.name()), kind);
            assert_eq!(plural, format!("{}s", kind.name().to_lowercase()));
        }
        assert_eq!(Kind::of("example.com", "Job").name(), "Job");
        assert_eq!(Kind::of("example.com", "Job"), Kind::Other("Job.example.com".into()));
    }

    #[test]
    fn lanes_sort_with_owners_first() {
        assert!(Lane::ALL.is_sorted_by_key(|lane| (lane.rank(), *lane)));
    }
}
