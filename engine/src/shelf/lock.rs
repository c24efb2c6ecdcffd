//! The lock that lets one process at a time fetch a content.
//!
//! The thread that fetches, which may be stopped while it waits. The same lock files, locked in the
//! same way (`flock`), as the hub's Python library uses.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Held until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "closing the file is what it is for")] File);

impl Lock {
    /// The lock, or `None` when somebody else has it.
    pub(super) fn take(path: &Path) -> io::Result<Option<Self>> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            // Somebody may have deleted it between the two: then others lock another file.
            Ok(()) => Ok(is_at(&file, path).then_some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            // A file system without locks: the checksums still hold.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(Some(Self(file)))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether somebody holds it.
    pub(super) fn is_held(path: &Path) -> bool {
        let Ok(file) = File::open(path) else {
            return false;
        };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let facts = (file.metadata(), std::fs::metadata(path));
    matches!(facts, (Ok(ours), Ok(there)) if (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.lock");
        assert!(!Lock::is_held(&path));
        let lock = Lock::take(&path).unwrap();
        assert!(lock.is_some() && Lock::is_held(&path));
        assert!(Lock::take(&path).unwrap().is_none());
        drop(lock);
        assert!(!Lock::is_held(&path));
        assert!(Lock::take(&path).unwrap().is_some());
    }
}
