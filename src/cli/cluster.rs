//! Arguments that say which cluster, and how it is found.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::cluster::connect::{Access, Cluster, served};
use crate::facts::kind::Lane;
use crate::kinds::{Catalog, Custom};
use crate::report::Report;
use crate::watch::target::Target;

/// Which cluster, and what of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
#[group(skip)]
pub(super) struct ClusterArguments {
    #[command(flatten)]
    reach: Reach,

    /// Only this namespace; by default all
    #[arg(short, long, value_name = "NAME", default_value = "", value_parser = namespace)]
    namespace: String,

    /// Only objects with these labels, such as app=web; Events are never left out
    #[arg(short = 'l', long, value_name = "LABELS", default_value = "")]
    selector: String,
}

/// How a cluster is reached.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Reach {
    /// The kubeconfig; by default KUBECONFIG, then ~/.kube/config, then the Pod's service account
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig, instead of its current one
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl Reach {
    pub(super) fn access(&self) -> Access {
        match (&self.kubeconfig, &self.context) {
            (None, None) => Access::Inferred,
            (file, context) => Access::KubeConfig { file: file.clone(), context: context.clone() },
        }
    }
}

impl ClusterArguments {
    pub(super) fn access(&self) -> Access {
        self.reach.access()
    }

    /// Where objects of `lane` are looked for. Events carry no labels of what they are about.
    pub(super) fn target(&self, catalog: &Catalog, lane: Lane) -> Target {
        let selector = if lane.has_lives() { &*self.selector } else { "" };
        Target::of(catalog, lane, &self.namespace, selector)
    }

    /// The presets that `cluster` serves, which is told if there are any.
    pub(super) async fn catalog(
        &self,
        cluster: &Cluster,
        report: &mut Report<'_>,
    ) -> io::Result<Arc<Catalog>> {
        let customs = match served(cluster, Catalog::default().customs()).await {
            Ok(customs) => customs,
            Err(error) => {
                report.say(&format!("custom resources are left out: {error}"))?;
                Vec::new()
            }
        };
        if !customs.is_empty() {
            let names: Vec<_> = customs.iter().map(Custom::resource).collect();
            report.say(&format!("custom resources: {}", names.join(", ")))?;
        }
        Ok(Arc::new(Catalog::new(customs)))
    }

    /// `namespace shop`, or `all namespaces`.
    pub(super) fn scope(&self) -> String {
        match self.namespace.as_str() {
            "" => "all namespaces".to_owned(),
            name => format!("namespace {name}"),
        }
    }
}

/// A name may stand in the path of a request (RFC 1123 label, as Kubernetes asks for).
pub(super) fn namespace(text: &str) -> Result<String, &'static str> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_good = text.len() <= 63
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if is_good {
        Ok(text.to_owned())
    } else {
        Err("expected the name of one namespace: lower-case letters, digits and `-`")
    }
}
