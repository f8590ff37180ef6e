//! What a real Collector says of the parts of a configuration that it has too, beside what is said
//! here. `.ci/run` holds the Collector's answers against a Collector, where one can be built.

use std::fmt::Write as _;

use expect_test::expect_file;
use lifespan::config::{Lookup, Source, load};

const GOOD: &str = "yaml:{receivers: {k8s_lifecycle: }, exporters: {otlp_grpc: {endpoint: 'localhost:4317'}}, service: {pipelines: {traces: {receivers: [k8s_lifecycle], exporters: [otlp_grpc]}}}}";

/// One file, and nothing else.
struct One<'a>(&'a str);

impl Lookup for One<'_> {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str) -> Result<String, String> {
        let is_there = path == "c.yaml";
        is_there.then(|| self.0.to_owned()).ok_or_else(|| "there is no such file".to_owned())
    }
}

/// `UPDATE_EXPECT=1` writes what is said here; `tests/collector/table.py` what a Collector says.
#[test]
fn what_a_collector_takes_is_taken_and_what_it_refuses_is_refused_or_the_reason_stands_there() {
    let mut out = String::new();
    let mut n = 0;
    for case in include_str!("../collector/answers.txt").split("=== ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (text, rest) = rest.split_once("--- Collector\n").unwrap();
        let (collector, _) = rest.split_once("--- lifespan\n").unwrap();
        let sources = [GOOD, "c.yaml"].map(|uri| Source::Config(uri.to_owned()));
        let own = match load(&sources, &One(text)) {
            Ok(_) => "ok\n".to_owned(),
            Err(faults) => format!("{faults}\n"),
        };
        let is_same = (own == "ok\n") == (collector == "ok\n");
        assert_eq!(is_same, !title.starts_with("differs: "), "{title}: {own}{collector}");
        write!(out, "=== {title}\n{text}--- Collector\n{collector}--- lifespan\n{own}").unwrap();
        n += 1;
    }
    assert!(n >= 60, "{n} cases");
    expect_file!["../collector/answers.txt"].assert_eq(&out);
}
