//! Why a model could not be fetched, checked or removed: one variant for each thing that the user
//! can do about it.
//!
//! Any thread. The texts are shown as they are, in one line: what is wrong, then what to do.

use std::path::{Path, PathBuf};

/// What ended a fetch, or kept it from starting. Unless a text says otherwise, what has come by
/// then is kept, and the next fetch goes on from there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The hub must not be asked.
    #[error(
        "{id} is not on this machine, and offline mode is on: unset HF_HUB_OFFLINE and fetch again, or choose a model that is here"
    )]
    OfflineMode {
        /// The model.
        id: String,
    },
    /// Nobody answers.
    #[error(
        "no connection to {host} ({why}): check the network, then fetch again; what has come is kept"
    )]
    Unreachable {
        /// The host that was called.
        host: String,
        /// What the system says.
        why: String,
    },
    /// The other end can't show who it is.
    #[error(
        "the connection to {host} cannot be trusted ({why}): check this system's clock and certificates, then fetch again"
    )]
    Untrusted {
        /// The host that was called.
        host: String,
        /// What is wrong with its certificate.
        why: String,
    },
    /// No model of that name, or none for this user.
    #[error(
        "{host} has no model {id}: check the name; if the model is private, set HF_TOKEN to a token that may read it"
    )]
    NotFound {
        /// The hub.
        host: String,
        /// The model.
        id: String,
    },
    /// The model is there, the revision is not.
    #[error(
        "{id} is no longer there as it was fetched before (revision {revision}): `barline models fetch {id} --update` fetches the newest"
    )]
    NoRevision {
        /// The model.
        id: String,
        /// The commit that was asked for.
        revision: String,
    },
    /// The model lacks a file that every MusicGen has.
    #[error(
        "{id} has no {lacks}, so it is no MusicGen model that can be fetched: choose another one"
    )]
    NotAModel {
        /// The model.
        id: String,
        /// What is missing.
        lacks: String,
    },
    /// The token is wrong, or there is none where one is needed.
    #[error(
        "{host} does not accept the token: make a new one at {host}/settings/tokens and set HF_TOKEN to it, or remove the old one"
    )]
    Unauthorized {
        /// The hub.
        host: String,
    },
    /// The model's makers want its terms to be accepted.
    #[error(
        "{id} is open only to those who accepted its terms: accept them at {page}, set HF_TOKEN to your token, then fetch again"
    )]
    Gated {
        /// The model.
        id: String,
        /// Where its terms are.
        page: String,
    },
    /// The hub wants a pause.
    #[error("{host} has had too many requests: fetch again in {seconds} s; what has come is kept")]
    TooManyRequests {
        /// The host.
        host: String,
        /// When to come again.
        seconds: u64,
    },
    /// The hub has a fault.
    #[error(
        "{host} is in trouble (status {status}): fetch again in a few minutes; what has come is kept"
    )]
    ServerTrouble {
        /// The host.
        host: String,
        /// What it answered.
        status: u16,
    },
    /// What answers is no hub.
    #[error("{host} does not answer as a model hub does ({why}): check HF_ENDPOINT")]
    BadAnswer {
        /// The host.
        host: String,
        /// What is odd.
        why: String,
    },
    /// The connection ended before the file did, again and again.
    #[error(
        "the connection was cut in {file} after {bytes} of {of} bytes: fetch again, it goes on from there"
    )]
    Cut {
        /// The file.
        file: String,
        /// What came.
        bytes: u64,
        /// What should have come.
        of: u64,
    },
    /// Nothing comes any more, again and again.
    #[error(
        "{host} sent nothing for {seconds} s: fetch again, it goes on where it was; HF_HUB_DOWNLOAD_TIMEOUT sets how long to wait"
    )]
    Stalled {
        /// The host.
        host: String,
        /// How long was waited.
        seconds: u64,
    },
    /// Not as long as the hub says, twice. It was deleted.
    #[error(
        "{file} came with {bytes} bytes, but the hub says {of}, twice: fetch it anew later, or report it to the model's makers"
    )]
    WrongLength {
        /// The file.
        file: String,
        /// What came.
        bytes: u64,
        /// What the hub says.
        of: u64,
    },
    /// Not what the hub says, twice. It was deleted.
    #[error(
        "{file} came damaged twice (its checksum is not the hub's): fetch it anew, over another network if it stays so"
    )]
    WrongHash {
        /// The file.
        file: String,
    },
    /// Sent from one address to the next without end.
    #[error(
        "{host} sends us in circles for {file}: check HF_ENDPOINT and proxies, then fetch again"
    )]
    RedirectLoop {
        /// The host.
        host: String,
        /// What was asked for.
        file: String,
    },
    /// No room for it.
    #[error(
        "no space for it in {folder}: {needed} are needed and {free} free; make room, or set HF_HOME to a folder on a larger disk", needed = in_words(*needed), free = in_words(*free)
    )]
    DiskFull {
        /// The cache.
        folder: PathBuf,
        /// Bytes that are missing yet.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The cache can't be written to.
    #[error(
        "{path} cannot be written: give yourself the right to, or set HF_HOME to a folder of yours"
    )]
    NoPermission {
        /// The file or folder.
        path: PathBuf,
    },
    /// The disk fails otherwise.
    #[error("{path}: {why}; check the disk, then fetch again")]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// The name is neither on the shelf nor an id of the hub.
    #[error(
        "there is no model {name}: it can be a folder, an id such as facebook/musicgen-small, or one of {known}"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names on the shelf.
        known: String,
    },
    /// The model is not on this machine.
    #[error("{id} is not on this machine: `barline models fetch {id}` fetches it")]
    NotHere {
        /// The model.
        id: String,
    },
    /// There is nothing to fetch or remove.
    #[error("{name} is built in: there is nothing to fetch, and nothing to remove")]
    BuiltIn {
        /// The model.
        name: String,
    },
    /// Another program put the files there.
    #[error(
        "{id} was put there by another program, which may still use it: `barline models remove {id} --shared` removes it all the same"
    )]
    NotOurs {
        /// The model.
        id: String,
    },
    /// Files of a model that is here are not as they should be.
    #[error("{id} is damaged: {files}; `barline models verify {id} --repair` fetches that anew")]
    Damaged {
        /// The model.
        id: String,
        /// Which, and how.
        files: String,
    },
    /// Another program put it there without its checksums.
    #[error(
        "nothing here says what {id} should contain: `barline models fetch {id} --update` asks the hub"
    )]
    NoChecksums {
        /// The model.
        id: String,
    },
    /// The system gives no thread to fetch with.
    #[error(
        "the system has no room for another thread ({why}): close other programs, then fetch again"
    )]
    NoThread {
        /// What the system says.
        why: String,
    },
    /// The user ended it. What had come was deleted.
    #[error("cancelled: what had come was deleted")]
    Cancelled,
    /// The user paused it.
    #[error("paused: fetch again to go on")]
    Paused,
}

