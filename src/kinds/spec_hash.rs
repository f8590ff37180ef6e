//! What a spec says, as paths and hashes: enough to tell what changed, and nothing else is kept.
//!
//! The hash is cryptographic because specs hold values of env variables: from a hash that leaves
//! the process in a checkpoint nothing but guessing leads back to the value.

use std::sync::LazyLock;

use super::json_value::JsonValue;

/// How many paths are kept of one spec.
const MAX_PATHS: usize = 4_096;

/// The longest path that is kept.
const MAX_PATH_BYTES: usize = 1_024;

/// Most values are shorter.
pub(super) const ROOM: usize = 1_024;

/// The hashes of small numbers, which every spec has some of.
static OF_NUMBERS: LazyLock<Box<[u64]>> = LazyLock::new(|| {
    let mut scratch = Vec::new();
    (0..=1_000).map(|number| anew(&JsonValue::Whole(number), &mut scratch)).collect()
});

/// The hash of a value, whatever it holds.
pub(super) fn hash(node: &JsonValue<'_>, scratch: &mut Vec<u8>) -> u64 {
    let number = node.whole().and_then(|number| usize::try_from(number).ok());
    let known = number.and_then(|number| OF_NUMBERS.get(number).copied());
    known.unwrap_or_else(|| anew(node, scratch))
}

