//! What leaves a tree: a transition that has closed, with all that its spans tell of, and the end
//! of a Pod whose transition has left without it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::pod::{Debugger, Pod};
use super::transition::{Closing, Transition};
use crate::facts::kind::Kind;
use crate::facts::meta::{Owner, Uid};
use crate::facts::span::ObjectRef;
use crate::facts::stamp::Stamp;

/// What has ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// A transition, with everything below it that has ended.
    Transition(Box<Closed>),
    /// A Pod is gone whose transition had left before.
    Pod(Box<Departed>),
    /// An ephemeral container has ended whose transition had left before.
    Debugger(Box<Departed>, Box<Debugger>),
}

/// A transition that has closed. Nothing of it changes any more.
#[derive(Clone, Debug)]
pub struct Closed {
    /// The tree that it was of, as it was then.
    pub tree: Portrait,
    /// The transition.
    pub transition: Transition,
    /// How it was closed.
    pub closing: Closing,
    /// Every Pod with facts of it, those that are gone too.
    pub pods: BTreeMap<Uid, Arc<Pod>>,
    /// The workloads below the topmost one.
    pub workloads: BTreeMap<Uid, Below>,
    /// Trace contexts on the topmost workload.
    pub stamps: Arc<[Stamp]>,
    /// Why the topmost workload cannot get its Pods: reason and message.
    pub refused: Option<(Box<str>, Box<str>)>,
}

/// A Pod that is gone after its transition had left.
#[derive(Clone, Debug)]
pub struct Departed {
    /// Its uid.
    pub uid: Uid,
    /// What happened to it.
    pub pod: Pod,
    /// The workload it belonged to, where that is still known.
    pub owner: Option<(Uid, Below)>,
}

/// What every span says of the tree that it is of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Portrait {
    /// The topmost object.
    pub top: ObjectRef,
    /// What it says its service is.
    pub service: Option<Box<str>>,
    /// The owner that is not part of the tree.
    pub owner: Option<Box<Owner>>,
    /// That owner is of a kind that is watched, and yet unknown.
    pub is_owner_missing: bool,
}

/// A workload below the topmost one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Arc<str>,
    /// The workload above it.
    pub owner: Uid,
    /// It tells of the queue that this waits in, and has no span of its own.
    pub is_queue: bool,
}
