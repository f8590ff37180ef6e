//! The permissions that a configuration needs, and no others; pure.

use crate::text::{put, putln};
use crate::watch::target::Target;
use std::collections::BTreeMap;

/// Names of what is granted to whom.
const NAME: &str = "lifespan";

/// Roles and their bindings as YAML, for the service account `lifespan` of `namespace`.
///
/// What is watched may be listed and watched, in the namespace that it is watched in or in all; what
/// is in no namespace anyway needs a ClusterRole. The namespace kube-system may be read, for its uid,
/// which identifies the cluster, where `needs_uid`: where it is configured it is not asked for.
#[must_use]
pub fn rbac(targets: &[Target], namespace: &str, needs_uid: bool) -> String {
    let mut out = String::new();
    let mut by_namespace: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for target in targets {
        let groups = by_namespace.entry(&target.namespace).or_default();
        groups.entry(&target.group).or_default().push(&target.plural);
    }
    let cluster_wide = by_namespace.remove("").unwrap_or_default();
    if needs_uid || !cluster_wide.is_empty() {
        head(&mut out, "ClusterRole", "");
        out.push_str("rules:\n");
        if needs_uid {
            rule(&mut out, "", &["namespaces"], &["get"], Some("kube-system"));
        }
        for (group, resources) in &cluster_wide {
            rule(&mut out, group, resources, &["get", "list", "watch"], None);
        }
        binding(&mut out, "ClusterRole", "", namespace);
    }
    for (watched, groups) in &by_namespace {
        head(&mut out, "Role", watched);
        out.push_str("rules:\n");
        for (group, resources) in groups {
            rule(&mut out, group, resources, &["get", "list", "watch"], None);
        }
        binding(&mut out, "Role", watched, namespace);
    }
    out
}

fn head(out: &mut String, kind: &str, namespace: &str) {
    let separator = if out.is_empty() { "" } else { "---\n" };
    put!(
        out,
        "{separator}apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {NAME}\n"
    );
    if !namespace.is_empty() {
        putln!(out, "  namespace: {namespace}");
    }
}

fn rule(out: &mut String, group: &str, resources: &[&str], verbs: &[&str], name: Option<&str>) {
    put!(out, "  - apiGroups: [\"{group}\"]\n    resources: [{}]\n", resources.join(", "));
    if let Some(name) = name {
        putln!(out, "    resourceNames: [{name}]");
    }
    putln!(out, "    verbs: [{}]", verbs.join(", "));
}

fn binding(out: &mut String, kind: &str, watched: &str, namespace: &str) {
    head(out, &format!("{kind}Binding"), watched);
    put!(
        out,
        "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {NAME}\n\
         subjects:\n  - kind: ServiceAccount\n    name: {NAME}\n    namespace: {namespace}\n"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_namespace_needs_a_role_there_and_the_uid_of_the_cluster() {
        let targets = ["deployments.apps", "pods"].map(|it| Target::built_in(it, "shop", ""));
        let text = rbac(&targets, "observability", true);
        expect_test::expect![[r#"
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRole
            metadata:
              name: lifespan
            rules:
              - apiGroups: [""]
                resources: [namespaces]
                resourceNames: [kube-system]
                verbs: [get]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRoleBinding
            metadata:
              name: lifespan
            roleRef:
              apiGroup: rbac.authorization.k8s.io
              kind: ClusterRole
              name: lifespan
            subjects:
              - kind: ServiceAccount
                name: lifespan
                namespace: observability
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: Role
            metadata:
              name: lifespan
              namespace: shop
            rules:
              - apiGroups: [""]
                resources: [pods]
                verbs: [get, list, watch]
              - apiGroups: ["apps"]
                resources: [deployments]
                verbs: [get, list, watch]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            metadata:
              name: lifespan
              namespace: shop
            roleRef:
              apiGroup: rbac.authorization.k8s.io
              kind: Role
              name: lifespan
            subjects:
              - kind: ServiceAccount
                name: lifespan
                namespace: observability
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn nothing_but_reading_is_ever_granted_and_secrets_never() {
        let targets = crate::facts::kind::Lane::ALL
            .map(|it| Target::built_in(it.resource().unwrap_or_default(), "", ""));
        let text = rbac(&targets, "lifespan", true);
        for line in text.lines().filter(|line| line.contains("verbs:")) {
            assert!(
                ["    verbs: [get]", "    verbs: [get, list, watch]"].contains(&line),
                "{line}"
            );
        }
        assert!(!text.contains("secrets") && !text.contains('*'));
    }
}
