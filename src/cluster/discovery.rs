//! What an API server says it serves: groups, their versions and the resources of those; pure.

use serde::Deserialize;

/// An API group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `argoproj.io`
    pub name: String,
    /// Its versions, the one that the server prefers first.
    pub versions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawGroup {
    name: String,
    #[serde(default)]
    versions: Vec<Version>,
    preferred_version: Option<Version>,
}

#[derive(Deserialize, PartialEq)]
struct Version {
    version: String,
}

impl From<RawGroup> for Group {
    fn from(raw: RawGroup) -> Self {
        let RawGroup { name, versions, preferred_version } = raw;
        let others = versions.into_iter().filter(|it| Some(it) != preferred_version.as_ref());
        let others: Vec<_> = others.map(|it| it.version).collect();
        let versions = preferred_version.map(|it| it.version).into_iter().chain(others).collect();
        Self { name, versions }
    }
}

/// The group of an `APIGroup`; `None` where it is none.
#[must_use]
pub fn group(json: &[u8]) -> Option<Group> {
    serde_json::from_slice::<RawGroup>(json).ok().map(Group::from)
}

/// The groups of an `APIGroupList`; `None` where it is none.
#[must_use]
pub fn groups(json: &[u8]) -> Option<Vec<Group>> {
    #[derive(Deserialize)]
    struct List {
        groups: Vec<RawGroup>,
    }
    let list: List = serde_json::from_slice(json).ok()?;
    Some(list.groups.into_iter().map(Group::from).collect())
}

/// A resource that is served.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Resource {
    /// Its plural name: `taskruns`; that of a subresource has a slash in it.
    pub name: String,
    /// Whether its objects are in namespaces.
    #[serde(default = "is_as_a_rule")]
    pub namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

impl Resource {
    /// Whether it can be listed and watched.
    #[must_use]
    pub fn can_be_watched(&self) -> bool {
        let can = |verb: &str| self.verbs.iter().any(|it| it == verb);
        can("list") && can("watch")
    }
}

const fn is_as_a_rule() -> bool {
    true
}

/// The resources of an `APIResourceList`; `None` where it is none.
#[must_use]
pub fn resources(json: &[u8]) -> Option<Vec<Resource>> {
    #[derive(Deserialize)]
    struct List {
        resources: Vec<Resource>,
    }
    serde_json::from_slice::<List>(json).ok().map(|list| list.resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = r#"{"kind":"APIGroup","apiVersion":"v1","name":"tekton.dev","versions":[
        {"groupVersion":"tekton.dev/v1beta1","version":"v1beta1"},
        {"groupVersion":"tekton.dev/v1","version":"v1"}],
        "preferredVersion":{"groupVersion":"tekton.dev/v1","version":"v1"}}"#;

    #[test]
    fn the_version_that_the_server_prefers_comes_first() {
        let found = group(GROUP.as_bytes()).unwrap();
        assert_eq!(
            (&*found.name, found.versions),
            ("tekton.dev", ["v1", "v1beta1"].map(String::from).to_vec())
        );
        let list = format!(r#"{{"groups":[{GROUP},{{"name":"batch"}}]}}"#);
        let names: Vec<_> =
            groups(list.as_bytes()).unwrap().into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["tekton.dev", "batch"]);
    }

    #[test]
    fn only_what_can_be_listed_and_watched_counts() {
        let list = r#"{"resources":[{"name":"taskruns","verbs":["get","list","watch"]},
            {"name":"taskruns/status","verbs":["get"]},{"name":"none"},
            {"name":"reviews","verbs":["create","list"]}]}"#;
        let found = resources(list.as_bytes()).unwrap().into_iter();
        let names: Vec<_> = found.filter(Resource::can_be_watched).map(|it| it.name).collect();
        assert_eq!(names, ["taskruns"]);
    }

    #[test]
    fn what_is_no_answer_of_an_api_server_is_none() {
        for json in ["", "<html>", "[]", "{}", "null", r#"{"groups":{}}"#, r#"{"resources":1}"#] {
            assert_eq!(group(json.as_bytes()), None, "{json}");
            assert_eq!(groups(json.as_bytes()), None, "{json}");
            assert_eq!(resources(json.as_bytes()), None, "{json}");
        }
    }
}
