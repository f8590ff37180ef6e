//! `objects:` of the receiver: what is watched, and by which rules custom resources are read.

use super::node::{Node, Place, Value};
use super::reader::{Section, nearest, quoted};
use crate::facts::kind::Lane;
use crate::facts::workload::Mode;
use crate::kinds::{Catalog, Custom, JsonPath, Wait};

/// What `objects` means, with a line for each of its keys.
pub(super) const HELP: &str = "\
What is watched; owners must be watched for spans to be nested. Built-in kinds and presets go by their name, any other resource by group, name and kind:
  {name: widgets, group: example.com, kind: Widget, settled_when: [condition=Ready]}
- name, group: as `kubectl api-resources` has them; a preset's name alone is enough. Presets: applications, workflows, rollouts (argoproj.io), kustomizations, helmreleases, certificates, clusters, machinedeployments, trainjobs, jobsets, pipelineruns, taskruns, configurations, revisions, and services with group serving.knative.dev. What is given here goes over what a preset says
- version: the one that the server prefers, if empty
- kind: needed for what is no preset, so that a configuration means the same without a cluster
- mode: rollout (it is to be as its spec says) or run (it is to end)
- settled_when: all of these hold when it has settled, in the words of `kubectl wait --for`: condition=Ready, condition=Ready=False, 'jsonpath={.status.phase}=Running'. If empty: of a rollout Ready (else Available, else Healthy) is True and Reconciling is not, or there is a status without these; of a run Complete, Completed or Succeeded is True. Nothing holds before observedGeneration has reached the generation
- failed_when: one of these holds when it has failed. If empty: of a rollout Stalled is True; of a run Failed is True or Succeeded is False
- goal_fields: parts of its spec that say how much or how fast, such as strategy.canary.steps, beside replicas, paused and suspend: their change is no update
- progress: what tells how far it has come, such as '{.status.currentStepIndex}'
- label_selector, field_selector: as kubectl has them
Crossplane's composites and managed resources have kinds of their own: name each with its group and settled_when: [condition=Ready, condition=Synced]";

/// A kind that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its lane in the core.
    pub lane: Lane,
    /// As `kubectl get -l` has it.
    pub label_selector: String,
    /// As `kubectl get --field-selector` has it.
    pub field_selector: String,
}

/// What is watched, and the custom resources among it.
#[derive(Debug)]
pub(super) struct Objects {
    pub(super) objects: Vec<Object>,
    pub(super) catalog: Catalog,
}

/// What an item names.
enum Named {
    BuiltIn(Lane),
    Custom(Box<Custom>),
}

/// An item that was read.
struct Item {
    named: Named,
    label_selector: String,
    field_selector: String,
}

impl Object {
    /// As it may be configured again.
    pub(super) fn written(&self, catalog: &Catalog) -> String {
        let Self { lane, label_selector, field_selector } = self;
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
            put("mode", if rules.mode == Mode::Run { "run" } else { "rollout" });
            put("settled_when", &listed(&rules.settled_when));
            put("failed_when", &listed(&rules.failed_when));
            put("goal_fields", &listed(&rules.goal_fields));
            let progress = rules.progress.as_ref().map(ToString::to_string);
            put("progress", &text(&progress.unwrap_or_default()));
        }
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
        let plain = |lane| Item {
            named: Named::BuiltIn(lane),
            label_selector: String::new(),
            field_selector: String::new(),
        };
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
    for item in items {
        match item.named {
            Named::BuiltIn(lane) => {
                let Item { label_selector, field_selector, .. } = item;
                built_in.push(Object { lane, label_selector, field_selector });
            }
            Named::Custom(custom) => {
                customs.push((*custom, item.label_selector, item.field_selector));
            }
        }
    }
    customs.sort_by_key(|(custom, ..)| presets.lane_of(&custom.resource()));
    built_in.sort_by_key(|object| object.lane);
    let mut objects: Vec<_> = (0..)
        .zip(&customs)
        .map(|(at, (_, label_selector, field_selector))| Object {
            lane: Lane::Custom(at),
            label_selector: label_selector.clone(),
            field_selector: field_selector.clone(),
        })
        .collect();
    objects.append(&mut built_in);
    let catalog = Catalog::new(customs.into_iter().map(|(custom, ..)| custom).collect());
    Objects { objects, catalog }
}

