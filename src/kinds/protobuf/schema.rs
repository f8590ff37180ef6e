//! By which number Kubernetes writes what is read of Pods, Events and small messages: the messages of
//! `proto/kubernetes.proto`, as tables.

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// As in the `.proto` file.
    pub(crate) number: u64,
    /// As in JSON.
    pub(crate) name: &'static str,
    /// What it says.
    pub(crate) of: Type,
}

/// What a field says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// Whether something is so.
    Flag,
    /// A moment.
    Time,
    /// An amount, which is a text in a message of its own.
    Quantity,
    /// A message of these fields.
    Message(&'static [Field]),
    /// The same, whose fields JSON has among those of the message that it is in.
    Inline(&'static [Field]),
    /// As many as there are.
    List(&'static Self),
    /// The same, each with a key.
    Map(&'static Self),
}

const fn field(number: u64, name: &'static str, of: Type) -> Field {
    Field { number, name, of }
}

const TEXT: Type = Type::Text;
const NUMBER: Type = Type::Number;
const FLAG: Type = Type::Flag;
const TIME: Type = Type::Time;
const TEXTS: Type = Type::List(&TEXT);
/// Of which only whether it is there matters.
const PRESENCE: Type = Type::Message(&[]);

const METADATA: Type = Type::Message(&[
    field(1, "name", TEXT),
    field(3, "namespace", TEXT),
    field(5, "uid", TEXT),
    field(6, "resourceVersion", TEXT),
    field(7, "generation", NUMBER),
    field(8, "creationTimestamp", TIME),
    field(9, "deletionTimestamp", TIME),
    field(10, "deletionGracePeriodSeconds", NUMBER),
    field(11, "labels", Type::Map(&TEXT)),
    field(12, "annotations", Type::Map(&TEXT)),
    field(13, "ownerReferences", Type::List(&OWNER)),
    field(14, "finalizers", TEXTS),
    field(17, "managedFields", Type::List(&MANAGED)),
]);

const OWNER: Type = Type::Message(&[
    field(1, "kind", TEXT),
    field(3, "name", TEXT),
    field(4, "uid", TEXT),
    field(5, "apiVersion", TEXT),
    field(6, "controller", FLAG),
]);

const MANAGED: Type = Type::Message(&[
    field(1, "manager", TEXT),
    field(4, "time", TIME),
    field(8, "subresource", TEXT),
]);

/// Any object: its metadata.
pub(crate) static OBJECT: &[Field] = &[field(1, "metadata", METADATA)];

/// `core/v1` Pod.
pub(crate) static POD: &[Field] =
    &[field(1, "metadata", METADATA), field(2, "spec", SPEC), field(3, "status", STATUS_OF_POD)];

const SPEC: Type = Type::Message(&[
    field(1, "volumes", Type::List(&VOLUME)),
    field(2, "containers", Type::List(&CONTAINER)),
    field(3, "restartPolicy", TEXT),
    field(10, "nodeName", TEXT),
    field(20, "initContainers", Type::List(&CONTAINER)),
    field(28, "readinessGates", Type::List(&PRESENCE)),
    field(34, "ephemeralContainers", Type::List(&EPHEMERAL)),
    field(38, "schedulingGates", Type::List(&PRESENCE)),
]);

const VOLUME: Type = Type::Message(&[
    field(1, "name", TEXT),
    field(
        2,
        "volumeSource",
        Type::Inline(&[
            field(10, "persistentVolumeClaim", Type::Message(&[field(1, "claimName", TEXT)])),
            field(29, "ephemeral", PRESENCE),
        ]),
    ),
]);

const CONTAINER_FIELDS: &[Field] = &[
    field(1, "name", TEXT),
    field(2, "image", TEXT),
    field(7, "env", Type::List(&ENV)),
    field(8, "resources", RESOURCES),
    field(22, "startupProbe", PRESENCE),
    field(24, "restartPolicy", TEXT),
];

const CONTAINER: Type = Type::Message(CONTAINER_FIELDS);

const EPHEMERAL: Type =
    Type::Message(&[field(1, "ephemeralContainerCommon", Type::Inline(CONTAINER_FIELDS))]);

const ENV: Type = Type::Message(&[field(1, "name", TEXT), field(2, "value", TEXT)]);

const RESOURCES: Type = Type::Message(&[
    field(1, "limits", Type::Map(&Type::Quantity)),
    field(2, "requests", Type::Map(&Type::Quantity)),
]);

const STATUS_OF_POD: Type = Type::Message(&[
    field(1, "phase", TEXT),
    field(2, "conditions", Type::List(&CONDITION)),
    field(3, "message", TEXT),
    field(4, "reason", TEXT),
    field(8, "containerStatuses", Type::List(&CONTAINER_STATUS)),
    field(10, "initContainerStatuses", Type::List(&CONTAINER_STATUS)),
    field(13, "ephemeralContainerStatuses", Type::List(&CONTAINER_STATUS)),
    field(17, "observedGeneration", NUMBER),
]);

const CONDITION: Type = Type::Message(&[
    field(1, "type", TEXT),
    field(2, "status", TEXT),
    field(4, "lastTransitionTime", TIME),
    field(5, "reason", TEXT),
    field(6, "message", TEXT),
]);

const CONTAINER_STATUS: Type = Type::Message(&[
    field(1, "name", TEXT),
    field(2, "state", STATE),
    field(3, "lastState", STATE),
    field(4, "ready", FLAG),
    field(5, "restartCount", NUMBER),
    field(9, "started", FLAG),
]);

const STATE: Type = Type::Message(&[
    field(1, "waiting", Type::Message(&[field(1, "reason", TEXT), field(2, "message", TEXT)])),
    field(2, "running", Type::Message(&[field(1, "startedAt", TIME)])),
    field(3, "terminated", TERMINATED),
]);

const TERMINATED: Type = Type::Message(&[
    field(1, "exitCode", NUMBER),
    field(2, "signal", NUMBER),
    field(3, "reason", TEXT),
    field(4, "message", TEXT),
    field(5, "startedAt", TIME),
    field(6, "finishedAt", TIME),
]);

/// `core/v1` Event.
pub(crate) static EVENT: &[Field] = &[
    field(1, "metadata", METADATA),
    field(2, "involvedObject", INVOLVED),
    field(3, "reason", TEXT),
    field(4, "message", TEXT),
    field(5, "source", Type::Message(&[field(1, "component", TEXT)])),
    field(6, "firstTimestamp", TIME),
    field(7, "lastTimestamp", TIME),
    field(8, "count", NUMBER),
    field(9, "type", TEXT),
    field(10, "eventTime", TIME),
    field(
        11,
        "series",
        Type::Message(&[field(1, "count", NUMBER), field(2, "lastObservedTime", TIME)]),
    ),
    field(14, "reportingComponent", TEXT),
];

const INVOLVED: Type = Type::Message(&[
    field(1, "kind", TEXT),
    field(2, "namespace", TEXT),
    field(3, "name", TEXT),
    field(4, "uid", TEXT),
    field(5, "apiVersion", TEXT),
    field(7, "fieldPath", TEXT),
]);

/// `meta/v1` Status: what an API server says when it refuses.
pub(crate) static STATUS: &[Field] = &[
    field(3, "message", TEXT),
    field(4, "reason", TEXT),
    field(5, "details", Type::Message(&[field(5, "retryAfterSeconds", NUMBER)])),
    field(6, "code", NUMBER),
];

/// `meta/v1` ListMeta: where a list stands.
pub(crate) static LIST_META: &[Field] =
    &[field(2, "resourceVersion", TEXT), field(3, "continue", TEXT)];
