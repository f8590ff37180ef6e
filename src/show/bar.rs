//! A span as a bar.

use std::ops::Range;

use crate::facts::span::Shown;

use super::Look;
use super::axis::{Axis, EIGHTHS};
use super::canvas::{BOLD, Canvas, DIM};
use super::rows::{Row, Tree};

/// Cells that are filled from the left, by eighths.
const FROM_LEFT: [char; EIGHTHS + 1] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// Puts the bar of `row` into `line`, from column `from` on; returns which cells of the axis it
/// takes.
pub(super) fn put(
    line: &mut Canvas,
    row: &Row<'_>,
    tree: &Tree<'_>,
    from: usize,
    axis: &Axis,
    look: Look,
) -> Range<usize> {
    // Where the root ends before the axis does: what goes on behind it is told apart.
    let root_end = axis.eighths(tree.root().end).div_ceil(EIGHTHS);
    if root_end < axis.width && tree.root().outcome != Some(Shown::InProgress) {
        line.set(from + root_end, if look.has_unicode { '┊' } else { ':' }, DIM);
    }
    let all = axis.width * EIGHTHS;
    let start = axis.eighths(row.span.start).min(all - 1);
    let end = axis.eighths(row.span.end).clamp(start + 1, all);
    let cells = start / EIGHTHS..end.div_ceil(EIGHTHS);
    let style = row.bar_style();
    for cell in cells.clone() {
        let left = start.saturating_sub(cell * EIGHTHS).min(EIGHTHS);
        let right = end.saturating_sub(cell * EIGHTHS).min(EIGHTHS);
        let glyph = if row.is_ending() {
            if look.has_unicode { '░' } else { '-' }
        } else if look.has_unicode {
            filled(left, right)
        } else {
            '='
        };
        line.set(from + cell, glyph, style);
    }
    if row.is_open {
        let last = cells.end.saturating_sub(1);
        line.set(from + last, if look.has_unicode { '▶' } else { '>' }, style);
    }
    for at in row.marks() {
        let cell = (axis.eighths(at) / EIGHTHS).min(axis.width - 1);
        line.set(from + cell, if look.has_unicode { '◆' } else { '*' }, BOLD);
    }
    cells
}

/// The character that comes closest to a cell filled from `left` to `right`, in eighths. Only
/// fillings from the left come in all sizes.
fn filled(left: usize, right: usize) -> char {
    let half = EIGHTHS / 2;
    match (left, right) {
        (0, right) => FROM_LEFT.get(right).copied().unwrap_or('█'),
        (0..=2, EIGHTHS..) => '█',
        (3..=5, EIGHTHS..) => '▐',
        (_, EIGHTHS..) => '▕',
        (left, right) if right - left <= 2 && left >= half => '▕',
        (left, right) if right - left <= 2 => '▏',
        (left, right) if left + right > EIGHTHS => '▐',
        _ => '▌',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_filled_as_closely_as_characters_allow() {
        let told: String = [(0, 8), (0, 1), (0, 5), (2, 8), (4, 8), (7, 8), (1, 2), (5, 6), (1, 5)]
            .map(|(left, right)| filled(left, right))
            .into_iter()
            .collect();
        assert_eq!(told, "█▏▋█▐▕▏▕▌");
    }
}
