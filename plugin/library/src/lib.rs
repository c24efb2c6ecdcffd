//! The library: every finished take, kept once in the user's data folder and found again; and
//! audio files of other programs, read.
//!
//! # Threads
//! Any thread but the audio thread: everything here waits for disks. A [`Library`] is `Send` and
//! not `Sync`: each thread opens its own, and so does each instance of the plugin; all of them,
//! in any number of processes, work on the same folder at once.
//!
//! # What holds at every moment, also after `kill -9`
//! - A WAV file under its final name, its hash, is whole: it is written under another name, synced
//!   and renamed.
//! - Beside it lies a JSON file with all that is known of the take. The index can be lost: it is
//!   made again from the folder.
//! - A take that [`Library::add`] has answered for is in the index and on the disk.
//!
//! The crate knows nothing of the engine, the host or the panel. Takes come in as the bytes of a
//! WAV file and [`TakeFacts`], plain data.

mod adopt;
mod bin;
mod change;
mod error;
mod facts;
mod folder;
pub mod import;
mod index;
mod library;
mod limit;
mod lock;
mod opening;
mod peaks;
mod query;
mod search;
mod sidecar;
mod take;
mod wav;
mod words;

pub use bin::Removal;
pub use error::LibraryError;
pub use facts::{Origin, TakeFacts};
pub use library::{Added, Library, Notice};
pub use limit::{DEFAULT_LIMIT_BYTES, Prune};
pub use peaks::{COLUMNS, Peaks};
pub use query::{Order, Page, Query};
pub use take::{Take, TakeId};
