//! Where a store stands: a file of a directory, or what takes its place.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::Settings;

/// The one file of a store.
pub(super) const NAME: &str = "lifespan.store";

/// What the name of the file ends in that keeps room.
const RESERVE: &str = ".reserve";

/// So many bytes: more than it takes to let go of what was sent.
const RESERVED: usize = 1 << 20;

/// Where a store stands.
pub trait Disk: fmt::Debug + Send + Sync {
    /// As messages name it.
    fn name(&self) -> String;

    /// How many bytes it has.
    fn size(&self) -> u64;

    /// Whether what is written is written through to it.
    fn syncs(&self) -> bool {
        true
    }

    /// Its bytes, to read and write; they are made if there are none.
    ///
    /// # Errors
    /// Why they cannot be.
    fn open(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// New bytes that may take their place, and do not yet.
    ///
    /// # Errors
    /// Why they cannot be made.
    fn fresh(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// Lets those of `fresh` take their place. At no moment is there nothing.
    ///
    /// # Errors
    /// Why they cannot.
    fn replace(&self) -> io::Result<()>;

    /// The same, and the bytes that were there stand aside from then on, under a name that ends in
    /// `suffix`, which is returned.
    ///
    /// # Errors
    /// Why they cannot.
    fn set_aside(&self, suffix: &str) -> io::Result<String>;

    /// Keeps room for when there is none; what is kept already stays.
    ///
    /// # Errors
    /// Why there is none.
    fn reserve(&self) -> io::Result<()>;

    /// Gives that room back; whether there was any.
    fn release(&self) -> bool;

    /// New bytes that stand aside under a name that ends in `suffix`.
    ///
    /// # Errors
    /// Why they cannot be made.
    fn aside(&self, suffix: &str) -> io::Result<(String, Box<dyn StorageBackend>)>;
}

/// The file of a directory.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    path: PathBuf,
    syncs: bool,
}

impl Directory {
    /// Makes the directory if it shall be made.
    pub(super) fn new(settings: &Settings) -> io::Result<Self> {
        let directory = &settings.directory;
        if settings.create_directory && !directory.exists() {
            let mode = settings.directory_permissions;
            fs::DirBuilder::new().recursive(true).mode(mode).create(directory)?;
        }
        if !fs::metadata(directory)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path: directory.join(NAME), syncs: settings.fsync })
    }

    fn at(&self, path: PathBuf) -> io::Result<Box<dyn StorageBackend>> {
        let mut options = OpenOptions::new();
        // What stands there names objects of the cluster: it is nobody else's.
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = FileBackend::new(file.open(path)?).map_err(io::Error::other)?;
        self.sync_directory()?;
        Ok(Box::new(file))
    }

    /// A name that was made or changed is so after a loss of power too.
    fn sync_directory(&self) -> io::Result<()> {
        match self.path.parent().filter(|_| self.syncs) {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }

    fn named(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }
}

impl Disk for Directory {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn size(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |of| of.len())
    }

    fn syncs(&self) -> bool {
        self.syncs
    }

    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        self.at(self.path.clone())
    }

    fn fresh(&self) -> io::Result<Box<dyn StorageBackend>> {
        let path = self.named(".new");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => self.at(path),
        }
    }

    fn replace(&self) -> io::Result<()> {
        fs::rename(self.named(".new"), &self.path)?;
        self.sync_directory()
    }

    fn set_aside(&self, suffix: &str) -> io::Result<String> {
        let to = self.named(suffix);
        linked(&self.path, &to, |from, to| fs::hard_link(from, to))?;
        self.replace()?;
        Ok(to.display().to_string())
    }

    fn reserve(&self) -> io::Result<()> {
        let path = self.named(RESERVE);
        if fs::metadata(&path).is_ok_and(|of| of.len() == RESERVED as u64) {
            return Ok(());
        }
        // What is only zeros might take none.
        let written = fs::write(&path, vec![b'-'; RESERVED]);
        written.inspect_err(|_| drop(fs::remove_file(&path)))
    }

    fn release(&self) -> bool {
        fs::remove_file(self.named(RESERVE)).is_ok()
    }

    fn aside(&self, suffix: &str) -> io::Result<(String, Box<dyn StorageBackend>)> {
        let path = self.named(suffix);
        Ok((path.display().to_string(), self.at(path)?))
    }
}

/// Gives a file a second name; where the file system has none (some of networks and of SD cards), a copy
/// has it.
fn linked(
    from: &Path,
    to: &Path,
    link: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    match link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) => {
            fs::copy(from, to)?;
            File::open(to)?.sync_all()
        }
        Ok(()) => Ok(()),
    }
}

/// What a disk gave, as redb takes it. Locks are delegated too, or there would be none.
#[derive(Debug)]
pub(super) struct Bytes {
    pub(super) of: Box<dyn StorageBackend>,
    /// Whether they are written through to the disk when redb asks for it.
    pub(super) syncs: bool,
    /// Whether that has failed.
    pub(super) is_doubtful: Arc<AtomicBool>,
}

impl StorageBackend for Bytes {
    fn len(&self) -> io::Result<u64> {
        self.of.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.of.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.of.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if !self.syncs {
            return Ok(());
        }
        self.of.sync_data().inspect_err(|_| self.is_doubtful.store(true, Ordering::Relaxed))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.of.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.of.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.of.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.of.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.of.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.of.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.of.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.of.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_are_no_hard_links_what_is_set_aside_is_a_copy() {
        let at = std::env::temp_dir().join(format!("lifespan-links-{}", std::process::id()));
        fs::create_dir_all(&at).unwrap();
        let settings = Settings {
            directory: at.clone(),
            create_directory: false,
            directory_permissions: 0o750,
            timeout: std::time::Duration::ZERO,
            fsync: true,
            recreate: true,
        };
        let directory = Directory::new(&settings).unwrap();
        fs::write(&directory.path, "old").unwrap();
        let none = |_: &Path, _: &Path| Err(io::ErrorKind::Unsupported.into());
        let to = directory.named(".damaged");
        linked(&directory.path, &to, none).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"old");
        // What stands aside is not written over.
        let there = |_: &Path, _: &Path| Err(io::ErrorKind::AlreadyExists.into());
        fs::write(&directory.path, "another").unwrap();
        linked(&directory.path, &to, there).unwrap_err();
        assert_eq!(fs::read(&to).unwrap(), b"old");
        fs::remove_dir_all(at).unwrap();
    }
}
