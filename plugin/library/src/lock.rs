//! The lock that everyone takes around everything they do with the index.
//!
//! Any thread but the audio thread.
//!
//! SQLite's own locks are not enough here. A host may load the CLAP and the VST3 of Barline into one
//! process: two copies of SQLite on one file, and POSIX locks, which it uses, neither keep two
//! copies in one process apart nor survive the closing of the file by either of them. Its WAL
//! mode would even cut off memory that the other copy has mapped. This lock belongs to the open
//! file, not to the process, so it holds between all of them; the index has a rollback journal,
//! which keeps nothing in shared memory and nothing open from one piece of work to the next.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(1);

/// A file to lock.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
}

impl LockFile {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        let mut options = OpenOptions::new();
        // Locks need no right to write, and a library that can't be written can still be read.
        let file = match options.write(true).create(true).truncate(false).open(path) {
            Err(error) if path.exists() => File::open(path).map_err(|_| error)?,
            other => other?,
        };
        Ok(Self { file })
    }

    /// Takes the lock alone; nothing when others have it for all of that time.
    pub(crate) fn alone(&self, time: Duration) -> Option<Held<'_>> {
        self.wait(time, || self.file.try_lock())
    }

    /// Takes the lock together with others.
    pub(crate) fn shared(&self, time: Duration) -> Option<Held<'_>> {
        self.wait(time, || self.file.try_lock_shared())
    }

    /// Tries until it is had or the time is over. Not the system's own waiting: a process that was
    /// stopped with the lock in its hands would hang all others.
    fn wait(
        &self,
        time: Duration,
        mut lock: impl FnMut() -> Result<(), TryLockError>,
    ) -> Option<Held<'_>> {
        let end = Instant::now() + time;
        loop {
            match lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() >= end => return None,
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                // A file system without locks: SQLite's own are what there is.
                Err(TryLockError::Error(_)) => break,
            }
        }
        Some(Held { file: &self.file })
    }
}

/// The lock in hand; let go when it is dropped, and by the system when the process ends.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    file: &'a File,
}

impl Held<'_> {
    /// Keeps the lock until the file is closed.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::LockFile;

    #[test]
    fn two_in_one_process_exclude_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let open = || LockFile::open(&path).expect("a file");
        let (one, two) = (open(), open());
        let held = one.alone(Duration::ZERO).expect("free");
        assert!(two.alone(Duration::from_millis(5)).is_none());
        // What closing a file does to POSIX locks.
        drop(open());
        assert!(two.shared(Duration::ZERO).is_none());
        drop(held);
        two.shared(Duration::ZERO).expect("free").keep();
        assert!(one.alone(Duration::ZERO).is_none());
        assert!(one.shared(Duration::ZERO).is_some());
    }
}
