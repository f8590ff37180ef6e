//! What the compiler does not see: who may name what, and that every file is compiled.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Words that no pure room may contain, besides its own.
const SHELL: [&str; 13] = [
    "kube::",
    "tokio",
    "dashmap",
    "tracing::",
    "async ",
    ".await",
    "::now(",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
];

#[test]
fn lifecycle_is_pure() {
    is_pure("lifecycle", &["k8s_openapi", "tonic", "prost", "serde", "opentelemetry_proto"]);
}

#[test]
fn kinds_and_context_are_pure() {
    is_pure("kinds", &["tonic", "prost", "opentelemetry_proto"]);
    is_pure("context", &["k8s_openapi", "tonic", "prost"]);
}

#[test]
fn otlp_is_pure() {
    is_pure("otlp", &["k8s_openapi", "tonic::transport", "crate::kinds", "crate::engine"]);
}

#[test]
fn show_is_pure() {
    is_pure("show", &["k8s_openapi", "tonic", "prost", "std::io", "crate::engine", "crate::kinds"]);
}

#[test]
fn lifecycle_imports_nothing_of_ours() {
    for (path, code) in room("lifecycle") {
        for part in code.split("crate::").skip(1) {
            assert!(part.starts_with("lifecycle"), "{}: crate::{part:.20}", path.display());
        }
    }
}

#[test]
fn only_the_export_names_sockets_and_only_the_store_names_dashmap() {
    for (path, code) in sources("src") {
        let is_in = |room: &str| {
            path.starts_with(format!("src/{room}")) || path == Path::new(&format!("src/{room}.rs"))
        };
        assert!(!code.contains("dashmap::") || is_in("store"), "{}", path.display());
        assert!(!code.contains("tonic::transport") || is_in("export"), "{}", path.display());
        assert!(!code.contains("kube_client::") || is_in("watch"), "{}", path.display());
        let may_serve = is_in("admin/server") || is_in("webhook/server");
        assert!(!code.contains("hyper::") || may_serve, "{}", path.display());
    }
}

#[test]
fn what_decides_in_the_shell_is_pure() {
    for name in [
        "config",
        "rbac",
        "watch/answer",
        "watch/course",
        "watch/discovery",
        "watch/ear",
        "watch/events",
        "watch/items",
        "watch/target",
        "admin/answer",
        "admin/pages",
        "admin/waits",
        "delivery/batcher",
        "delivery/books",
        "delivery/debug",
        "telemetry/metrics",
        "admission",
        "manifest",
        "origin",
        "recording/redact",
    ] {
        is_pure(name, &[]);
    }
}

#[test]
fn every_source_file_is_a_declared_module() {
    for (path, _) in sources("src").into_iter().chain(sources("tests/it")) {
        let Some(parent) = parent_of(&path) else { continue };
        let name = path.file_stem().unwrap().to_str().unwrap();
        let code = fs::read_to_string(&parent).unwrap_or_default();
        let is_declared = code.lines().any(|line| {
            let line = line.trim_start();
            let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
            line.strip_prefix("pub ").unwrap_or(line) == format!("mod {name};")
        });
        assert!(is_declared, "{} is not named in {}", path.display(), parent.display());
    }
}

#[test]
fn the_readme_names_exactly_the_attributes_there_are() {
    let readme = fs::read_to_string("README.md").unwrap();
    let mut named: Vec<_> = between(&readme, "`lifespan.", "`").collect();
    let rooms = ["lifecycle", "origin"].into_iter().flat_map(room);
    let code: String = rooms.map(|(_, code)| code).collect();
    let mut written: Vec<_> = between(&code, "\"lifespan.", "\"").collect();
    for names in [&mut named, &mut written] {
        names.sort_unstable();
        names.dedup();
    }
    assert_eq!(named, written);
}

#[test]
fn every_invariant_names_tests_that_exist() {
    let library = fs::read_to_string("src/lib.rs").unwrap();
    let (_, invariants) = library.split_once("# Invariants").unwrap();
    let (invariants, _) = invariants.split_once("pub mod").unwrap();
    let code: String =
        sources("src").into_iter().chain(sources("tests/it")).map(|(_, code)| code).collect();
    for invariant in invariants.split("**Invariant:**").skip(1) {
        let named: Vec<_> = invariant.split('`').filter(|part| part.contains("::")).collect();
        assert!(!named.is_empty(), "{invariant} is held by no test");
        for name in named {
            let test = name.rsplit("::").next().unwrap();
            assert!(code.contains(&format!("fn {test}(")), "{name} is no test");
        }
    }
}

#[test]
fn the_readme_tests_as_ci_does() {
    let readme = fs::read_to_string("README.md").unwrap();
    let ci = fs::read_to_string(".ci/run").unwrap();
    assert!(readme.contains("\n$ cargo test\n") && ci.contains("\ncargo test\n"));
}

#[test]
fn no_source_file_is_longer_than_800_lines() {
    for (path, code) in sources("src").into_iter().chain(sources("tests/it")) {
        let n_lines = code.lines().count();
        assert!(n_lines <= 800, "{} has {n_lines} lines", path.display());
    }
}

/// What stands between `start` and `end`.
fn between<'a>(text: &'a str, start: &str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |rest| rest.split(end).next()).inspect(|name| {
        assert!(!name.contains(char::is_whitespace), "{name} does not end");
    })
}

fn is_pure(name: &str, more: &[&str]) {
    for (path, code) in room(name) {
        for word in SHELL.iter().chain(more) {
            assert!(!code.contains(word), "{} names `{word}`", path.display());
        }
    }
}

/// The code of a room without comments and without its tests.
fn room(name: &str) -> Vec<(PathBuf, String)> {
    let below = sources("src").into_iter().filter(|(path, _)| {
        path.starts_with(format!("src/{name}")) || *path == Path::new(&format!("src/{name}.rs"))
    });
    let files: Vec<_> = below
        .map(|(path, code)| {
            let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            (path, lines.collect::<Vec<_>>().join("\n"))
        })
        .collect();
    assert!(!files.is_empty(), "src/{name} is not there");
    files
}

/// All Rust files below `folder`, by their path from the top of the project.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut waiting = vec![PathBuf::from(folder)];
    let mut files = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(top.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push((path.clone(), fs::read_to_string(top.join(path)).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// The file that must declare the module of `path`; `None` for the roots of crates.
fn parent_of(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    let root = ["main.rs", "lib.rs"].map(|name| folder.join(name));
    if root.contains(&path.to_path_buf()) {
        return None;
    }
    match folder.to_str()? {
        "src" => Some(root[1].clone()),
        "tests/it" => Some(root[0].clone()),
        _ => Some(folder.with_extension("rs")),
    }
}
