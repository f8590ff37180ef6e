//! Rules of the core, one test each: a small script in, span trees out.

mod below;
mod context;
mod identity;
mod list;
mod objects;
mod order;
mod pods;
mod rules;
mod script;
mod time;
mod transitions;
mod tree;
mod workloads;
