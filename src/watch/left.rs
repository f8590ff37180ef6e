//! Whether an object that a watch with a selector calls deleted is gone, or only matches no longer: the
//! server is asked once (DESIGN §2).

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::target::Target;
use crate::cluster::api_server::ApiServer;
use crate::cluster::refusal::Failed;
use crate::kinds::protobuf::{message, peek};

/// How many are asked for at a time.
const AT_A_TIME: usize = 10;

/// What has not been answered by then is gone, so that it is told while others still wait for it.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    metadata: Last,
}

/// What the last version of an object tells of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Last {
    name: String,
    namespace: String,
    uid: String,
    deletion_timestamp: Option<IgnoredAny>,
}

message!(<'a> Object { 1 metadata });
message!(<'a> Last { 1 name, 3 namespace, 5 uid, 9 deletion_timestamp });

impl Last {
    /// Whether the deletion of this object was asked for: then it is gone.
    pub(super) fn is_asked_to_go(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

/// Of each of these objects whether it is still there.
pub(super) async fn are_there(api: &ApiServer, target: &Target, left: Vec<Last>) -> Vec<bool> {
    let deadline = Instant::now() + PATIENCE;
    let mut answers = Vec::new();
    for left in left.chunks(AT_A_TIME) {
        let mut asked = JoinSet::new();
        for (n, last) in left.iter().cloned().enumerate() {
            let (api, path) = (api.clone(), target.path_of(&last.namespace, &last.name));
            asked.spawn(async move {
                let answer = timeout_at(deadline, api.get(&path)).await.ok();
                (n, is_there(&last.uid, answer.as_ref()))
            });
        }
        let mut told = asked.join_all().await;
        told.sort_unstable();
        answers.extend(told.into_iter().map(|(_, is_there)| is_there));
    }
    answers
}

/// Whether the answer is the object of this uid. What is not answered is gone.
fn is_there(uid: &str, answer: Option<&Result<impl AsRef<[u8]>, Failed>>) -> bool {
    matches!(answer, Some(Ok(body)) if last(body.as_ref()).uid == uid)
}

/// What a version of an object tells of it.
pub(super) fn last(object: &[u8]) -> Last {
    peek::<Object>(object).unwrap_or_default().metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_there_only_if_the_answer_is_that_very_object() {
        let body = |uid: &str| Ok(format!(r#"{{"metadata":{{"uid":"{uid}"}}}}"#));
        let refused = |code| {
            let message = "no".to_owned();
            Err(Failed::Refused { code, message, retry_after: None })
        };
        for (answer, expected) in [
            (Some(body("u-1")), true),
            (Some(body("u-2")), false),
            (Some(refused(404)), false),
            (Some(refused(403)), false),
            (Some(Err(Failed::Broken("half".to_owned()))), false),
            (Some(Ok("<html>".to_owned())), false),
            (None, false),
        ] {
            assert_eq!(is_there("u-1", answer.as_ref()), expected, "{answer:?}");
        }
    }

    #[test]
    fn what_was_asked_to_go_has_gone() {
        let going = br#"{"metadata":{"deletionTimestamp":"2026-11-20T11:10:37Z"}}"#;
        assert!(last(going).is_asked_to_go());
        for object in [r#"{"metadata":{"deletionTimestamp":null}}"#, r#"{"metadata":{}}"#, "{}"] {
            assert!(!last(object.as_bytes()).is_asked_to_go(), "{object}");
        }
    }
}
