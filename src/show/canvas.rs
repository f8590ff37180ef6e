//! A line of styled characters that is written in any order.

/// An SGR parameter; empty for none.
pub(super) type Style = &'static str;

pub(super) const PLAIN: Style = "";
pub(super) const BOLD: Style = "1";
pub(super) const DIM: Style = "2";
pub(super) const RED: Style = "31";
pub(super) const GREEN: Style = "32";
pub(super) const YELLOW: Style = "33";
pub(super) const BLUE: Style = "34";
pub(super) const MAGENTA: Style = "35";
pub(super) const CYAN: Style = "36";

/// One line. Each character takes one cell: what is put must have passed [`super::clean`].
#[derive(Clone, Debug, Default)]
pub(super) struct Canvas(Vec<(char, Style)>);

impl Canvas {
    /// How long the line is.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Writes `text` from `column` on, over what stands there.
    pub(super) fn put(&mut self, column: usize, text: &str, style: Style) {
        for (at, character) in (column..).zip(text.chars()) {
            self.set(at, character, style);
        }
    }

    /// Writes `text` at the end.
    pub(super) fn push(&mut self, text: &str, style: Style) {
        self.put(self.len(), text, style);
    }

    /// Writes one character.
    pub(super) fn set(&mut self, column: usize, character: char, style: Style) {
        if column >= self.0.len() {
            self.0.resize(column + 1, (' ', PLAIN));
        }
        if let Some(cell) = self.0.get_mut(column) {
            *cell = (character, style);
        }
    }

    /// Appends the line to `text`, without spaces at its end, with the fewest escapes.
    pub(super) fn print(&self, has_color: bool, text: &mut String) {
        let used = self.0.iter().rposition(|&(c, _)| c != ' ').map_or(0, |last| last + 1);
        let mut now = PLAIN;
        for &(character, style) in self.0.iter().take(used) {
            if has_color && style != now && (character != ' ' || style == PLAIN) {
                text.push_str("\x1b[0");
                if !style.is_empty() {
                    text.push(';');
                    text.push_str(style);
                }
                text.push('m');
                now = style;
            }
            text.push(character);
        }
        if now != PLAIN {
            text.push_str("\x1b[0m");
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_as_few_escapes_as_it_can_and_none_without_color() {
        let mut line = Canvas::default();
        line.put(2, "ab", RED);
        line.push("c ", RED);
        line.put(8, "d", PLAIN);
        line.push("   ", PLAIN);
        let mut text = String::new();
        line.print(false, &mut text);
        line.print(true, &mut text);
        assert_eq!(text, "  abc   d\n  \x1b[0;31mabc \x1b[0m  d\n");
    }
}
