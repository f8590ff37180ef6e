//! Reads files of lines that have a time side by side, so that all of them together tell in order.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use super::window::{Timed, Window};
use super::{Place, Told};
use crate::recording::doubt::{Damage, Doubt, Reason};
use crate::recording::input::Input;
use crate::recording::lines::{Lines, MAX_LINE, Taken};
use crate::report::Report;

/// Understands the lines of one format.
pub(in crate::recording) trait Reader {
    /// What a line says.
    type What;

    /// What a file is, in a sentence.
    const NAME: &'static str;

    /// What stands in a line, in no order.
    ///
    /// # Errors
    /// Tells what was expected.
    fn line(&mut self, line: &[u8], place: Place) -> Result<Vec<Timed<Self::What>>, String>;

    /// What an entry means; entries come in the order in which they were written.
    fn tell(&mut self, entry: Timed<Self::What>, out: &mut Vec<Told>);

    /// There are no more entries.
    fn finish(&mut self, out: &mut Vec<Told>);

    /// What could not be known, and what was left out.
    fn unknown(&self) -> Vec<String>;
}

/// Files of one format.
pub(in crate::recording) struct Gather<R: Reader> {
    pub(in crate::recording) reader: R,
    files: Vec<File<R::What>>,
    window: Window<R::What>,
    /// Lines that were read.
    pub(in crate::recording) n_lines: u64,
}

struct File<T> {
    name: String,
    is_packed: bool,
    lines: Lines<Box<dyn BufRead>>,
    waiting: VecDeque<Timed<T>>,
    doubt: Doubt,
    damage: Option<Damage>,
    is_at_end: bool,
}

impl<R: Reader> Gather<R> {
    pub(in crate::recording) fn new(reader: R, inputs: Vec<Input>) -> Self {
        let files = inputs.into_iter().map(|Input { name, is_packed, stream, .. }| File {
            name,
            is_packed,
            lines: Lines::new(stream, MAX_LINE),
            waiting: VecDeque::new(),
            doubt: Doubt::of(R::NAME),
            damage: None,
            is_at_end: false,
        });
        Self { reader, files: files.collect(), window: Window::default(), n_lines: 0 }
    }

    /// The names of the files.
    pub(in crate::recording) fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| file.name.clone()).collect()
    }

    /// Reads on until something is told; nothing is told at the end.
    ///
    /// # Errors
    /// What `report` returns.
    pub(in crate::recording) fn next(&mut self, report: &mut Report<'_>) -> io::Result<Vec<Told>> {
        let mut out = Vec::new();
        while out.is_empty() {
            for (at, file) in self.files.iter_mut().enumerate() {
                while file.waiting.is_empty() && !file.is_at_end {
                    self.n_lines += u64::from(file.read_on(at, &mut self.reader, report)?);
                }
            }
            let times =
                self.files.iter_mut().filter_map(|file| Some((file.waiting.front()?.at.at, file)));
            let Some((_, earliest)) = times.min_by_key(|(at, _)| *at) else {
                while let Some(entry) = self.window.take(true) {
                    self.reader.tell(entry, &mut out);
                }
                self.reader.finish(&mut out);
                break;
            };
            for entry in earliest.waiting.drain(..) {
                if let Some(back) = self.window.too_late(entry.at.at) {
                    let (name, number) = (&earliest.name, entry.place.number);
                    let text = format!(
                        "{name}:{number}: its time is {back} before an earlier line: expected lines in order of time"
                    );
                    report.problem(Reason::BackInTime.name(), &text)?;
                }
                self.window.put(entry);
            }
            while let Some(entry) = self.window.take(false) {
                self.reader.tell(entry, &mut out);
            }
        }
        Ok(out)
    }

    /// What the files were like: whether all, and whether any, could be used.
    pub(in crate::recording) fn usable(&self) -> (bool, bool) {
        let mut usable = self.files.iter().map(|file| file.doubt.has_usable);
        (usable.clone().all(|it| it), usable.any(|it| it))
    }
}

impl<T> File<T> {
    /// Reads a line; returns whether there was one.
    fn read_on<R: Reader<What = T>>(
        &mut self,
        at: usize,
        reader: &mut R,
        report: &mut Report<'_>,
    ) -> io::Result<bool> {
        let number = self.lines.number + 1;
        let (bytes, is_ended) = match self.lines.take() {
            Ok(Some(Taken::Line { bytes, .. })) if bytes.trim_ascii().is_empty() => {
                return Ok(false);
            }
            Ok(Some(Taken::Line { bytes, is_ended })) => (bytes, is_ended),
            Ok(Some(Taken::TooLong)) => (&[][..], true),
            Ok(None) => return self.end(report).map(|()| false),
            Err(error) => {
                self.damage = Some(Damage::of_stream(self.is_packed, &error));
                return self.end(report).map(|()| false);
            }
        };
        let place = Place { file: at, number };
        match reader.line(bytes, place) {
            Ok(entries) => {
                self.doubt.relieve(&self.name, report)?;
                self.waiting.extend(entries);
            }
            Err(_) if !is_ended && self.doubt.has_usable => {
                self.damage = Some(Damage::of_line(number));
            }
            Err(why) => {
                let why = if bytes.is_empty() { Damage::too_long() } else { why };
                self.doubt.bad_line(&self.name, number, why, report)?;
                if self.doubt.is_something_else() {
                    self.end(report)?;
                }
            }
        }
        Ok(true)
    }

    fn end(&mut self, report: &mut Report<'_>) -> io::Result<()> {
        self.is_at_end = true;
        self.doubt.tell_end(&self.name, self.damage.as_ref(), report)
    }
}
