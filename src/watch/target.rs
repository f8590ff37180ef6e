//! What is listed and watched, and the requests for it; pure.

use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::list_watch::{DENIED, Request};
use crate::facts::hash::stable_hasher;
use crate::facts::kind::Lane;
use crate::kinds::{Catalog, resource};

/// What may stand in a query as it is (RFC 3986, unreserved).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Objects of one kind, in all namespaces or in one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// API group, empty for the core group.
    pub group: String,
    /// Version of the group: `v1`; `None` until the server is asked which one it prefers.
    pub version: Option<String>,
    /// Plural name: `deployments`.
    pub plural: String,
    /// Empty for all namespaces.
    pub namespace: String,
    /// In the syntax of `kubectl get -l`; empty for all objects.
    pub label_selector: String,
    /// In the syntax of `kubectl get --field-selector`; empty for all objects.
    pub field_selector: String,
    /// Namespaces whose objects are not asked for.
    pub excluded: Vec<String>,
    /// Its objects are in no namespace, and cannot be selected by one.
    pub is_of_cluster: bool,
}

/// How requests are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchSettings {
    /// Objects in a page.
    pub page_size: u32,
    /// After which the server ends a watch, and the client gives up a silent one soon after.
    pub watch_timeout: Duration,
    /// After which a kind that may not be read, or is not there, is asked for again.
    pub denied: Duration,
    /// For how long the list of a kind is waited for before those of what it may own begin.
    pub head_start: Duration,
    /// In what form objects are asked for.
    pub encoding: Encoding,
}

/// In what form objects are asked for. What a server answers says itself in which it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// JSON.
    #[default]
    Json,
    /// Protobuf of Pods and Events, where the server has it; else JSON.
    Auto,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self {
            page_size: 500,
            watch_timeout: Duration::from_secs(200),
            denied: DENIED,
            head_start: Duration::from_secs(60),
            encoding: Encoding::Json,
        }
    }
}

impl Target {
    /// A hash of what is watched, in whatever version of its group and without whatever namespaces; it
    /// may be stored.
    #[must_use]
    pub fn identity(&self) -> u64 {
        let Self { group, version: _, plural, namespace, label_selector, field_selector, .. } =
            self;
        let mut hasher = stable_hasher();
        (group, plural, namespace, label_selector, field_selector).hash(&mut hasher);
        // In the place of namespaces that are left out: that others are makes it no other.
        (&[] as &[String], self.is_of_cluster).hash(&mut hasher);
        hasher.finish()
    }

    /// The objects of a built-in resource, as recordings name it, in one namespace or in all:
    /// every built-in kind that is watched is of version v1 of its group.
    #[must_use]
    pub fn built_in(resource: &str, namespace: &str, label_selector: &str) -> Self {
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        Self {
            group: group.to_owned(),
            version: Some("v1".to_owned()),
            plural: plural.to_owned(),
            namespace: namespace.to_owned(),
            label_selector: label_selector.to_owned(),
            field_selector: String::new(),
            excluded: Vec::new(),
            is_of_cluster: false,
        }
    }

    /// The objects of `lane`, in one namespace or in all; those that are in none anyway.
    #[must_use]
    pub fn of(catalog: &Catalog, lane: Lane, namespace: &str, label_selector: &str) -> Self {
        let custom = catalog.custom(lane);
        let is_of_cluster = custom.is_some_and(|custom| custom.is_of_cluster);
        let namespace = if is_of_cluster { "" } else { namespace };
        let target = Self::built_in(&catalog.resource(lane), namespace, label_selector);
        match custom {
            Some(custom) => Self { version: custom.version.clone(), is_of_cluster, ..target },
            None => target,
        }
    }

    /// The same without the objects of these namespaces.
    #[must_use]
    pub fn without(self, excluded: &[String]) -> Self {
        if self.is_of_cluster {
            return self;
        }
        Self { excluded: excluded.to_vec(), ..self }
    }

    /// The field selector, with which the API server leaves out what is excluded.
    fn fields(&self) -> String {
        let own = Some(self.field_selector.clone()).filter(|own| !own.is_empty());
        let others = self.excluded.iter().map(|name| format!("metadata.namespace!={name}"));
        own.into_iter().chain(others).collect::<Vec<_>>().join(",")
    }

    /// The kind as recordings and debug pages name it: `deployments.apps`, `pods`.
    #[must_use]
    pub fn resource(&self) -> String {
        resource(&self.plural, &self.group)
    }

    /// Whether objects may begin and cease to match. Of namespaces that are left out none ever comes.
    #[must_use]
    pub fn has_selector(&self) -> bool {
        !self.label_selector.is_empty() || !self.field_selector.is_empty()
    }

