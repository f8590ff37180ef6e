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
    for key in ["use_internal_logger", "output_paths"] {
        s.unsupported(key, "it is written to standard output");
    }
    s.unsupported("sending_queue", "what is written here waits for nobody");
    To::Debug(verbosity, Sampling { initial, thereafter })
}

pub(super) fn file(s: &mut Section<'_>) -> To {
    let path = s.text("path", "", "The file of OTLP JSON, one request a line; it is appended to");
    if path.is_empty() {
        s.fault("path must be non-empty");
    }
    s.word("format", &["json"], "Only json");
    for key in [
        "rotation",
        "compression",
        "flush_interval",
        "group_by",
        "append",
        "encoding",
        "create_directory",
    ] {
        s.unsupported(key, "requests are appended as they come");
    }
    To::File(PathBuf::from(path))
}
