//! What the compiler does not see: who may name what, and that every file is compiled.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Words that no pure file may contain.
const SHELL: [&str; 16] = [
    "kube::",
    "kube_client::",
    "tokio",
    "hyper",
    "dashmap",
    "tracing::",
    "tonic::transport",
    "async ",
    "::now(",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
];

/// The files that do I/O, read a clock, draw or wait; every other one is pure.
const SHELL_FILES: &[&str] = &[
    "admin/server.rs",
    "app.rs",
    "app/driver.rs",
    "app/look.rs",
    "cli.rs",
    "cli/cluster.rs",
    "cli/configured.rs",
    "cli/explain.rs",
    "cli/live.rs",
    "cli/record.rs",
    "cli/replay.rs",
    "cli/runtime.rs",
    "cli/send.rs",
    "cli/serve.rs",
    "cli/stamp.rs",
    "cli/terminal.rs",
    "cli/webhook.rs",
    "clock.rs",
    "cluster/api_server.rs",
    "cluster/ca_bundle.rs",
    "cluster/client.rs",
    "cluster/connect.rs",
    "cluster/objects.rs",
    "export.rs",
    "export/deliver.rs",
    "export/endpoint.rs",
    "export/grpc.rs",
    "export/http.rs",
    "export/intake.rs",
    "export/server.rs",
    "export/sink.rs",
    "export/worker.rs",
    "main.rs",
    "recording/input.rs",
    "store.rs",
    "telemetry/logs.rs",
    "telemetry/process.rs",
    "watch/lanes.rs",
    "watch/reader.rs",
    "watch/trouble.rs",
    "webhook/server.rs",
];

/// The rooms, each above those that it may name.
const ROOMS: &[&str] = &[
    "facts",
    "text",
    "clock",
    "random",
    "context",
    "order",
    "lifecycle",
    "kinds",
    "manifest",
    "spans",
    "report",
    "show",
    "sampling",
    "origin",
    "otlp",
    "traces",
    "store",
    "engine",
    "cluster",
    "watch",
    "recording",
    "export",
    "config",
    "rbac",
    "admission",
    "webhook",
    "telemetry",
    "admin",
    "app",
    "cli",
    "main",
    "lib",
    "",
];

#[test]
fn all_rooms_are_pure_but_those_of_the_shell() {
    for (path, code) in files("src") {
        let name = path.strip_prefix("src").unwrap();
        if SHELL_FILES.iter().any(|shell| name == Path::new(shell)) {
            continue;
        }
        for word in SHELL {
            assert!(!code.contains(word), "{} names `{word}`", path.display());
        }
    }
}

#[test]
fn every_file_of_the_shell_is_there() {
    for name in SHELL_FILES {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name).exists(), "{name}");
    }
}

#[test]
fn no_room_names_one_above_it() {
    let place = |room: &str| ROOMS.iter().position(|known| *known == room);
    for (path, code) in files("src") {
        let room = path.strip_prefix("src").unwrap().iter().next().unwrap().to_str().unwrap();
        let room = room.trim_end_matches(".rs");
        let own = place(room).unwrap_or_else(|| panic!("{room} has no place in ROOMS"));
        for named in code.split("crate::").skip(1) {
            let word = named.split(|c: char| !c.is_ascii_lowercase() && c != '_').next();
            let named = word.unwrap_or_default();
            let Some(other) = place(named).filter(|_| !named.is_empty()) else { continue };
            assert!(other <= own, "{} names {named}", path.display());
        }
    }
}

#[test]
fn only_the_store_names_dashmap() {
    for (path, code) in sources("src") {
        assert!(
            !code.contains("dashmap::") || path == Path::new("src/store.rs"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn only_the_cluster_is_asked_through_kube() {
    for (path, code) in files("src") {
        let is_of_cluster = path.starts_with("src/cluster") || path == Path::new("src/cluster.rs");
        assert!(is_of_cluster || !code.contains("kube_client"), "{}", path.display());
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
    let rooms = ["lifecycle", "origin", "spans"].into_iter().flat_map(room);
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

#[test]
fn a_tree_changes_through_one_door() {
    let doors: Vec<_> = files("src")
        .into_iter()
        .flat_map(|(path, code)| vec![path; code.matches("store.change(").count()])
        .collect();
    assert_eq!(doors, [Path::new("src/engine.rs")]);
}

/// The rooms that decide and tell.
const CORE: [&str; 5] = ["facts", "order", "lifecycle", "spans", "engine"];

#[test]
fn no_function_of_the_core_is_longer_than_80_lines() {
    for (path, code) in CORE.into_iter().flat_map(room) {
        let lines: Vec<&str> = code.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_function(line)) {
            let indent = line.len() - line.trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            let n_lines = lines[at..].iter().position(|line| *line == end).map_or(1, |n| n + 1);
            assert!(n_lines <= 80, "{}: {} has {n_lines} lines", path.display(), line.trim());
        }
    }
}

/// Whether a function begins in this line and not in it alone.
fn is_function(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let before = words.iter().take_while(|word| **word != "fn");
    let is_declared = before
        .clone()
        .all(|word| matches!(*word, "pub" | "const" | "async") || word.starts_with("pub("));
    is_declared && words.contains(&"fn") && !line.ends_with(['}', ';'])
}

/// What stands between `start` and `end`.
fn between<'a>(text: &'a str, start: &str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |rest| rest.split(end).next()).inspect(|name| {
        assert!(!name.contains(char::is_whitespace), "{name} does not end");
    })
}

/// The code of a room without comments and without its tests.
fn room(name: &str) -> Vec<(PathBuf, String)> {
    let is_of_room = |path: &Path| {
        path.starts_with(format!("src/{name}")) || path == Path::new(&format!("src/{name}.rs"))
    };
    let files: Vec<_> = files("src").into_iter().filter(|(path, _)| is_of_room(path)).collect();
    assert!(!files.is_empty(), "src/{name} is not there");
    files
}

/// All code below a folder, without comments and without tests.
fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let is_test = |path: &Path| path.iter().any(|part| part == "tests" || part == "tests.rs");
    let all = sources(folder).into_iter().filter(|(path, _)| !is_test(path));
    all.map(|(path, code)| {
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        (path, lines.collect::<Vec<_>>().join("\n"))
    })
    .collect()
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
