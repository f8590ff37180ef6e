//! `objects:` of the receiver: what is watched, and by which rules custom resources are read.

mod rules;

use super::namespaces::excluded_namespaces;
use super::nearest::nearest;
use super::node::{Node, Value};
use super::reader::Section;
use super::roots;
use super::selectors;
use super::values::quoted;
use crate::facts::duration;
use crate::facts::kind::Lane;
use crate::facts::time::Nanos;
use crate::facts::workload::Mode;
use crate::kinds::{Catalog, Custom};
use crate::lifecycle::action::Actions;
use rules::{CLUSTER, custom, limit};

/// What `objects` means, with a line for each of its keys.
pub(super) const HELP: &str = "\
What is watched; owners must be watched for spans to be nested. Built-in kinds and presets go by their name, any other resource by group, name and kind:
  {name: widgets, group: example.com, kind: Widget, settled_when: [condition=Ready]}
`lifespan explain widgets.example.com -f widget.yaml` tells which rule a kind gets, and what it says of an object and why
- name, group: as `kubectl api-resources` has them; a preset's name alone is enough. Presets: applications, workflows, cronworkflows, rollouts (argoproj.io), kustomizations, helmreleases, providers, functions, clusters, kubeadmcontrolplanes, machinedeployments, machinesets, certificates, trainjobs, jobsets, rayjobs, rayclusters, pipelineruns, taskruns, workloads (kueue.x-k8s.io), inferenceservices, configurations, revisions, kafkas, kafkaconnects, kafkatopics, externalsecrets, gateways, httproutes, grpcroutes, scaledobjects, scaledjobs, leaderworkersets, nodeclaims, virtualmachines, compositions; with their group services of serving.knative.dev and clusters of postgresql.cnpg.io. What is given here goes over what a preset says
- version: the one that the server prefers, if empty
- kind: needed for what is no preset, so that a configuration means the same without a cluster
- scope: Namespaced or, of kinds in no namespace, Cluster, as its definition has it
- mode: rollout (it is to be as its spec says) or run (it is to end)
- settled_when: all of these hold when it has settled, in the words of `kubectl wait --for`: condition=Ready, condition=Ready=False, 'jsonpath={.status.phase}=Running'. If empty: of a rollout Ready (else Available, else Healthy) is True, Reconciling is not, and no condition, phase, state or number of replicas says otherwise, or there is a status without these; of a run Complete, Completed or Succeeded is True, or its phase or state says that it ended. Nothing holds before observedGeneration has reached the generation, that of the condition itself where it names one
- failed_when: one of these holds when it has failed. If empty: Stalled, Degraded, Failed and the like are True, its phase or state says so, or what is not Ready is so for the reason of a failure; of a run Failed is True or Succeeded is False
- waiting_when: one of these holds while it goes no further before somebody lets it, such as a canary that pauses. If empty: its phase, state or a condition says paused, suspended or held
- goal_fields: parts of its spec that say how much or how fast, such as strategy.canary.steps, beside replicas, paused and suspend: their change is no update
- wanted: where it says how many Pods it wants, such as '{.spec.instances}', if not in replicas
- progress: what tells how far it has come, such as '{.status.currentStepIndex}'
- spawns: what runs below it is a trace of its own, as the Jobs of a CronJob are
- silent: its status never says how it is: it has settled with what is below it
- max_transition_duration: for this kind, built-in ones too; of a run in place of max_run_duration
- transitions: which kinds of traces of it are told, in place of those of the receiver
- label_selector, field_selector: as kubectl has them
- exclude_namespaces: beside those of the receiver
Crossplane's composites and managed resources have kinds of their own: name each with its group; their conditions Ready and Synced are known";

/// A kind that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its lane in the core.
    pub lane: Lane,
    /// As `kubectl get -l` has it.
    pub label_selector: String,
    /// As `kubectl get --field-selector` has it.
    pub field_selector: String,
    /// Namespaces whose objects are left out.
    pub excluded: Vec<String>,
    /// How long a transition of a built-in kind may take, if that is a time of its own.
    pub limit: Option<Nanos>,
    /// Which kinds of its roots are told, if those are its own.
    pub transitions: Option<Actions>,
}

/// What is watched, and the custom resources among it.
#[derive(Debug)]
pub(super) struct Objects {
    pub(super) objects: Vec<Object>,
    pub(super) catalog: Catalog,
}

/// Keys of the Collector's k8s_objects that mean nothing here, and why.
const OF_PEERS: [(&str, &str); 3] = [
    ("interval", "objects are watched and not pulled: every change is seen when it happens"),
    ("exclude_watch_type", "spans are made of all that a watch tells, deletions among it"),
    (
        "resource_version",
        "a watch begins where the list before it ended, so that nothing is missed",
    ),
];