fn anew(node: &JsonValue<'_>, scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    node.write_canonical(scratch);
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(scratch).as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The sorted (dotted path, hash) of every value below `spec`.
///
/// Items of lists go by their `name` where they have one, else by their index. A spec of more
/// values than are kept is folded: below the greatest depth that fits, one hash stands for all.
pub(super) fn paths(spec: &JsonValue<'_>) -> Vec<(Box<str>, u64)> {
    let mut depths = Vec::with_capacity(16);
    count(spec, 0, &mut depths);
    let n_leaves: usize = depths.iter().map(|depth| depth.leaves).sum();
    let mut walk = Walk {
        max_depth: fitting(&depths),
        path: String::with_capacity(128),
        bytes: Vec::with_capacity(ROOM),
        out: Vec::with_capacity(n_leaves.min(MAX_PATHS)),
    };
    walk.visit(spec, 0);
    walk.out.sort_unstable();
    walk.out
}

/// The hash of what stands at those paths that are wanted.
pub(super) fn of_paths(paths: &[(Box<str>, u64)], is_wanted: impl Fn(&str) -> bool) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for (path, hash) in paths.iter().filter(|(path, _)| is_wanted(path)) {
        hasher.update(&u64::try_from(path.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(path.as_bytes());
        hasher.update(&hash.to_le_bytes());
    }
    let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// How many leaves and containers stand at a depth.
#[derive(Clone, Copy, Default)]
struct Depth {
    leaves: usize,
    containers: usize,
}

fn count(node: &JsonValue<'_>, depth: usize, depths: &mut Vec<Depth>) {
    if depths.len() <= depth {
        depths.resize(depth + 1, Depth::default());
    }
    let Some(here) = depths.get_mut(depth) else { return };
    match node {
        JsonValue::List(items) => {
            here.containers += 1;
            items.iter().for_each(|item| count(item, depth + 1, depths));
        }
        JsonValue::Map(entries) => {
            here.containers += 1;
            entries.iter().for_each(|(_, value)| count(value, depth + 1, depths));
        }
        JsonValue::Null
        | JsonValue::Bool(_)
        | JsonValue::Whole(_)
        | JsonValue::Float(_)
        | JsonValue::Text(_)
        | JsonValue::EmptyList
        | JsonValue::EmptyMap => here.leaves += 1,
    }
}

/// The greatest depth at which folding leaves no more than [`MAX_PATHS`] paths.
fn fitting(depths: &[Depth]) -> usize {
    let mut n_leaves = 0;
    let mut fits = 0;
    for (depth, here) in depths.iter().enumerate() {
        n_leaves += here.leaves;
        if n_leaves + here.containers <= MAX_PATHS {
            fits = depth;
        }
    }
    fits
}

struct Walk {
    max_depth: usize,
    path: String,
    bytes: Vec<u8>,
    out: Vec<(Box<str>, u64)>,
}

impl Walk {
    fn visit(&mut self, node: &JsonValue<'_>, depth: usize) {
        if node.is_void() {
            return;
        }
        match node {
            JsonValue::Map(entries) if depth < self.max_depth => {
                for (key, value) in entries {
                    let end = self.path.len();
                    if end > 0 {
                        self.path.push('.');
                    }
                    self.path.push_str(key);
                    self.leave_or_visit(value, depth, end);
                }
            }
            JsonValue::List(items) if depth < self.max_depth => {
                let by_name = are_named(items);
                for (index, item) in items.iter().enumerate() {
                    let end = self.path.len();
                    self.path.push('[');
                    match item.text_at("name").filter(|_| by_name) {
                        Some(name) => self.path.push_str(name),
                        None => self.path.push_str(&index.to_string()),
                    }
                    self.path.push(']');
                    self.leave_or_visit(item, depth, end);
                }
            }
            JsonValue::List(_)
            | JsonValue::Map(_)
            | JsonValue::Null
            | JsonValue::Bool(_)
            | JsonValue::Whole(_)
            | JsonValue::Float(_)
            | JsonValue::Text(_)
            | JsonValue::EmptyList
            | JsonValue::EmptyMap => self.keep(node),
        }
    }

    fn keep(&mut self, node: &JsonValue<'_>) {
        let hash = hash(node, &mut self.bytes);
        self.out.push((self.path.as_str().into(), hash));
    }

    /// Visits a child whose step has just been appended, and takes the step back.
    fn leave_or_visit(&mut self, node: &JsonValue<'_>, depth: usize, end: usize) {
        if self.path.len() > MAX_PATH_BYTES {
            // The step is hashed too: what it leads to would else be told by nothing.
            let step = JsonValue::Text(self.path.get(end..).unwrap_or_default().into());
            let hash = hash(&step, &mut self.bytes).rotate_left(1) ^ hash(node, &mut self.bytes);
            self.path.truncate(end);
            self.out.push((self.path.as_str().into(), hash));
            return;
        }
        self.visit(node, depth + 1);
        self.path.truncate(end);
    }
}

/// Whether all items have a name of their own. Env variables may be repeated; then the index tells.
fn are_named(items: &[JsonValue<'_>]) -> bool {
    let Some(mut names) = items.iter().map(|item| item.text_at("name")).collect::<Option<Vec<_>>>()
    else {
        return false;
    };
    names.sort_unstable();
    names.windows(2).all(|pair| pair.first() != pair.last())
}

#[cfg(test)]
mod tests {
    use super::{MAX_PATH_BYTES, MAX_PATHS, hash, paths};
    use crate::kinds::json_value::JsonValue;

    fn node(json: &str) -> JsonValue<'_> {
        serde_json::from_str(json).unwrap()
    }

    fn told(json: &str) -> Vec<String> {
        paths(&node(json)).into_iter().map(|(path, _)| path.into()).collect()
    }

    #[test]
    fn items_go_by_their_name_or_else_by_their_index() {
        assert_eq!(
            told(
                r#"{"c":[{"image":"x","name":"b"},{"name":"a"}],"p":[{"name":"n"},{"name":"n"}],
                    "q":[{"name":"n"},1],"r":[[true]]}"#
            ),
            [
                "c[a].name",
                "c[b].image",
                "c[b].name",
                "p[0].name",
                "p[1].name",
                "q[0].name",
                "q[1]",
                "r[0][0]"
            ]
        );
    }

    #[test]
    fn the_hash_never_changes_from_one_build_to_the_next() {
        let hashed = |json: &str| hash(&node(json), &mut Vec::new());
        assert_eq!(hashed("3"), 6_057_400_788_070_090_910);
        assert_eq!(hashed("\"web\""), 1_176_587_416_723_715_011);
        assert_eq!(hashed("{\"a\":[1.5,null,false]}"), 12_019_405_141_553_232_742);
    }

    #[test]
    fn values_of_different_types_have_different_hashes() {
        let values = ["0", "false", "true", "\"\"", "\"0\"", "0.5", "[0]", "[[0]]", "{\"a\":0}"];
        let mut hashes: Vec<u64> =
            values.iter().map(|value| hash(&node(value), &mut Vec::new())).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), values.len());
    }

    #[test]
    fn a_spec_of_too_many_values_is_folded_where_it_is_deepest() {
        let list = vec!["1"; MAX_PATHS].join(",");
        assert_eq!(told(&format!(r#"{{"a":[{list}]}}"#)).len(), MAX_PATHS);
        assert_eq!(told(&format!(r#"{{"a":[{list}],"b":{{"c":2}}}}"#)), ["a", "b"]);
        assert_eq!(told(&format!(r#"{{"a":[{list}],"b":2}}"#)), ["a", "b"]);
        let maps = vec!["{\"a\":1,\"b\":2}"; MAX_PATHS / 2 + 1].join(",");
        assert_eq!(told(&format!(r#"{{"c":[{maps}]}}"#)).len(), MAX_PATHS / 2 + 1);
        let maps = vec!["{\"a\":1}"; MAX_PATHS + 1].join(",");
        assert_eq!(told(&format!(r#"{{"c":[{maps}],"d":1}}"#)), ["c", "d"]);
        let keys: Vec<String> = (0..=MAX_PATHS).map(|n| format!("\"{n}\":1")).collect();
        assert_eq!(told(&format!("{{{}}}", keys.join(","))), [""]);
    }

    #[test]
    fn a_path_has_a_greatest_length() {
        let key = "k".repeat(MAX_PATH_BYTES);
        let one = format!(r#"{{"a":{{"{key}":1}},"b":{{"{key}":2}},"c":{{"l{key}":2}}}}"#);
        assert_eq!(told(&one), ["a", "b", "c"]);
        let hashes = paths(&node(&one));
        assert_ne!(hashes[0].1, hashes[1].1);
        assert_ne!(hashes[1].1, hashes[2].1);
    }
}
