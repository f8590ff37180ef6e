//! `debug` and `file`

use std::path::PathBuf;

use super::super::reader::Section;
use crate::export::settings::{Sampling, To, Verbosity};

pub(super) fn debug(s: &mut Section<'_>) -> To {
    let verbosity = s.word(
        "verbosity",
        &["basic", "normal", "detailed"],
        "basic counts spans, normal has a line for each, detailed tells all",
    );
    let verbosity = match verbosity {
        "normal" => Verbosity::Normal,
        "detailed" => Verbosity::Detailed,
        _ => Verbosity::Basic,
    };
    let initial = s.number("sampling_initial", 2, 0, "So many requests are written in each second");
    let thereafter = s.number(
        "sampling_thereafter",
        1,
        0,
        "And of those after them in the same second one in so many; 0 is none",
    );
    let instead = "it is written to standard output";
    s.unsupported_but("use_internal_logger", &["true", "false"], instead);
    s.unsupported_but("output_paths", &["[stdout]"], instead);
    let instead = "what is written here waits for nobody";
    s.unsupported_but("sending_queue", &["{enabled: false}"], instead);
    To::Debug(verbosity, Sampling { initial, thereafter })
}

pub(super) fn file(s: &mut Section<'_>) -> To {
    let path = s.text("path", "", "The file of OTLP JSON, one request a line; it is appended to");
    if path.is_empty() {
        s.fault("path must be non-empty");
    }
    s.word("format", &["json"], "Only json");
    // The Collector's default of `append` empties the file, and that never happens.
    for (key, value) in [
        ("compression", "''"),
        ("flush_interval", "1s"),
        (
            "group_by",
            "{enabled: false, resource_attribute: fileexporter.path_segment, max_open_files: 100}",
        ),
        ("append", "true"),
        ("encoding", "''"),
        ("create_directory", "false"),
    ] {
        s.unsupported_but(key, &[value], "requests are appended as they come");
    }
    s.unsupported("rotation", "requests are appended as they come");
    To::File(PathBuf::from(path))
}
