//! Files and standard input, packed or not.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

/// The first byte of a gzip stream; no line of a recording begins with it.
const GZIP: u8 = 0x1f;

const BUFFER: usize = 128 << 10;

/// A recording that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {name}")]
pub struct OpenFailed {
    /// The file as it was named.
    pub name: String,
    /// Why.
    #[source]
    pub error: io::Error,
}

/// An open recording.
pub struct Input {
    /// The file as it was named, `standard input` for `-`.
    pub name: String,
    /// Its length in bytes as it lies on disk; `None` for what is no regular file.
    pub size: Option<u64>,
    /// How many of those bytes were read so far.
    pub position: Rc<Cell<u64>>,
    /// Whether it is a gzip stream.
    pub is_packed: bool,
    /// What it says, unpacked.
    pub stream: Box<dyn BufRead>,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Input {
    /// Opens a file, or standard input for `-`. gzip is recognised by what it says, not by name,
    /// and may have several members.
    ///
    /// # Errors
    /// When the file cannot be opened or its first bytes cannot be read.
    pub fn open(path: &Path) -> Result<Self, OpenFailed> {
        if path.as_os_str() == "-" {
            return Self::read("standard input".to_owned(), None, io::stdin());
        }
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| {
            let about = file.metadata()?;
            Ok((about.is_file().then_some(about.len()), file))
        });
        match opened {
            Ok((size, file)) => Self::read(name, size, file),
            Err(error) => Err(OpenFailed { name, error }),
        }
    }

    /// How it begins; empty where it cannot be read.
    pub fn start(&mut self) -> &[u8] {
        self.stream.fill_buf().unwrap_or_default()
    }

    /// Reads `bytes` under that name.
    ///
    /// # Errors
    /// When the first bytes cannot be read.
    pub fn read(
        name: String,
        size: Option<u64>,
        bytes: impl Read + 'static,
    ) -> Result<Self, OpenFailed> {
        let position = Rc::new(Cell::new(0));
        let counted = Counted { bytes, position: Rc::clone(&position) };
        let mut plain = BufReader::with_capacity(BUFFER, counted);
        let is_packed = match plain.fill_buf() {
            Ok(start) => start.first() == Some(&GZIP),
            Err(error) => return Err(OpenFailed { name, error }),
        };
        let stream: Box<dyn BufRead> = if is_packed {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain)))
        } else {
            Box::new(plain)
        };
        Ok(Self { name, size, position, is_packed, stream })
    }
}

struct Counted<R> {
    bytes: R,
    position: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.read(into)?;
        let n_bytes = u64::try_from(n).unwrap_or(u64::MAX);
        self.position.set(self.position.get().saturating_add(n_bytes));
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn all(bytes: Vec<u8>) -> (String, io::Result<usize>) {
        let mut input = Input::read("x".to_owned(), None, io::Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        let mut buffer = Vec::new();
        let end = input.stream.read_to_end(&mut buffer);
        text.push_str(&String::from_utf8_lossy(&buffer));
        (text, end)
    }

    #[test]
    fn gzip_is_told_from_text_by_its_first_byte_and_may_have_several_members() {
        assert_eq!(all(b"text".to_vec()).0, "text");
        assert_eq!(all([packed("one\n"), packed("two\n")].concat()).0, "one\ntwo\n");
        assert_eq!(all(Vec::new()).0, "");
    }

    #[test]
    fn what_stands_before_the_cut_of_a_gzip_stream_is_read() {
        let text: String = (0..2_000_u32).map(|n| format!("{}\n", n.wrapping_mul(n))).collect();
        let mut bytes = packed(&text);
        bytes.truncate(bytes.len() / 2);
        let (read, end) = all(bytes);
        assert!(!read.is_empty() && text.starts_with(&read));
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
