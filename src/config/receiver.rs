//! `receivers: k8s_lifecycle`

use super::extensions::{self, Storages};
use super::namespaces::{excluded_namespaces, namespaces};
use super::node::Node;
use super::objects::{HELP, Object, Objects, objects};
use super::reader::{Reader, Section};
use super::roots::actions;
use super::sampling::sampling;
use super::trace_context::trace_context;
use crate::cluster::connect::Access;
use crate::engine::Settings;
use crate::facts::kind::{Kind, Lane};
use crate::facts::time::Nanos;
use crate::kinds::Catalog;
use crate::lifecycle::action::Roots;
use crate::sampling::Policy;
use crate::watch::lanes::Watched;
use crate::watch::listener::ForCore;
use crate::watch::target::{Encoding, Target, WatchSettings};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What is watched, and how it is understood.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Which cluster, and who to be there.
    pub access: Access,
    /// The namespaces that are watched; empty for all.
    pub namespaces: Vec<String>,
    /// The namespaces that are left out.
    pub excluded: Vec<String>,
    /// What is watched, owners first.
    pub objects: Vec<Object>,
    /// The custom resources among them, and where trace contexts stand on objects.
    pub catalog: Arc<Catalog>,
    /// How requests are made.
    pub watch_settings: WatchSettings,
    /// Whether lists may be read as watches; `None` to go by the server's version.
    pub watch_list: Option<bool>,
    /// What is open is stored, and gone on with.
    pub is_stored: bool,
    /// How the core understands it. A `cluster_uid` that is not given is asked for.
    pub settings: Settings,
}

impl Receiver {
    /// What is listed and watched, owners first.
    #[must_use]
    pub fn watched(&self) -> Vec<Watched<ForCore>> {
        let all = [String::new()];
        let watched = self.objects.iter().flat_map(|object| {
            let custom = self.catalog.custom(object.lane);
            let is_of_cluster = custom.is_some_and(|custom| custom.is_of_cluster);
            let is_everywhere = self.namespaces.is_empty() || is_of_cluster;
            let namespaces = if is_everywhere { &all[..] } else { &self.namespaces };
            let mut excluded = self.excluded.clone();
            excluded.extend(object.excluded.iter().cloned());
            let is_left = |namespace: &&String| !excluded.contains(namespace);
            let left: Vec<_> = namespaces.iter().filter(is_left).cloned().collect();
            // Where namespaces are named, those that are left out are not asked for at all.
            let to_exclude = if is_everywhere { excluded } else { Vec::new() };
            (0..).zip(left).map(move |(part, namespace)| Watched {
                target: Target {
                    field_selector: object.field_selector.clone(),
                    ..Target::of(&self.catalog, object.lane, &namespace, &object.label_selector)
                }
                .without(&to_exclude),
                has_no_backlog: !object.lane.has_lives(),
                from: None,
                listener: ForCore::new(Arc::clone(&self.catalog), object.lane, part),
            })
        });
        watched.collect()
    }
}

/// Reads the receiver at `path`.
pub(super) fn receiver(
    reader: &mut Reader,
    path: Vec<String>,
    node: Node,
    storages: &Storages,
) -> Receiver {
    let mut section = reader.section(path, node);
    let s = &mut section;
    let access = access(s);
    let namespaces = namespaces(s);
    let excluded = excluded_namespaces(
        s,
        "Namespaces to leave out, each by its name or as {strict: NAME}; nothing is asked for of them. Objects without a namespace are not concerned",
    );
    let is_left = |name: &String| !excluded.contains(name);
    if !namespaces.is_empty() && !namespaces.iter().any(is_left) {
        s.fault("exclude_namespaces leaves none of the namespaces to watch");
    }
    let mark = s.mark();
    let Objects { objects, catalog } = objects(s);
    let written: Vec<_> = objects.iter().map(|object| object.written(&catalog)).collect();
    s.enter_instead(mark, "objects", format!("[{}]", written.join(", ")), HELP);
    let catalog = Arc::new(catalog.with_context(trace_context(s)));
    unsupported(s);
    let help = "The file_storage that keeps what is open, so that it goes on after a restart; without it a restart takes up what the objects themselves prove in progress";
    let is_stored = extensions::is_stored(s, storages, help);
    let (watch_settings, watch_list) = watching(s);
    let roots = roots(s, &objects, &catalog);
    let sampling = sampling(s);
    let settings = settings(s, catalog.custom_kinds(), roots, sampling);
    section.end();
    Receiver {
        access,
        namespaces,
        excluded,
        objects,
        catalog,
        watch_settings,
        watch_list,
        is_stored,
        settings,
    }
}

/// Which cluster, and who to be there.
fn access(s: &mut Section<'_>) -> Access {
    let auth = s.word(
        "auth_type",
        &["serviceAccount", "kubeConfig"],
        "Who to be: serviceAccount (inside a cluster) or kubeConfig (KUBECONFIG, then ~/.kube/config)",
    );
    let context = s.text("context", "", "The context of the kubeconfig; its current one if empty");
    if !context.is_empty() && auth != "kubeConfig" {
        s.fault("context is for auth_type kubeConfig alone");
    }
    match auth {
        "kubeConfig" => {
            Access::KubeConfig { file: None, context: (!context.is_empty()).then_some(context) }
        }
        _ => Access::ServiceAccount,
    }
}