/// Keys that are for custom resources alone.
const OF_CUSTOMS: [&str; 10] = [
    "kind",
    "scope",
    "settled_when",
    "failed_when",
    "waiting_when",
    "goal_fields",
    "wanted",
    "progress",
    "spawns",
    "silent",
];

/// What an item names.
enum Named {
    BuiltIn(Lane),
    Custom(Box<Custom>),
}

/// An item that was read.
struct Item {
    named: Named,
    /// Which of its objects.
    which: Which,
}

/// Which objects of a kind are watched, and how long they may take.
#[derive(Default)]
struct Which {
    label_selector: String,
    field_selector: String,
    excluded: Vec<String>,
    limit: Option<Nanos>,
    transitions: Option<Actions>,
}

impl Which {
    fn of(self, lane: Lane) -> Object {
        let Self { label_selector, field_selector, excluded, limit, transitions } = self;
        Object { lane, label_selector, field_selector, excluded, limit, transitions }
    }
}

impl Object {
    /// As it may be configured again.
    pub(super) fn written(&self, catalog: &Catalog) -> String {
        let Self { lane, label_selector, field_selector, excluded, limit, transitions } = self;
        let resource = catalog.resource(*lane);
        let (name, group) = resource.split_once('.').unwrap_or((&resource, ""));
        let mut out = format!("{{name: {}", quoted(name));
        let mut put = |key: &str, value: &str| {
            if !value.is_empty() {
                out.push_str(&format!(", {key}: {value}"));
            }
        };
        let text = |text: &str| if text.is_empty() { String::new() } else { quoted(text) };
        put("group", &text(group));
        if let Some(custom) = catalog.custom(*lane) {
            let rules = &custom.rules;
            put("version", &text(custom.version.as_deref().unwrap_or_default()));
            put("kind", &text(&custom.kind));
            put("scope", if custom.is_of_cluster { CLUSTER } else { "" });
            put("mode", if rules.mode == Mode::Run { "run" } else { "rollout" });
            put("settled_when", &listed(&rules.settled_when));
            put("failed_when", &listed(&rules.failed_when));
            put("waiting_when", &listed(&rules.waiting_when));
            put("goal_fields", &listed(&rules.goal_fields));
            let wanted = rules.wanted.as_ref().map(ToString::to_string);
            put("wanted", &text(&wanted.unwrap_or_default()));
            put("spawns", if rules.spawns { "true" } else { "" });
            put("silent", if rules.is_silent { "true" } else { "" });
            let progress = rules.progress.as_ref().map(ToString::to_string);
            put("progress", &text(&progress.unwrap_or_default()));
        }
        let limit = limit.or_else(|| catalog.custom(*lane)?.rules.limit);
        put("max_transition_duration", &limit.map(duration::written).unwrap_or_default());
        put("transitions", &transitions.map(roots::written).unwrap_or_default());
        put("exclude_namespaces", &listed(excluded));
        put("label_selector", &text(label_selector));
        put("field_selector", &text(field_selector));
        out + "}"
    }
}

/// A list in one line; an empty one is left out.
fn listed(items: &[impl ToString]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: Vec<_> = items.iter().map(|item| quoted(&item.to_string())).collect();
    format!("[{}]", items.join(", "))
}

/// Reads the list; without one every built-in kind is watched.
pub(super) fn objects(s: &mut Section<'_>) -> Objects {
    let place = s.place();
    let all = || {
        let plain = |lane| Item { named: Named::BuiltIn(lane), which: Which::default() };
        in_order(Lane::ALL.into_iter().map(plain).collect())
    };
    let Some(node) = s.node("objects") else { return all() };
    let Value::List(items) = node.value else {
        s.reader().fault(&node.place, "objects: expected a list of {name, group}".to_owned());
        return all();
    };
    let is_empty = items.is_empty();
    let mut read: Vec<(String, Item)> = Vec::new();
    for node in items {
        let place = node.place.clone();
        let Some((resource, item)) = item(s, node) else { continue };
        if read.iter().any(|(other, _)| *other == resource) {
            s.reader().fault(&place, format!("objects: {resource} stands here twice"));
        } else {
            read.push((resource, item));
        }
    }
    if is_empty {
        s.reader().fault(&place, "objects: at least one is needed".to_owned());
    }
    in_order(read.into_iter().map(|(_, item)| item).collect())
}

/// Owners first: kinds that nobody knows are mostly made of others, presets are in an order of
/// their own, and built-in kinds are below them.
fn in_order(items: Vec<Item>) -> Objects {
    let presets = Catalog::default();
    let mut customs = Vec::new();
    let mut built_in = Vec::new();
    for Item { named, which } in items {
        match named {
            Named::BuiltIn(lane) => built_in.push(which.of(lane)),
            Named::Custom(custom) => customs.push((*custom, which)),
        }
    }
    customs.sort_by_key(|(custom, _)| presets.place_of(&custom.resource()));
    built_in.sort_by_key(|object| object.lane);
    let (customs, which): (Vec<_>, Vec<_>) = customs.into_iter().unzip();
    let limits = built_in.iter().filter_map(|object| Some((object.lane, object.limit?)));
    let catalog = Catalog::new(customs).with_limits(limits.collect());
    let of_customs = catalog.lanes().zip(which).map(|(lane, which)| which.of(lane));
    Objects { objects: of_customs.chain(built_in).collect(), catalog }
}

