//! Kubernetes Events, as core/v1 and as events.k8s.io/v1 show them.

use serde::Deserialize;

use super::metadata::{Metadata, uid};
use super::protobuf::message;
use super::read::{Count, Message, Text, Time};
use super::refusal::{decode_either, refuse};
use super::{Catalog, SnapshotError, check_kind};
use crate::facts::note::{About, Note, is_of_claim};
use crate::facts::time::{Nanos, UnixNanos};

/// How far the time in an Event's name may lie from the one in its fields.
const NAME_TIME_WITHIN: Nanos = Nanos::from_seconds(10);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    involved_object: Option<Involved<'a>>,
    #[serde(borrow)]
    regarding: Option<Involved<'a>>,
    reason: Message,
    message: Message,
    note: Message,
    #[serde(borrow)]
    r#type: Text<'a>,
    count: Count,
    deprecated_count: Count,
    series: Option<Series>,
    event_time: Time,
    first_timestamp: Time,
    deprecated_first_timestamp: Time,
    last_timestamp: Time,
    deprecated_last_timestamp: Time,
    source: Option<Source>,
    deprecated_source: Option<Source>,
    reporting_component: Message,
    reporting_controller: Message,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Involved<'a> {
    #[serde(borrow)]
    api_version: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    uid: Text<'a>,
    #[serde(borrow)]
    field_path: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Series {
    count: Count,
    last_observed_time: Time,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Source {
    component: Message,
}

message!(<'a> Event<'a> {
    1 metadata, 2 involved_object, 3 reason, 4 message, 5 source, 6 first_timestamp, 7 last_timestamp,
    8 count, 9 r#type, 10 event_time, 11 series, 14 reporting_component,
});
message!(<'a> Involved<'a> { 1 kind, 2 namespace, 3 name, 4 uid, 5 api_version, 7 field_path });
message!(<'a> Series { 1 count, 2 last_observed_time });
message!(<'a> Source { 1 component });

/// Reads an Event; `None` where it is about an object of a kind that is not watched.
pub(super) fn event(catalog: &Catalog, json: &[u8]) -> Result<Option<Note>, SnapshotError> {
    let event: Event<'_> = decode_either("Event", json)?;
    read(catalog, event).map_err(|problem| refuse("Event", json, problem))
}

fn read(catalog: &Catalog, event: Event<'_>) -> Result<Option<Note>, String> {
    check_kind("Event", &event.kind.0)?;
    let (own_uid, resource_version) = event.metadata.identity()?;
    let (key, involved) = match (event.involved_object, event.regarding) {
        (Some(involved), _) => ("involvedObject.uid", involved),
        (None, Some(regarding)) => ("regarding.uid", regarding),
        (None, None) => ("involvedObject.uid", Involved::default()),
    };
    // A kubelet writes about its Node with the name as uid, or with none.
    let is_claim = involved.kind.0 == "PersistentVolumeClaim";
    let is_known = is_claim || catalog.is_known(&involved.api_version.0, &involved.kind.0);
    if !involved.kind.0.is_empty() && !is_known {
        return Ok(None);
    }
    if is_claim && !is_of_claim(&event.reason.0) {
        return Ok(None);
    }
    let (namespace, name) = (involved.namespace.boxed(), involved.name.boxed());
    let about = match &*involved.kind.0 {
        _ if is_claim => About::Claim(namespace, name),
        "Pod" if involved.uid.0.is_empty() && !name.is_empty() => About::Pod(namespace, name),
        _ => About::Uid(uid(key, &involved.uid.0)?),
    };
    let series = event.series.unwrap_or_default();
    let count = [event.count, series.count, event.deprecated_count]
        .into_iter()
        .filter_map(|count| count.0)
        .max()
        .unwrap_or(1)
        .max(1);
    let created = event.metadata.creation_timestamp.0;
    let first = event.first_timestamp.0.or(event.deprecated_first_timestamp.0);
    let seconds = [
        event.last_timestamp.0,
        event.deprecated_last_timestamp.0,
        series.last_observed_time.0,
        first,
        event.event_time.0,
        created,
    ]
    .into_iter()
    .flatten()
    .next()
    .unwrap_or_default();
    let exact = event.event_time.0.or_else(|| {
        let from_name = time_in_name(&event.metadata.name.0)?;
        let off = from_name.since(first.or(created)?);
        (-NAME_TIME_WITHIN.0..=NAME_TIME_WITHIN.0).contains(&off.0).then_some(from_name)
    });
    let source = event.source.or(event.deprecated_source).unwrap_or_default().component;
    let names = [source, event.reporting_component, event.reporting_controller];
    Ok(Some(Note {
        uid: own_uid,
        resource_version,
        about,
        container: container(&involved.field_path.0),
        reason: event.reason.0,
        message: if event.message.0.is_empty() { event.note.0 } else { event.message.0 },
        is_warning: event.r#type.0 == "Warning",
        count: u32::try_from(count).unwrap_or(u32::MAX),
        exact: exact.filter(|_| count == 1),
        seconds: UnixNanos::from_seconds(seconds.seconds()),
        source: names
            .into_iter()
            .map(|name| name.0)
            .find(|name| !name.is_empty())
            .unwrap_or_default(),
    }))
}

/// The clock of the emitter: client-go ends an Event's name with its time, `web-1.18e9bc5cadcf7c43`,
/// in hexadecimal nanoseconds.
fn time_in_name(name: &str) -> Option<UnixNanos> {
    let (_, digits) = name.rsplit_once('.')?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    i64::from_str_radix(digits, 16).ok().map(UnixNanos)
}

/// `app` of `spec.containers{app}`, also of `initContainers` and `ephemeralContainers`.
fn container(field_path: &str) -> Option<Box<str>> {
    let name = ["spec.containers{", "spec.initContainers{", "spec.ephemeralContainers{"]
        .into_iter()
        .find_map(|prefix| field_path.strip_prefix(prefix));
    name?.strip_suffix('}').filter(|name| !name.is_empty()).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::super::Catalog;
    use super::event;
    use crate::facts::note::{About, Note};
    use crate::facts::time::UnixNanos;

    const METADATA: &str = r#""metadata":{"name":"web-1.18e9bcada706ebfd",
        "uid":"cc5679dc-e971-4139-88cf-aa258e72d589","resourceVersion":"2179",
        "creationTimestamp":"2026-11-20T11:16:20Z"}"#;
    const ABOUT: &str = r#""uid":"bc7ff0ce-fec0-4b04-909c-60572110220e""#;

    /// 0x18e9bcada706ebfd, which lies in the second of `METADATA`.
    const IN_NAME: UnixNanos = UnixNanos(0x18e9_bcad_a706_ebfd);

    /// An Event of `METADATA` about `ABOUT` with `more`.
    fn with(more: &str) -> Note {
        read(&format!(r#"{{{METADATA},"involvedObject":{{{ABOUT}}}{more}}}"#))
    }

    fn read(json: &str) -> Note {
        event(&Catalog::default(), json.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn a_recorded_event_of_the_kubelet_has_the_time_in_its_name() {
        let note = read(include_str!("../../tests/objects/event.json"));
        assert_eq!((&*note.reason, note.container.as_deref()), ("Pulled", Some("sidecar")));
        assert_eq!((&*note.source, note.count, note.is_warning), ("kubelet", 1, false));
        assert_eq!(note.exact, Some(IN_NAME));
        assert_eq!(note.seconds, UnixNanos::from_seconds(IN_NAME.seconds()));
        assert!(note.message.starts_with("Successfully pulled image \"127.0.0.1:5000/init:v3\""));
    }

    #[test]
    fn a_recorded_event_of_the_scheduler_has_its_event_time() {
        let note = read(include_str!("../../tests/objects/event_of_scheduler.json"));
        assert_eq!((&*note.reason, &*note.source), ("Scheduled", "default-scheduler"));
        assert_eq!(note.exact, Some(UnixNanos(1_795_173_377_513_678_000)));
        assert_eq!(note.seconds, UnixNanos::from_seconds(1_795_173_377));
        assert_eq!(note.container, None);
    }

    #[test]
    fn an_event_of_events_k8s_io_is_read_too() {
        let note = read(&format!(
            r#"{{{METADATA},"regarding":{{{ABOUT},"fieldPath":"spec.containers{{app}}"}},
                "note":"it went","type":"Warning","reportingController":"kubelet",
                "deprecatedCount":3,"deprecatedFirstTimestamp":"2026-11-20T11:16:20Z",
                "deprecatedLastTimestamp":"2026-11-20T11:17:20Z"}}"#
        ));
        assert_eq!(
            (&*note.message, note.container.as_deref(), &*note.source),
            ("it went", Some("app"), "kubelet")
        );
        assert_eq!((note.count, note.exact, note.is_warning), (3, None, true));
        assert_eq!(note.seconds, UnixNanos::from_seconds(1_795_173_440));
    }

    #[test]
    fn a_repeated_event_has_no_exact_time() {
        assert_eq!(with("").exact, Some(IN_NAME));
        assert_eq!(with(r#","count":0"#).exact, Some(IN_NAME));
        assert_eq!(with(r#","count":2"#).exact, None);
        let series = with(
            r#","eventTime":"2026-11-20T11:16:20.5Z","series":{"count":7,
                "lastObservedTime":"2026-11-20T11:20:00.25Z"}"#,
        );
        assert_eq!((series.count, series.exact), (7, None));
        assert_eq!(series.seconds, UnixNanos::from_seconds(1_795_173_600));
        assert_eq!(with(r#","count":99999999999"#).count, u32::MAX);
    }

    #[test]
    fn a_name_whose_end_is_no_time_of_that_moment_is_not_believed() {
        for end in ["18e9bcada706ebfd", "18E9BCADA706EBFD"] {
            let json = METADATA.replace("18e9bcada706ebfd", end);
            let json = format!(r#"{{{json},"involvedObject":{{{ABOUT}}}}}"#);
            assert_eq!(read(&json).exact, Some(IN_NAME), "{end}");
        }
        for end in
            ["", "1", "+8e9bcada706ebfd", "18e9bcb8a706ebfd", "ffffffffffffffffff", "db-0", "é"]
        {
            let json = METADATA.replace("18e9bcada706ebfd", end);
            let json = format!(r#"{{{json},"involvedObject":{{{ABOUT}}}}}"#);
            assert_eq!(read(&json).exact, None, "{end}");
        }
        let first = with(r#","firstTimestamp":"2026-11-20T11:15:00Z""#);
        assert_eq!(first.exact, None);
        let far = with(r#","firstTimestamp":"9999-12-31T00:00:00Z""#);
        assert_eq!((far.exact, far.seconds.seconds()), (None, i64::MAX / 1_000_000_000));
    }

    #[test]
    fn the_container_is_the_one_that_the_field_path_names() {
        let container = |path: &str| {
            let about = format!(r#"{{{ABOUT},"fieldPath":"{path}"}}"#);
            read(&format!(r#"{{{METADATA},"involvedObject":{about}}}"#)).container
        };
        assert_eq!(container("spec.containers{app}").as_deref(), Some("app"));
        assert_eq!(container("spec.initContainers{init}").as_deref(), Some("init"));
        let debugger = container("spec.ephemeralContainers{debugger}");
        assert_eq!(debugger.as_deref(), Some("debugger"));
        for path in ["", "spec.containers", "spec.containers{app", "spec.containers[0]", "status"] {
            assert_eq!(container(path), None, "{path}");
        }
    }

    #[test]
    fn an_event_about_a_claim_is_ours_where_it_says_that_the_claim_waits() {
        let of = |reason: &str| {
            let about = format!(
                r#"{{"kind":"PersistentVolumeClaim","namespace":"shop","name":"data-db-0",{ABOUT}}}"#
            );
            let json = format!(r#"{{{METADATA},"involvedObject":{about},"reason":"{reason}"}}"#);
            event(&Catalog::default(), json.as_bytes()).unwrap()
        };
        let claim = of("WaitForFirstConsumer").unwrap().about;
        assert_eq!(claim, About::Claim("shop".into(), "data-db-0".into()));
        assert!(of("ExternalProvisioning").is_some());
        assert_eq!(of("FilesystemResizeSuccessful"), None);
        assert!(with("").about.uid().is_some());
    }

    // As the taint eviction controller writes them.
    #[test]
    fn an_event_about_a_pod_whose_uid_it_does_not_tell_names_it() {
        for uid in ["", r#","uid":"""#, r#","uid":null"#] {
            let about = format!(r#"{{"kind":"Pod","namespace":"shop","name":"web-1"{uid}}}"#);
            let json = format!(
                r#"{{{METADATA},"involvedObject":{about},"reason":"TaintManagerEviction"}}"#
            );
            let note = event(&Catalog::default(), json.as_bytes()).unwrap().unwrap();
            assert_eq!(note.about, About::Pod("shop".into(), "web-1".into()), "{uid}");
        }
    }

    #[test]
    fn an_event_about_a_kind_that_is_not_watched_is_none_of_ours() {
        for uid in ["\"node-1\"", "\"\"", "null"] {
            let about = format!(r#"{{"kind":"Node","name":"node-1","uid":{uid}}}"#);
            let json = format!(r#"{{{METADATA},"involvedObject":{about}}}"#);
            assert_eq!(event(&Catalog::default(), json.as_bytes()), Ok(None), "{uid}");
        }
        let pod = format!(r#"{{{METADATA},"involvedObject":{{"kind":"Pod","uid":"node-1"}}}}"#);
        assert!(event(&Catalog::default(), pod.as_bytes()).is_err());
    }

    #[test]
    fn an_event_about_nothing_is_refused_with_a_message() {
        for (json, told) in [
            (
                format!("{{{METADATA}}}"),
                "Event web-1.18e9bcada706ebfd: involvedObject.uid is missing: a UUID is expected",
            ),
            (
                format!(r#"{{{METADATA},"involvedObject":{{"uid":"node-1"}}}}"#),
                "Event web-1.18e9bcada706ebfd: involvedObject.uid is \"node-1\": a UUID is expected",
            ),
            (
                format!(r#"{{{METADATA},"regarding":{{"uid":""}}}}"#),
                "Event web-1.18e9bcada706ebfd: regarding.uid is missing: a UUID is expected",
            ),
            (
                format!(r#"{{{METADATA},"involvedObject":{{{ABOUT}}},"count":"many"}}"#),
                "Event web-1.18e9bcada706ebfd: count is \"many\": a whole number is expected",
            ),
        ] {
            assert_eq!(event(&Catalog::default(), json.as_bytes()).unwrap_err().to_string(), told);
        }
    }
}
