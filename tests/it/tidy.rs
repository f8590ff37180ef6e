//! What the compiler does not see: who may name what, and that every file is compiled.

#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a panic is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
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
    "admin/push.rs",
    "admin/server.rs",
    "app.rs",
    "app/driver.rs",
    "app/look.rs",
    "cli.rs",
    "cli/cluster.rs",
    "cli/configured.rs",
    "cli/explain.rs",
    "cli/fetch.rs",
    "cli/live.rs",
    "cli/manual.rs",
    "cli/record.rs",
    "cli/recording_file.rs",
    "cli/reload.rs",
    "cli/replay.rs",
    "cli/runtime.rs",
    "cli/send.rs",
    "cli/serve.rs",
    "cli/stamp.rs",
    "cli/storage.rs",
    "cli/terminal.rs",
    "cli/webhook.rs",
    "clock.rs",
    "cluster/api_server.rs",
    "cluster/ca_bundle.rs",
    "cluster/client.rs",
    "cluster/problem.rs",
    "cluster/connect.rs",
    "cluster/machine.rs",
    "cluster/objects.rs",
    "export.rs",
    "export/connect.rs",
    "export/deliver.rs",
    "export/endpoint.rs",
    "export/files.rs",
    "export/grpc.rs",
    "export/http.rs",
    "export/intake.rs",
    "export/keeper.rs",
    "export/line.rs",
    "export/probe.rs",
    "export/server.rs",
    "export/sink.rs",
    "export/worker.rs",
    "http_server.rs",
    "main.rs",
    "recording/input.rs",
    "seldom.rs",
    "storage.rs",
    "storage/open.rs",
    "storage/disk.rs",
    "storage/inspect.rs",
    "store.rs",
    "telemetry/logs.rs",
    "telemetry/process.rs",
    "watch/lanes.rs",
    "watch/left.rs",
    "watch/reader.rs",
    "watch/trouble.rs",
    "watch/unreadable.rs",
    "webhook/roots.rs",
    "webhook/server.rs",
];

/// The rooms, each above those that it may name.
const ROOMS: &[&str] = &[
    "context",
    "facts",
    "text",
    "clock",
    "random",
    "seldom",
    "trust",
    "http_server",
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
    "storage",
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
fn the_documentation_names_exactly_the_attributes_there_are() {
    let documentation = fs::read_to_string("config/documentation.md").unwrap();
    let mut named: Vec<_> = between(&documentation, "`lifespan.", "`").collect();
    let metadata = fs::read_to_string("config/metadata.yaml").unwrap();
    let described: Vec<_> = between(&metadata, "\n  lifespan.", ":\n").collect();
    let rooms = ["lifecycle", "origin", "spans"].into_iter().flat_map(room);
    let code: String = rooms.map(|(_, code)| code).collect();
    let mut written: Vec<_> = between(&code, "\"lifespan.", "\"").collect();
    for names in [&mut named, &mut written] {
        names.sort_unstable();
        names.dedup();
    }
    assert_eq!(named, written);
    assert_eq!(described, written);
}

#[test]
fn the_readme_is_read_in_one_go() {
    let n_lines = fs::read_to_string("README.md").unwrap().lines().count();
    assert!(n_lines <= 150, "{n_lines} lines");
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
fn files_of_one_room_do_not_name_each_other_in_a_circle() {
    let all = files("src");
    let modules: BTreeSet<String> = all.iter().map(|(path, _)| module_of(path)).collect();
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, code) in &all {
        let own = module_of(path);
        let named = named_in(code, &own).into_iter().filter_map(|named| {
            let parts: Vec<_> = named.split("::").collect();
            let ends = (1..=parts.len()).rev();
            ends.map(|n| parts.get(..n).unwrap_or_default().join("::"))
                .find(|it| modules.contains(it))
        });
        // A file and those in the folder of its name are one concept.
        let is_apart = |other: &String| {
            let is_below =
                |one: &str, other: &str| format!("{one}::").starts_with(&format!("{other}::"));
            !is_below(other, &own) && !is_below(&own, other)
        };
        names.insert(own.clone(), named.filter(is_apart).collect());
    }
    for start in names.keys() {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<&String> = names[start].iter().collect();
        while let Some(next) = waiting.pop() {
            assert_ne!(
                next, start,
                "{start} and what it names name each other: {:?}",
                names[start]
            );
            if reached.insert(next) {
                waiting.extend(&names[next]);
            }
        }
    }
}

#[test]
fn files_and_functions_are_short() {
    for (path, code) in sources("src") {
        let n_lines = code.lines().count();
        assert!(n_lines <= 450, "{} has {n_lines} lines", path.display());
        for (name, n_lines) in functions(&code) {
            assert!(n_lines <= 80, "{}: fn {name} has {n_lines} lines", path.display());
        }
    }
    for (path, code) in sources("tests/it") {
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

/// The functions of a file as rustfmt writes it, and how many lines each has.
fn functions(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<_> = code.lines().collect();
    let begun = lines.iter().enumerate().filter_map(|(at, line)| {
        let start = line.trim_start();
        let words: Vec<_> = start.split(' ').take_while(|word| *word != "fn").collect();
        let is_one = words
            .iter()
            .all(|word| ["async", "const", "unsafe"].contains(word) || word.starts_with("pub"));
        let begins = is_one && !start.ends_with([';', '}']);
        let (_, name) = start.split_once("fn ").filter(|_| begins)?;
        let name = name.split(['(', '<']).next().unwrap_or_default();
        let end = format!("{}}}", &line[..line.len() - start.len()]);
        let n_lines = lines.get(at..)?.iter().position(|line| *line == end)?;
        Some((name.to_owned(), n_lines + 1))
    });
    begun.collect()
}

/// The path of a file's module, `kinds::json::scan`.
fn module_of(path: &Path) -> String {
    let path = path.strip_prefix("src").unwrap().with_extension("");
    path.iter().map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("::")
}

/// All that the code of the module `own` names by a path of ours, from the top.
fn named_in(code: &str, own: &str) -> Vec<String> {
    let flat = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = Vec::new();
    let mut above: Vec<&str> = own.split("::").collect();
    let mut start = "crate::".to_owned();
    loop {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        for (at, _) in flat.match_indices(&start) {
            let is_begin = !flat[..at].ends_with(is_word);
            let rest = &flat[at + start.len()..];
            let base = if start == "crate::" { String::new() } else { above.join("::") + "::" };
            let path: String = rest.chars().take_while(|c| is_word(*c)).collect();
            if !is_begin || path.starts_with("super::") {
                continue;
            }
            out.push(format!("{base}{}", path.trim_end_matches(':')));
            if let Some(list) = rest.get(path.len()..).filter(|rest| rest.starts_with('{')) {
                let list = list.split('}').next().unwrap_or_default();
                let names = list.trim_start_matches('{').split(',');
                out.extend(names.map(|name| format!("{base}{path}{}", name.trim())));
            }
        }
        if start == "crate::" {
            start = "super::".to_owned();
        } else {
            start.push_str("super::");
        }
        if above.pop().is_none() || above.is_empty() {
            return out;
        }
    }
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
