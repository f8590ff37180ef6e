//! Values that many objects have are held once.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::facts::change::Snapshot;
use crate::facts::pod::KnownContainer;
use crate::facts::workload::Workload;

/// How many values of one sort are shared before those that nobody holds any more are let go.
const MAX_SHARED: usize = 20_000;

/// What is held once.
#[derive(Debug, Default)]
pub struct Shared {
    /// Names of nodes and namespaces.
    names: HashSet<Arc<str>>,
    /// Paths of specs.
    paths: HashSet<Arc<[Box<str>]>>,
    /// Containers of Pods: most of them have never restarted.
    containers: HashSet<Arc<[KnownContainer]>>,
}

impl Shared {
    /// Pods of one node hold its name once, workloads of one shape the paths of their specs.
    pub fn share(&mut self, snapshot: &mut Snapshot) {
        match snapshot {
            Snapshot::Pod(pod) => {
                self.name(&mut pod.node);
                self.name(&mut pod.meta.namespace);
            }
            Snapshot::Workload(workload) => self.workload(workload),
        }
    }

    /// The same name, held once.
    pub fn name(&mut self, name: &mut Option<Arc<str>>) {
        name.iter_mut().for_each(|name| share(&mut self.names, name));
    }

    /// A workload with what is held once.
    pub fn workload(&mut self, workload: &mut Workload) {
        self.name(&mut workload.meta.namespace);
        share(&mut self.paths, &mut workload.spec.paths);
    }

    /// The same containers.
    pub fn containers(&mut self, containers: &mut Arc<[KnownContainer]>) {
        share(&mut self.containers, containers);
    }
}

/// Puts the known value in the place of an equal one.
fn share<T: Eq + Hash + ?Sized>(known: &mut HashSet<Arc<T>>, value: &mut Arc<T>) {
    if let Some(known) = known.get(value) {
        *value = Arc::clone(known);
        return;
    }
    if known.len() >= MAX_SHARED {
        known.retain(|it| Arc::strong_count(it) > 1);
    }
    if known.len() < MAX_SHARED {
        known.insert(Arc::clone(value));
    }
}
