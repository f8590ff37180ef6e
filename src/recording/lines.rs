//! Lines of bounded length out of a stream of any length.

use std::io::{self, BufRead};

/// The longest line that is read, in bytes. The API server refuses objects over 1.5 MiB, so that
/// a longer line is no line of a recording; it costs no memory beyond this.
pub const MAX_LINE: usize = 16 << 20;

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the next line is.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<'a> {
    /// A line, without its end.
    Line {
        /// What stands in it.
        bytes: &'a [u8],
        /// Whether a line feed followed; without one the stream ended here.
        is_ended: bool,
    },
    /// A line that was passed over because it is longer than [`MAX_LINE`].
    TooLong,
}

/// Takes a stream apart into lines.
#[derive(Debug)]
pub struct Lines<R> {
    stream: R,
    line: Vec<u8>,
    limit: usize,
    /// Lines taken so far, so the number of the one taken last, from 1.
    pub number: u64,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `stream`, each at most `limit` bytes long.
    pub fn new(stream: R, limit: usize) -> Self {
        Self { stream, line: Vec::new(), limit, number: 0 }
    }

    /// The next line, or `None` at the end of the stream.
    ///
    /// # Errors
    /// When the stream cannot be read on. What was read of the line by then is dropped.
    pub fn take(&mut self) -> io::Result<Option<Taken<'_>>> {
        self.line.clear();
        let mut is_too_long = false;
        let mut is_ended = false;
        let mut has_begun = false;
        while !is_ended {
            let buffer = match self.stream.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.number += u64::from(has_begun);
                    return Err(error);
                }
            };
            if buffer.is_empty() {
                break;
            }
            has_begun = true;
            let feed = buffer.iter().position(|&byte| byte == b'\n');
            let used = feed.map_or(buffer.len(), |feed| feed + 1);
            let part = buffer.get(..feed.unwrap_or(used)).unwrap_or_default();
            if is_too_long || self.line.len() + part.len() > self.limit {
                is_too_long = true;
            } else {
                self.line.extend_from_slice(part);
            }
            is_ended = feed.is_some();
            self.stream.consume(used);
        }
        if !has_begun {
            return Ok(None);
        }
        self.number += 1;
        if is_too_long {
            self.line = Vec::new();
            return Ok(Some(Taken::TooLong));
        }
        let bytes = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        // Editors of Windows begin a file with it.
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        Ok(Some(Taken::Line { bytes, is_ended }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn told(text: &str, limit: usize) -> Vec<String> {
        let mut lines = Lines::new(BufReader::with_capacity(3, text.as_bytes()), limit);
        let mut told = Vec::new();
        while let Some(taken) = lines.take().unwrap() {
            told.push(match taken {
                Taken::Line { bytes, is_ended } => {
                    format!("{}{}", String::from_utf8_lossy(bytes), if is_ended { "" } else { "$" })
                }
                Taken::TooLong => "too long".to_owned(),
            });
        }
        assert_eq!(lines.number, u64::try_from(told.len()).unwrap());
        told
    }

    #[test]
    fn a_line_ends_at_its_feed_or_with_the_stream() {
        assert_eq!(told("one\ntwo\r\n\nthree", 99), ["one", "two", "", "three$"]);
        assert_eq!(told("", 99), [""; 0]);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_line() {
        assert_eq!(told("\u{feff}one\ntwo\n", 99), ["one", "two"]);
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over_and_the_next_one_read() {
        assert_eq!(told("12345678\n1234567\n1", 7), ["too long", "1234567", "1$"]);
    }
}