/// Reads a selector; the server would refuse one that it does not understand.
fn selector(
    s: &mut Section<'_>,
    key: &'static str,
    prove: impl Fn(&str) -> Result<(), String>,
) -> String {
    let place = s.place_of(key);
    let text = s.text(key, "", "");
    if let Err(problem) = prove(&text) {
        s.reader().fault(&place, format!("objects: {problem}"));
    }
    text
}

/// Reads one item; the resource that it names as recordings have it.
fn item(s: &mut Section<'_>, node: Node) -> Option<(String, Item)> {
    let place = node.place.clone();
    let mut section = s.reader().section(vec!["objects".to_owned()], node);
    let name = section.text("name", "", "");
    let group = section.text("group", "", "");
    let mut which = Which {
        label_selector: selector(&mut section, "label_selector", selectors::labels),
        field_selector: selector(&mut section, "field_selector", selectors::fields),
        excluded: excluded_namespaces(&mut section, ""),
        limit: limit(&mut section),
        transitions: roots::own(&mut section),
    };
    section.unsupported("namespaces", "namespaces stand beside objects and concern all of them");
    for (key, instead) in OF_PEERS {
        section.unsupported(key, instead);
    }
    let named = match known(&name, &group) {
        Some(Named::BuiltIn(lane)) => {
            let why = "it is for custom resources; how built-in kinds settle is Kubernetes' own";
            for key in OF_CUSTOMS {
                section.unsupported(key, why);
            }
            section.unsupported("version", "built-in kinds are of version v1");
            section.unsupported("mode", "objects are always watched; built-in kinds have no mode");
            Some(Named::BuiltIn(lane))
        }
        Some(Named::Custom(preset)) => Some(Named::Custom(custom(&mut section, &place, *preset))),
        None if group.is_empty() && (name == SECRETS || !section.has("kind")) => {
            let problem = if name == SECRETS { NEVER.to_owned() } else { unknown(&name) };
            section.reader().fault(&place, problem);
            section.forget();
            None
        }
        None => {
            let new = Custom::unknown(&group, &name);
            Some(Named::Custom(custom(&mut section, &place, new)))
        }
    };
    section.end();
    let mut named = named?;
    let resource = match &mut named {
        Named::BuiltIn(lane) => lane.resource().unwrap_or_default().to_owned(),
        Named::Custom(custom) => {
            custom.rules.limit = which.limit.take();
            custom.resource()
        }
    };
    Some((resource, Item { named, which }))
}

/// The built-in kind or preset of this name; a group that is left out is that of the kind.
fn known(name: &str, group: &str) -> Option<Named> {
    let resource = crate::kinds::resource(name, group);
    if let Some(lane) = Lane::of(&resource) {
        return Some(Named::BuiltIn(lane));
    }
    let is_named = |resource: &str| {
        group.is_empty() && resource.split('.').next() == Some(name) && name != AMBIGUOUS
    };
    let built_in = Lane::ALL.into_iter().find(|lane| lane.resource().is_some_and(is_named));
    if let Some(lane) = built_in {
        return Some(Named::BuiltIn(lane));
    }
    let presets = Catalog::default();
    let found = presets.customs().iter().find(|custom| {
        let of_preset = custom.resource();
        of_preset == resource || is_named(&of_preset)
    });
    found.map(|custom| Named::Custom(Box::new(custom.clone())))
}

/// Knative's name for what is something else in the core group.
const AMBIGUOUS: &str = "services";

/// What is not watched, whatever is configured.
const SECRETS: &str = "secrets";
const NEVER: &str = "objects: Secrets are never watched";

/// What is said of a name that is not known.
fn unknown(name: &str) -> String {
    let presets = Catalog::default();
    let mut names: Vec<&str> = Lane::ALL.iter().filter_map(|lane| lane.resource()).collect();
    let mut message = format!(
        "objects: {name:?} is not known: expected one of {}, a preset, or any other resource \
         with its group and kind",
        names.join(", ")
    );
    let plurals: Vec<_> = names.iter().filter_map(|it| it.split('.').next()).collect();
    names.extend(plurals);
    names.extend(presets.customs().iter().map(|custom| custom.plural.as_str()));
    names.retain(|name| *name != AMBIGUOUS);
    if let Some(near) = nearest(name, &names) {
        message.push_str(&format!("; did you mean {near}?"));
    }
    message
}
