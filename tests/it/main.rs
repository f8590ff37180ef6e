//! The one integration binary.

mod aged;
mod away;
mod cli;
mod clocks;
mod config;
mod configuration;
mod configured;
mod delivery;
mod deploy;
mod driver;
mod ends;
mod export;
mod golden;
mod kubectl;
mod pipeline;
mod properties;
mod record;
mod recordings;
mod scenarios;
mod service;
mod stamp;
mod support;
mod tidy;
mod watch;
mod webhook;
