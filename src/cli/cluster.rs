//! Arguments that say which cluster, what of it, and who to be there, as kubectl has them.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::cluster::connect::{Access, Cluster, served};
use crate::facts::kind::Lane;
use crate::facts::meta::is_label;
use crate::kinds::{Catalog, Custom};
use crate::report::Report;
use crate::watch::target::Target;

/// Which cluster, and what of it.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Cluster")]
#[group(skip)]
pub(super) struct ClusterArguments {
    #[command(flatten)]
    pub(super) reach: Reach,

    /// Only this namespace; by default that of the kubeconfig's context
    #[arg(short, long, value_name = "NAME", value_parser = namespace)]
    pub(super) namespace: Option<String>,

    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub(super) all_namespaces: bool,

    /// Only objects with these labels, such as app=web; Events are never left out
    #[arg(short = 'l', long, value_name = "LABELS", default_value = "")]
    selector: String,
}

/// How a cluster is reached.
#[derive(Debug, Default, Args)]
#[group(skip)]
pub(super) struct Reach {
    /// The kubeconfig; by default KUBECONFIG, then ~/.kube/config, then the Pod's service account
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig, instead of its current one
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// Act as this user; who asks must be allowed to impersonate it
    #[arg(long = "as", value_name = "USER")]
    as_user: Option<String>,
}

impl Reach {
    pub(super) fn access(&self) -> Access {
        let access = match (&self.kubeconfig, &self.context) {
            (None, None) => Access::Inferred,
            (file, context) => Access::KubeConfig { file: file.clone(), context: context.clone() },
        };
        match &self.as_user {
            Some(user) => Access::As { user: user.clone(), by: Box::new(access) },
            None => access,
        }
    }

    /// What was said before the command counts where nothing was said after it.
    pub(super) fn inherit(&mut self, before: Self) {
        let Self { kubeconfig, context, as_user } = before;
        self.kubeconfig = self.kubeconfig.take().or(kubeconfig);
        self.context = self.context.take().or(context);
        self.as_user = self.as_user.take().or(as_user);
    }

    pub(super) fn is_given(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some() || self.as_user.is_some()
    }
}

impl ClusterArguments {
    pub(super) fn access(&self) -> Access {
        self.reach.access()
    }

    /// What was said, which is taken out.
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// As [`Reach::inherit`]; of one namespace and all the nearer word counts.
    pub(super) fn inherit(&mut self, before: Self) {
        let Self { reach, namespace, all_namespaces, selector: _ } = before;
        self.reach.inherit(reach);
        if self.namespace.is_none() && !self.all_namespaces {
            (self.namespace, self.all_namespaces) = (namespace, all_namespaces);
        }
    }

    /// Whether anything was said of which cluster, or what of it.
    pub(super) fn is_given(&self) -> bool {
        self.reach.is_given()
            || self.namespace.is_some()
            || self.all_namespaces
            || !self.selector.is_empty()
    }

    /// The namespace that is meant: named, or that of the kubeconfig's context; empty for all.
    pub(super) fn namespace(&self, cluster: &Cluster) -> String {
        if self.all_namespaces {
            return String::new();
        }
        let current = || cluster.api.default_namespace().to_owned();
        self.namespace.clone().unwrap_or_else(current)
    }

    /// Where objects of `lane` are looked for. Events carry no labels of what they are about.
    pub(super) fn target(&self, catalog: &Catalog, lane: Lane, namespace: &str) -> Target {
        let selector = if lane.has_lives() { &*self.selector } else { "" };
        Target::of(catalog, lane, namespace, selector)
    }

    /// The presets that `cluster` serves, which is told if there are any; of one namespace those
    /// whose objects are in one.
    pub(super) async fn catalog(
        &self,
        cluster: &Cluster,
        namespace: &str,
        report: &mut Report<'_>,
    ) -> io::Result<Arc<Catalog>> {
        let mut customs = match served(cluster, Catalog::default().customs()).await {
            Ok(customs) => customs,
            Err(error) => {
                report.say(&format!("custom resources are left out: {error}"))?;
                Vec::new()
            }
        };
        customs.retain(|custom| namespace.is_empty() || !custom.is_of_cluster);
        if !customs.is_empty() {
            let names: Vec<_> = customs.iter().map(Custom::resource).collect();
            report.say(&format!("custom resources: {}", names.join(", ")))?;
        }
        Ok(Arc::new(Catalog::new(customs)))
    }
}

/// `namespace shop`, or `all namespaces`.
pub(super) fn scope(namespace: &str) -> String {
    match namespace {
        "" => "all namespaces".to_owned(),
        name => format!("namespace {name}"),
    }
}

/// A name may stand in the path of a request (RFC 1123 label, as Kubernetes asks for).
pub(super) fn namespace(text: &str) -> Result<String, &'static str> {
    if is_label(text) {
        Ok(text.to_owned())
    } else {
        Err("expected the name of one namespace: lower-case letters, digits and `-`")
    }
}
