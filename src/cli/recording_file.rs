//! The file of a recording: written beside its place, and put there when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Where a recording is written to.
pub(super) enum Sink<'a> {
    /// Standard output.
    Out(&'a mut dyn Write),
    /// A file.
    File(RecordingFile),
}

/// A file that is not in its place yet.
pub(super) struct RecordingFile {
    to: Writer,
    part: PathBuf,
    path: PathBuf,
}

enum Writer {
    Plain(BufWriter<File>),
    Packed(GzEncoder<BufWriter<File>>),
}

/// Why `path` may not be written, if something stands there.
pub(super) fn refused(path: &Path, may_overwrite: bool) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    let path = path.display();
    if !found.is_file() {
        return Some(format!("{path} is no file: without --output standard output is written to"));
    }
    (found.len() > 0 && !may_overwrite)
        .then(|| format!("{path} is not empty: --force writes over it"))
}

impl RecordingFile {
    /// Begins to write beside `path`; gzipped if that ends in `.gz`.
    ///
    /// # Errors
    /// It cannot be written there.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        let file = BufWriter::new(File::create(&part)?);
        let to = if path.extension().is_some_and(|it| it == "gz") {
            Writer::Packed(GzEncoder::new(file, Compression::default()))
        } else {
            Writer::Plain(file)
        };
        Ok(Self { to, part, path: path.to_owned() })
    }
}

impl Sink<'_> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Out(out) => out.write_all(bytes),
            Self::File(RecordingFile { to: Writer::Plain(to), .. }) => to.write_all(bytes),
            Self::File(RecordingFile { to: Writer::Packed(to), .. }) => to.write_all(bytes),
        }
    }

    /// What was written so far can be read, whatever comes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Out(out) => out.flush(),
            Self::File(RecordingFile { to: Writer::Plain(to), .. }) => to.flush(),
            Self::File(RecordingFile { to: Writer::Packed(to), .. }) => to.flush(),
        }
    }

    /// It is whole, and stands in its place from now on.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::Out(out) => out.flush(),
            Self::File(RecordingFile { to, part, path }) => {
                let file = match to {
                    Writer::Plain(to) => to,
                    Writer::Packed(to) => to.finish()?,
                };
                file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
                fs::rename(part, path)
            }
        }
    }
}

/// `512 B`, `1.2 MB`
pub(super) fn size(n_bytes: u64) -> String {
    match n_bytes {
        0..1_000 => format!("{n_bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", n_bytes / 1_000, n_bytes % 1_000 / 100),
        _ => format!("{}.{} MB", n_bytes / 1_000_000, n_bytes % 1_000_000 / 100_000),
    }
}
