//! Values that many objects have are held once.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use super::room::Room;
use super::shapes::Shapes;
use crate::facts::change::{Change, Snapshot};
use crate::facts::pod::KnownContainer;
use crate::facts::workload::Workload;

/// How many values of one sort are shared before those that nobody holds any more are let go.
const MAX_SHARED: usize = 20_000;

/// What is held once.
#[derive(Debug)]
pub struct Shared {
    /// Names of nodes and namespaces.
    names: Once<str>,
    /// Paths of specs.
    pub shapes: Shapes,
    /// Containers of Pods: most of them have never restarted.
    containers: Once<[KnownContainer]>,
}

/// Values of one sort.
#[derive(Debug)]
struct Once<T: ?Sized> {
    known: HashSet<Arc<T>>,
    room: Room,
}

impl<T: ?Sized> Default for Once<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), room: Room::of(MAX_SHARED) }
    }
}

impl Default for Shared {
    fn default() -> Self {
        let shapes = Shapes::at_most(MAX_SHARED);
        Self { names: Once::default(), shapes, containers: Once::default() }
    }
}

/// What has values that are held once.
pub trait Shares {
    /// Has those that are held in the place of equal ones.
    fn share(&mut self, shared: &mut Shared);
}

impl<T: Shares> Shares for Vec<T> {
    fn share(&mut self, shared: &mut Shared) {
        self.iter_mut().for_each(|it| it.share(shared));
    }
}

/// Pods of one node hold its name once, workloads of one shape the paths of their specs.
impl Shares for Snapshot {
    fn share(&mut self, shared: &mut Shared) {
        match self {
            Self::Pod(pod) => {
                shared.name(&mut pod.node);
                shared.name(&mut pod.meta.namespace);
            }
            Self::Workload(workload) => shared.workload(workload),
        }
    }
}

impl Shares for Change {
    fn share(&mut self, shared: &mut Shared) {
        match self {
            Self::Seen(it) | Self::Deleted(it) | Self::Unmatched(it) => it.share(shared),
            Self::Vanished(_) | Self::Noted(_) => {}
        }
    }
}

impl Shared {
    /// The same name, held once.
    pub fn name(&mut self, name: &mut Option<Arc<str>>) {
        name.iter_mut().for_each(|name| self.names.share(name));
    }

    /// A workload with what is held once.
    pub fn workload(&mut self, workload: &mut Workload) {
        self.name(&mut workload.meta.namespace);
        self.shapes.share(&mut workload.spec.paths);
    }

    /// The same containers.
    pub fn containers(&mut self, containers: &mut Arc<[KnownContainer]>) {
        self.containers.share(containers);
    }
}

impl<T: Eq + Hash + ?Sized> Once<T> {
    /// Puts the known value in the place of an equal one.
    fn share(&mut self, value: &mut Arc<T>) {
        if let Some(known) = self.known.get(value) {
            *value = Arc::clone(known);
            return;
        }
        if self.room.is_short(self.known.len()) {
            self.known.retain(|it| Arc::strong_count(it) > 1);
        }
        if self.room.is_any(self.known.len()) {
            self.known.insert(Arc::clone(value));
        }
    }
}
