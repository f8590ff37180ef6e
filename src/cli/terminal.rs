//! What is known of the terminal, found out once.

use std::env;
use std::io::{IsTerminal as _, stderr, stdout};

use crate::show::Look;

/// Where output goes.
#[derive(Clone, Debug)]
pub struct Terminal {
    /// Standard output is read by a person.
    pub is_output_terminal: bool,
    /// Standard error is read by a person.
    pub is_error_terminal: bool,
    /// Columns, where known.
    pub columns: Option<usize>,
    /// The environment does not speak against colours (`NO_COLOR`, `TERM=dumb`).
    pub wants_color: bool,
    /// The environment does not speak against UTF-8 (`LC_ALL`, `LC_CTYPE`, `LANG`).
    pub has_unicode: bool,
}

impl Terminal {
    /// Asks the terminal and the environment.
    #[must_use]
    pub fn detect() -> Self {
        let text = |key| env::var(key).ok().filter(|value| !value.is_empty());
        let size = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let columns = text("COLUMNS").and_then(|columns| columns.parse().ok());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(text);
        Self {
            is_output_terminal: stdout().is_terminal(),
            is_error_terminal: stderr().is_terminal(),
            columns: columns.or(size),
            wants_color: text("NO_COLOR").is_none()
                && text("TERM").is_none_or(|term| term != "dumb"),
            has_unicode: locale.is_none_or(|locale| {
                let locale = locale.to_lowercase();
                locale.contains("utf-8") || locale.contains("utf8")
            }),
        }
    }

    /// How wide standard error is, if a person reads it.
    pub(super) fn error_columns(&self) -> Option<usize> {
        self.is_error_terminal.then_some(self.columns.unwrap_or(80))
    }

    /// How a waterfall looks there. What no person reads looks the same everywhere.
    #[must_use]
    pub(super) fn look(&self) -> Look {
        if !self.is_output_terminal {
            return Look::PLAIN;
        }
        Look {
            width: self.columns.unwrap_or(Look::PLAIN.width),
            has_color: self.wants_color,
            has_unicode: self.has_unicode,
        }
    }
}
