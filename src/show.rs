//! The waterfall: a trace as a person reads it in a terminal.
//!
//! Rendering is pure: spans and a [`Look`] in, text out. All spans of a trace share one axis of
//! time; it runs past the root's end where a `terminate Pod` outlives its transition.

mod axis;
mod bar;
mod canvas;
mod header;
mod rows;
mod text;

use crate::facts::span::{Shown, ShownSpan};

use axis::Axis;
use canvas::{Canvas, DIM, PLAIN};
use rows::{Row, Tree};

/// How text may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns to fill; fewer than [`Look::NARROWEST`] are not used.
    pub width: usize,
    /// Whether ANSI colours may be written.
    pub has_color: bool,
    /// Whether box and block characters may be written, or only ASCII.
    pub has_unicode: bool,
}

impl Look {
    /// What is written where nobody looks: the same text on every machine.
    pub const PLAIN: Self = Self { width: 100, has_color: false, has_unicode: true };

    /// The narrowest waterfall.
    pub const NARROWEST: usize = 40;
}

/// Columns of the duration, with the space before it.
const DURATION: usize = 8;

/// Draws the spans of one trace, in any order. Those that go on have an open end.
#[must_use]
pub fn waterfall(spans: &[ShownSpan], look: Look) -> String {
    let mut text = String::new();
    let Some(mut tree) = Tree::of(spans) else { return text };
    let width = look.width.max(Look::NARROWEST);
    for line in header::lines(&tree, look, width) {
        line.print(look.has_color, &mut text);
    }
    let names = tree.names(width);
    let bars = Columns { from: names + 1, width: width - names - 1 - DURATION };
    let axis = Axis::of(spans, bars.width);
    let mut scale = Canvas::default();
    for (column, label) in axis.labels() {
        scale.put(bars.from + column, &label, DIM);
    }
    scale.print(look.has_color, &mut text);
    for row in &tree.rows {
        draw(row, &tree, names, bars, &axis, look, &mut text);
    }
    for line in header::footer(&tree, look, width) {
        line.print(look.has_color, &mut text);
    }
    text
}

/// Where the bars stand.
#[derive(Clone, Copy)]
struct Columns {
    from: usize,
    width: usize,
}

fn draw(
    row: &Row<'_>,
    tree: &Tree<'_>,
    names: usize,
    bars: Columns,
    axis: &Axis,
    look: Look,
    text: &mut String,
) {
    let mut line = Canvas::default();
    row.put_name(&mut line, tree.are_names_short, names, look);
    let taken = bar::put(&mut line, row, tree, bars.from, axis, look);
    let duration = row.span.end.since(row.span.start).to_string();
    let at = (bars.from + bars.width + DURATION).saturating_sub(duration.chars().count());
    line.put(at, &duration, PLAIN);
    let notes = row.notes();
    let note = text::fit(&notes, bars.width, look.has_unicode);
    let length = note.chars().count();
    let style = row.note_style();
    // The note stands where the bar leaves room: after it, before it, or below.
    let after = taken.end + 1;
    if length == 0 {
        line.print(look.has_color, text);
        return;
    }
    if after + length <= bars.width {
        line.put(bars.from + after, &note, style);
    } else if length < taken.start {
        line.put(bars.from + taken.start - 1 - length, &note, style);
    } else if row.span.error.is_some() || row.span.outcome != Some(Shown::InProgress) {
        let mut below = Canvas::default();
        row.put_stems(&mut below, look);
        below.put(bars.from + bars.width - length, &note, style);
        line.print(look.has_color, text);
        line = below;
    }
    line.print(look.has_color, text);
}

#[cfg(test)]
mod tests;