impl FetchError {
    /// What the disk says of a file or folder, with what was still to be written.
    pub(super) fn disk(path: &Path, error: &std::io::Error, needed: u64) -> Self {
        use std::io::ErrorKind::{
            PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        let path = path.to_owned();
        match error.kind() {
            StorageFull | QuotaExceeded => Self::DiskFull {
                free: fs4::available_space(&path).unwrap_or(0),
                folder: path.parent().map_or_else(PathBuf::new, Path::to_owned),
                needed,
            },
            PermissionDenied | ReadOnlyFilesystem => Self::NoPermission { path },
            _ => Self::Disk {
                path,
                why: error.to_string(),
            },
        }
    }

    /// Whether it may pass by itself, so that it is tried again.
    pub(super) fn passes(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TooManyRequests { .. }
                | Self::ServerTrouble { .. }
                | Self::Cut { .. }
                | Self::Stalled { .. }
        )
    }

    /// Whether what came is not what was announced, so that it is fetched anew, once.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::WrongLength { .. } | Self::WrongHash { .. })
    }

    /// Whether the user stopped it.
    #[must_use]
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Paused)
    }
}

/// Bytes as a person reads them.
#[must_use]
pub fn in_words(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut size = bytes as f64 / 1000.0;
    let mut unit = 0;
    // As it is shown: 999.96 MB is 1.0 GB.
    while size >= 999.95 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well() {
        let cases = [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (999_960_000, "1.0 GB"),
            (2_364_000_000, "2.4 GB"),
        ];
        for (bytes, words) in cases {
            assert_eq!(in_words(bytes), words);
        }
    }

    #[test]
    fn a_message_is_one_line() {
        let error = FetchError::DiskFull {
            folder: "cache".into(),
            needed: 5_000_000,
            free: 1000,
        };
        let text = error.to_string();
        assert!(text.contains("5.0 MB are needed and 1.0 kB free") && !text.contains('\n'));
    }
}