    /// What is accepted as an answer. Hashes of the specs of workloads are made of JSON; of Events
    /// nobody asks who wrote their fields.
    #[must_use]
    pub fn accept(&self, encoding: Encoding) -> &'static str {
        match (encoding, self.group.as_str(), self.plural.as_str()) {
            (Encoding::Auto, "", "pods") => "application/vnd.kubernetes.protobuf, application/json",
            (Encoding::Auto, "", "events") => {
                "application/vnd.kubernetes.protobuf;drop=metadata.managedFields, \
                 application/json;drop=metadata.managedFields"
            }
            _ => "application/json",
        }
    }

    /// The path of one object.
    #[must_use]
    pub fn path_of(&self, namespace: &str, name: &str) -> String {
        format!("{}/{name}", self.path(namespace))
    }

    fn path(&self, namespace: &str) -> String {
        let version = self.version.as_deref().unwrap_or_default();
        let base = match self.group.as_str() {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        let namespaces = if namespace.is_empty() { "" } else { "/namespaces/" };
        format!("{base}{namespaces}{namespace}/{}", self.plural)
    }

    /// Path and query of `request`.
    #[must_use]
    pub fn uri(
        &self,
        request: &Request,
        settings: &WatchSettings,
        is_version_only: bool,
    ) -> String {
        let mut uri = self.path(&self.namespace);
        let seconds = settings.watch_timeout.as_secs().to_string();
        let size = if is_version_only { 1 } else { settings.page_size }.to_string();
        let fields = self.fields();
        let mut pairs = vec![
            ("labelSelector", self.label_selector.as_str()),
            ("fieldSelector", fields.as_str()),
        ];
        match request {
            Request::Page { next } => pairs.extend([
                ("limit", size.as_str()),
                ("continue", next.as_deref().unwrap_or_default()),
            ]),
            Request::Whole => {}
            Request::WatchList => pairs.extend([
                ("watch", "true"),
                ("sendInitialEvents", "true"),
                ("resourceVersionMatch", "NotOlderThan"),
                ("allowWatchBookmarks", "true"),
                ("timeoutSeconds", &seconds),
            ]),
            Request::Watch { version } => pairs.extend([
                ("watch", "true"),
                ("resourceVersion", version),
                ("allowWatchBookmarks", "true"),
                ("timeoutSeconds", &seconds),
            ]),
        }
        let mut separator = '?';
        for (key, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            uri.push(separator);
            uri.push_str(key);
            uri.push('=');
            uri.extend(utf8_percent_encode(value, QUERY));
            separator = '&';
        }
        uri
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_ask_for_what_was_configured() {
        let settings = WatchSettings::default();
        let pods =
            Target { version: Some("v1".into()), plural: "pods".into(), ..Target::default() };
        let first = Request::Page { next: None };
        assert_eq!(pods.uri(&first, &settings, false), "/api/v1/pods?limit=500");
        assert_eq!(pods.uri(&first, &settings, true), "/api/v1/pods?limit=1");
        let web = Target {
            group: "apps".into(),
            version: Some("v1".into()),
            plural: "deployments".into(),
            namespace: "shop".into(),
            label_selector: "app in (web, api),!canary".into(),
            field_selector: "metadata.name=a&b".into(),
            excluded: Vec::new(),
            is_of_cluster: false,
        };
        assert_eq!(web.resource(), "deployments.apps");
        let next = Request::Page { next: Some("ey/+=".into()) };
        assert_eq!(
            web.uri(&next, &settings, false),
            "/apis/apps/v1/namespaces/shop/deployments?labelSelector=app%20in%20%28web%2C%20api%29%2C%21canary\
             &fieldSelector=metadata.name%3Da%26b&limit=500&continue=ey%2F%2B%3D"
        );
        assert_eq!(pods.uri(&Request::Whole, &settings, false), "/api/v1/pods");
        let watch = Request::Watch { version: "42".into() };
        assert_eq!(
            pods.uri(&watch, &settings, false),
            "/api/v1/pods?watch=true&resourceVersion=42&allowWatchBookmarks=true&timeoutSeconds=200"
        );
        assert_eq!(
            pods.uri(&Request::WatchList, &settings, false),
            "/api/v1/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan\
             &allowWatchBookmarks=true&timeoutSeconds=200"
        );
    }

    #[test]
    fn a_target_is_the_same_whatever_namespaces_it_leaves_out() {
        let pods = || Target::built_in("pods", "", "");
        let without = pods().without(&["ci".to_owned()]);
        assert_eq!(without.identity(), pods().identity());
        assert_ne!(Target::built_in("pods", "ci", "").identity(), pods().identity());
        assert_eq!(pods().identity(), 15_946_443_812_600_549_655, "it is stored");
    }

    #[test]
    fn protobuf_is_asked_for_of_pods_and_events_of_the_core_group_alone() {
        let accept = |plural: &str, group: &str, encoding| {
            let target = Target { plural: plural.into(), group: group.into(), ..Target::default() };
            target.accept(encoding)
        };
        for plural in ["pods", "events"] {
            assert!(
                accept(plural, "", Encoding::Auto)
                    .starts_with("application/vnd.kubernetes.protobuf")
            );
            assert_eq!(accept(plural, "", Encoding::Json), "application/json");
            assert_eq!(accept(plural, "example.com", Encoding::Auto), "application/json");
        }
        assert_eq!(accept("replicasets", "apps", Encoding::Auto), "application/json");
    }

    #[test]
    fn namespaces_are_left_out_by_the_server_of_all_that_is_in_one() {
        let excluded = ["kube-system".to_owned(), "ci".to_owned()];
        let uri = |plural: &str, field_selector: &str| {
            let target = Target {
                version: Some("v1".into()),
                plural: plural.into(),
                field_selector: field_selector.into(),
                is_of_cluster: plural == "nodes",
                ..Target::default()
            };
            let first = Request::Page { next: None };
            target.without(&excluded).uri(&first, &WatchSettings::default(), true)
        };
        let left_out = "metadata.namespace%21%3Dkube-system%2Cmetadata.namespace%21%3Dci";
        assert_eq!(uri("pods", ""), format!("/api/v1/pods?fieldSelector={left_out}&limit=1"));
        let both = format!("spec.nodeName%3Da%2C{left_out}");
        assert_eq!(
            uri("pods", "spec.nodeName=a"),
            format!("/api/v1/pods?fieldSelector={both}&limit=1")
        );
        assert_eq!(uri("nodes", ""), "/api/v1/nodes?limit=1");
    }
}