/// Keys of peers that would promise what does not happen.
fn unsupported(s: &mut Section<'_>) {
    s.unsupported_but(
        "k8s_leader_elector",
        &["''"],
        "run one replica; two would send every span twice, with the same ids",
    );
    s.unsupported_but(
        "include_initial_state",
        &["false"],
        "objects that stand still are no transitions, and no spans",
    );
    s.unsupported_but(
        "error_mode",
        &["ignore"],
        "a kind that is missing or may not be read is told and tried again",
    );
}

/// How requests are made, and whether lists may be read as watches.
fn watching(s: &mut Section<'_>) -> (WatchSettings, Option<bool>) {
    let watch_timeout = s.time(
        "watch_timeout",
        "200s",
        "After which a watch is begun anew, where it was; a silent one is given up 5s later. Some load balancers drop silent connections after 240s",
    );
    if watch_timeout < Duration::from_secs(5) {
        s.fault("watch_timeout must be at least 5s");
    }
    let page_size = s.number("page_size", 500, 1, "Objects in a page of a list");
    let watch_list = s.word(
        "watch_list",
        &["auto", "always", "never"],
        "Whether lists are read as watches (WatchList): auto does where the server is 1.34 or newer",
    );
    let encoding = s.word(
        "encoding",
        &["auto", "json"],
        "In what form Pods and Events are read: auto is protobuf where the server has it, which is shorter; all other kinds are read as JSON",
    );
    let settings = WatchSettings {
        page_size: u32::try_from(page_size).unwrap_or(u32::MAX),
        watch_timeout,
        encoding: if encoding == "json" { Encoding::Json } else { Encoding::Auto },
        ..WatchSettings::default()
    };
    let watch_list = match watch_list {
        "always" => Some(true),
        "never" => Some(false),
        _ => None,
    };
    (settings, watch_list)
}

/// Which kinds of roots are told, of all kinds of objects and of single ones.
fn roots(s: &mut Section<'_>, objects: &[Object], catalog: &Catalog) -> Roots {
    let all = actions(
        s,
        "Which kinds of traces are told, by what their roots do: create, update, rollback, restart, scale, pause, resume, recover, reconcile, delete, run, start, resize, terminate; all if empty. The others are counted",
    );
    let own = objects.iter().filter_map(|it| Some((catalog.kind(it.lane)?, it.transitions?)));
    Roots { all, of: own.collect() }
}

/// How the core understands what it hears.
fn settings(
    s: &mut Section<'_>,
    custom_kinds: Vec<(Lane, Kind)>,
    roots: Roots,
    sampling: Policy,
) -> Settings {
    Settings {
        waits_for: Vec::new(),
        targets: BTreeMap::new(),
        excluded: BTreeMap::new(),
        custom_kinds,
        roots,
        sampling,
        cluster_uid: given(s.text(
            "cluster_uid",
            "",
            "k8s.cluster.uid; that of the namespace kube-system if empty",
        )),
        cluster_name: given(s.text("cluster_name", "", "k8s.cluster.name; left out if empty")),
        service_name: given(s.text(
            "service_name",
            "",
            "One service.name for everything; that of each workload if empty",
        )),
        settle_time: time(
            s,
            "settle_time",
            "2s",
            "How long a change waits for slower watches before anything is decided",
        ),
        owner_wait: time(
            s,
            "owner_wait",
            "30s",
            "How long an object waits for its owner while the watch of that is away",
        ),
        stable_time: time(
            s,
            "stable_time",
            "10s",
            "How long a settled state must last; traces leave that much later",
        ),
        max_transition_duration: time(
            s,
            "max_transition_duration",
            "1h",
            "After which an open transition has timed out",
        ),
        max_run_duration: time(
            s,
            "max_run_duration",
            "24h",
            "The same for what runs to its end: Jobs, Pods, and custom resources of mode run",
        ),
        max_pods_per_trace: size(
            s,
            "max_pods_per_trace",
            200,
            "Beyond so many Pods a trace keeps only the telling ones",
        ),
        max_waiting: size(
            s,
            "max_waiting",
            20_000,
            "Changes that may wait; beyond them they are decided early, and counted",
        ),
    }
}

fn time(
    s: &mut Section<'_>,
    key: &'static str,
    default: &'static str,
    help: &'static str,
) -> Nanos {
    Nanos(i64::try_from(s.time(key, default, help).as_nanos()).unwrap_or(i64::MAX))
}

fn size(s: &mut Section<'_>, key: &'static str, default: u64, help: &'static str) -> usize {
    usize::try_from(s.number(key, default, 1, help)).unwrap_or(usize::MAX)
}

/// A text that is empty is not given.
fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