/// Reads one item; the resource that it names as recordings have it.
fn item(s: &mut Section<'_>, node: Node) -> Option<(String, Item)> {
    let place = node.place.clone();
    let mut section = s.reader().section(vec!["objects".to_owned()], node);
    let name = section.text("name", "", "");
    let group = section.text("group", "", "");
    let label_selector = section.text("label_selector", "", "");
    let field_selector = section.text("field_selector", "", "");
    section.unsupported("namespaces", "namespaces stand beside objects and concern all of them");
    let named = match known(&name, &group) {
        Some(Named::BuiltIn(lane)) => {
            let why = "it is for custom resources; how built-in kinds settle is Kubernetes' own";
            for key in ["kind", "settled_when", "failed_when", "goal_fields", "progress"] {
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
            let new = Custom {
                // The core group is served apart from the others, in one version.
                version: group.is_empty().then(|| "v1".to_owned()),
                group: group.clone(),
                plural: name.clone(),
                kind: String::new(),
                rules: crate::kinds::Rules::default(),
            };
            Some(Named::Custom(custom(&mut section, &place, new)))
        }
    };
    section.end();
    let named = named?;
    let resource = match &named {
        Named::BuiltIn(lane) => lane.resource().unwrap_or_default().to_owned(),
        Named::Custom(custom) => custom.resource(),
    };
    Some((resource, Item { named, label_selector, field_selector }))
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

/// Reads the keys of a custom resource over what is known of it.
fn custom(section: &mut Section<'_>, place: &Place, known: Custom) -> Box<Custom> {
    let mut custom = known;
    let resource = custom.resource();
    let fault = |section: &mut Section<'_>, place: &Place, problem: String| {
        section.reader().fault(place, format!("objects: {resource}: {problem}"));
    };
    if !is_label(&custom.plural) {
        let problem = "name: expected a plural such as widgets, as kubectl api-resources has it";
        fault(section, place, problem.to_owned());
    }
    if !custom.group.is_empty() && !custom.group.split('.').all(is_label) {
        let problem = "group: expected an API group such as example.com";
        fault(section, place, problem.to_owned());
    }
    let version = section.text("version", custom.version.as_deref().unwrap_or_default(), "");
    if !version.is_empty() && !is_label(&version) {
        fault(section, place, format!("version is {version:?}: expected such as v1alpha1"));
    }
    custom.version = (!version.is_empty()).then_some(version);
    let default = custom.kind.clone();
    custom.kind = section.text("kind", &default, "");
    if custom.kind.is_empty() {
        fault(section, place, "kind is needed, such as Widget".to_owned());
    } else if !custom.kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        fault(section, place, format!("kind is {:?}: expected such as Widget", custom.kind));
    }
    let default = if custom.rules.mode == Mode::Run { "run" } else { "rollout" };
    match &*section.text("mode", default, "") {
        "run" => custom.rules.mode = Mode::Run,
        "rollout" => custom.rules.mode = Mode::Rollout,
        other => {
            let problem = format!("mode is {other:?}: expected rollout or run");
            fault(section, place, problem);
        }
    }
    let waits = |section: &mut Section<'_>, key| {
        let mut waits = Vec::new();
        for (text, place) in section.texts(key, "") {
            match Wait::parse(&text) {
                Ok(wait) => waits.push(wait),
                Err(problem) => fault(section, &place, format!("{key}: {problem}")),
            }
        }
        waits
    };
    let is_given = [section.has("settled_when"), section.has("failed_when")];
    let (settled_when, failed_when) =
        (waits(section, "settled_when"), waits(section, "failed_when"));
    if let [true, _] = is_given {
        custom.rules.settle_when(settled_when);
    }
    if let [_, true] = is_given {
        custom.rules.failed_when = failed_when;
    }
    for (field, place) in section.texts("goal_fields", "") {
        if field.is_empty() || field.starts_with('.') {
            let problem = format!(
                "goal_fields: {field:?} is no field of a spec: expected such as strategy.steps"
            );
            fault(section, &place, problem);
        }
        custom.rules.goal_fields.push(field);
    }
    let progress = section.text("progress", "", "");
    if !progress.is_empty() {
        match JsonPath::parse(&progress) {
            Ok(path) => custom.rules.progress = Some(path),
            Err(problem) => fault(section, place, format!("progress: {problem}")),
        }
    }
    Box::new(custom)
}

/// Whether it may stand in the path of a request (RFC 1123 label).
fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 63 && text.bytes().all(is_inner)
}
