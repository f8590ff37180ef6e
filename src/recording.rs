//! A recording as lanes: what list and watch said, read back from a file.
//!
//! A recording is one JSON object a line, in the order of arrival:
//!
//! ```json
//! {"at":"2026-11-20T11:10:37.857296Z","resource":"pods","type":"ADDED","object":{}}
//! ```
//!
//! Its time is the `at` of its lines. Reading is apart from the core because it is where damage
//! arrives: cut files, foreign files, single bad objects. Each is told with its place, and the
//! rest is still read.

mod doubt;
mod essence;
mod import;
mod input;
mod line;
mod lines;
mod player;
mod redact;
mod writer;

pub use doubt::Reason;
pub use import::Format;
pub use input::{Input, OpenFailed};
pub use line::{Line, LineError};
pub use lines::{Lines, MAX_LINE, Taken};
pub use player::{Imported, Player, Tally};
pub use redact::Redaction;
pub use writer::{ForRecording, Written};
