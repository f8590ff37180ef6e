//! How a word is read.

use super::*;

#[test]
fn every_word_stands_once_in_its_plainest_form_and_tells_who_uses_it() {
    let words = WORDS.iter().map(|(word, _, users)| (*word, *users));
    let types = TYPES.iter().map(|(word, _, users)| (*word, *users));
    for table in [words.collect::<Vec<_>>(), types.collect()] {
        let mut seen = Vec::new();
        for (word, users) in table {
            assert_eq!(parts(word), [word], "it is looked for in this form");
            assert!(!users.is_empty(), "{word} is used by nobody");
            assert!(!seen.contains(&word), "{word} stands there twice");
            seen.push(word);
        }
    }
}

#[test]
fn a_text_is_cut_at_its_humps_and_at_what_is_no_letter() {
    for (text, expected) in [
        ("ImportInProgress", "import in progress"),
        ("HEALTH_OK", "health ok"),
        ("CRDsReady", "cr ds ready"),
        ("HTTPRoute", "http route"),
        ("Waiting for user action", "waiting for user action"),
        ("v1Ready2Go", "v1 ready2 go"),
        ("in-sync", "in sync"),
        ("", ""),
        ("--", ""),
        ("Größe", "gr e"),
    ] {
        assert_eq!(parts(text).join(" "), expected, "{text}");
    }
}

#[test]
fn a_word_is_known_alone_and_as_the_end_or_the_beginning_of_another() {
    for (text, expected) in [
        ("Ready", Some(Settled)),
        ("HEALTH_OK", Some(Settled)),
        ("SUCCEEDED", Some(Ended)),
        ("up-to-date", Some(Settled)),
        ("MinimumReplicasAvailable", Some(Settled)),
        ("Provisioning", Some(Busy)),
        ("RollingUpgrade", Some(Busy)),
        ("ClusterReconciling", Some(Busy)),
        ("Setting up primary", Some(Busy)),
        ("PendingRerun", Some(Busy)),
        ("NotFound", Some(Busy)),
        ("DependencyNotReady", Some(Busy)),
        ("Unknown", Some(Busy)),
        ("Running", Some(Settled)),
        ("Warning", Some(Failed)),
        ("InstallFailed", Some(Failed)),
        ("ErrorImagePull", Some(Failed)),
        ("ApplyError", Some(Failed)),
        ("ReconcileError", Some(Busy)),
        ("Another Widget already exists here", Some(Failed)),
        ("Nothing already existed here", None),
        ("Different sizes of two parts", Some(Busy)),
        ("VersionMismatch", Some(Busy)),
        ("ReconcilePaused", Some(Waiting)),
        ("", None),
        ("Quux", None),
        ("Everything", None),
        ("Failing over", Some(Busy)),
        ("ConfigOutOfSync", Some(Busy)),
        ("ConfigInSync", Some(Settled)),
        ("NotUpToDate", Some(Busy)),
        ("Installing failed", Some(Failed)),
    ] {
        assert_eq!(word(text), expected, "{text}");
    }
}

#[test]
fn a_sentence_blames_by_a_word_for_a_failure_anywhere_unless_it_denies_it() {
    for (text, expected) in [
        ("making its configuration failed: no such Secret", true),
        ("Warning at line 7 of its rules", true),
        ("what it is told by others", false),
        ("it was not rejected by anybody", false),
        ("no error", false),
        ("", false),
    ] {
        assert_eq!(blames(text), expected, "{text}");
    }
}

#[test]
fn the_type_of_a_condition_is_known_by_its_end_or_its_beginning() {
    for (name, expected) in [
        ("Ready", Some(Sense::Good)),
        ("AllReplicasReady", Some(Sense::Good)),
        ("ResolvedRefs", Some(Sense::Good)),
        ("example.com/cluster-ready", Some(Sense::Good)),
        ("PartiallyReady", Some(Sense::Partly)),
        ("PartiallyInvalid", Some(Sense::Bad)),
        ("ScalingUp", Some(Sense::Busy)),
        ("ReconciliationPaused", Some(Sense::Waiting)),
        ("ResolutionFailed", Some(Sense::Bad)),
        ("FailedCreate", Some(Sense::Bad)),
        ("NotReady", Some(Sense::Bad)),
        ("Upgradeable", None),
        ("", None),
    ] {
        assert_eq!(sense(name), expected, "{name}");
    }
}
