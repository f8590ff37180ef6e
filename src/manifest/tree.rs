//! A document as a tree in which everything knows where it stands in the text.

/// A value, and the bytes of the text that it takes.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) start: usize,
    pub(super) end: usize,
    /// From 1.
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A scalar; not quoted, it may be null, a number or a truth.
    Scalar {
        text: String,
        is_plain: bool,
    },
    Map(Vec<Entry>),
    List(Vec<Node>),
    /// What stands elsewhere in the document.
    Alias(usize),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) start: usize,
    pub(super) end: usize,
    /// From 0, in characters.
    pub(super) column: usize,
    pub(super) node: Node,
}

impl Node {
    pub(super) fn at(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Value::Scalar { text, .. } = &self.value { Some(text) } else { None }
    }

    pub(super) fn is_null(&self) -> bool {
        let Value::Scalar { text, is_plain: true } = &self.value else { return false };
        matches!(&**text, "" | "~" | "null" | "Null" | "NULL")
    }

    /// The item of a list object, or the object itself.
    pub(super) fn item_mut(&mut self, index: Option<usize>) -> Option<&mut Self> {
        let Some(index) = index else { return Some(self) };
        let Value::Map(entries) = &mut self.value else { return None };
        let items = &mut entries.iter_mut().find(|entry| entry.key == "items")?.node;
        if let Value::List(items) = &mut items.value { items.get_mut(index) } else { None }
    }

    /// Sets texts below `path`; where they stand is not known of them.
    pub(super) fn set(&mut self, path: &[&str], pairs: &[(String, Option<String>)]) {
        if self.is_null() {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else { return };
        let Some((first, rest)) = path.split_first() else {
            for (key, text) in pairs {
                let known = entries.iter().position(|entry| entry.key == *key);
                // What is to go is emptied: an empty text says that there is none.
                let text = match (text, known) {
                    (Some(text), _) => text.clone(),
                    (None, Some(_)) => String::new(),
                    (None, None) => continue,
                };
                let node = Self::nowhere(Value::Scalar { text, is_plain: false });
                match known.and_then(|at| entries.get_mut(at)) {
                    Some(entry) => entry.node = node,
                    None => entries.push(Entry::nowhere(key, node)),
                }
            }
            return;
        };
        let at = entries.iter().position(|entry| entry.key == *first).unwrap_or_else(|| {
            entries.push(Entry::nowhere(first, Self::nowhere(Value::Map(Vec::new()))));
            entries.len() - 1
        });
        if let Some(entry) = entries.get_mut(at) {
            entry.node.set(rest, pairs);
        }
    }

    /// Whether both say the same, wherever it stands and in whatever order its keys are.
    pub(super) fn says(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Scalar { text, is_plain }, Value::Scalar { text: t, is_plain: p }) => {
                text == t && is_plain == p
            }
            (Value::Alias(one), Value::Alias(other)) => one == other,
            (Value::List(one), Value::List(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.says(b))
            }
            (Value::Map(one), Value::Map(other)) => {
                one.len() == other.len()
                    && one.iter().all(|entry| {
                        let same = other.iter().find(|it| it.key == entry.key);
                        same.is_some_and(|it| it.node.says(&entry.node))
                    })
            }
            (Value::Scalar { .. } | Value::Map(_) | Value::List(_) | Value::Alias(_), _) => false,
        }
    }

    /// What stands here, in words, without its content.
    pub(super) fn told(&self) -> &'static str {
        match &self.value {
            Value::Scalar { .. } if self.is_null() => "null",
            Value::Scalar { .. } => "a text",
            Value::Map(_) => "a map",
            Value::List(_) => "a list",
            Value::Alias(_) => "an alias",
        }
    }

    fn nowhere(value: Value) -> Self {
        Self { start: 0, end: 0, line: 0, value }
    }
}

impl Entry {
    fn nowhere(key: &str, node: Node) -> Self {
        Self { key: key.to_owned(), start: 0, end: 0, column: 0, node }
    }
}
