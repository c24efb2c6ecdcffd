//! Why the library could not do it, one variant for each thing that the user can do about it.
//!
//! Any thread.

use std::path::PathBuf;

use crate::TakeId;

/// What went wrong, in words for the panel.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The system tells no folder for the user's data.
    #[error(
        "there is no folder for the library, since the system names no home: set BARLINE_LIBRARY to a folder"
    )]
    NoHome,
    /// The folder can't be made, read or written.
    #[error(
        "the library in {path} cannot be used ({source}): permit writing there, or set BARLINE_LIBRARY to another folder"
    )]
    Folder {
        /// The folder or the file in it.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No room on the disk.
    #[error("no space is left for the library in {path}: make room on the disk")]
    Full {
        /// The library's folder.
        path: PathBuf,
    },
    /// A later version has changed the index; nothing was touched.
    #[error(
        "the library in {path} was written by a newer Barline (its form {found}, known here {known}): update Barline"
    )]
    Newer {
        /// The index.
        path: PathBuf,
        /// Its form.
        found: i64,
        /// The newest form that this version knows.
        known: i64,
    },
    /// Others kept the index locked for too long.
    #[error("the library is busy in another instance of Barline: try again in a moment")]
    Busy,
    /// The index turned out to be damaged while it was used.
    #[error(
        "the library's index in {path} is damaged; the takes are safe: open the library again to make a new one"
    )]
    Damaged {
        /// The index.
        path: PathBuf,
    },
    /// The index is damaged and others have it open, so that it can't be moved aside.
    #[error(
        "the library's index in {path} is damaged and in use: close the other instances of Barline, then open the library again"
    )]
    InUse {
        /// The index.
        path: PathBuf,
    },
    /// Deleted since, here or in another instance.
    #[error("that take is no longer in the library")]
    NoTake {
        /// The take.
        id: TakeId,
    },
    /// Bytes that are no whole WAV file.
    #[error("the take was not kept, since it is no whole WAV file ({why}): save it elsewhere")]
    NotWav {
        /// What is wrong with them.
        why: String,
    },
    /// A name without a letter.
    #[error("a take needs a name: type at least one character")]
    NoName,
    /// The system has no bin for this folder; nothing was deleted.
    #[error(
        "there is no bin for {path} ({why}), so nothing was deleted: delete for good, or empty the folder yourself"
    )]
    NoBin {
        /// The file that was to go there.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Anything else that SQLite says.
    #[error("the library's index in {path} cannot be used ({why}): close Barline and try again")]
    Index {
        /// The index.
        path: PathBuf,
        /// What SQLite said.
        why: String,
    },
}
