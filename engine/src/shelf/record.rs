//! What was fetched, noted on disk: which commit, which files, when. A model stays at that commit
//! until the user asks for a newer one.
//!
//! Any thread but the audio thread. One small JSON file for each model and cache, replaced as a
//! whole. It lies outside the cache, where other programs would wonder about it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::digest::Digest;

/// A file of a model at a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// What it contains, as the hub says.
    pub digest: Digest,
    /// Whether we brought it into the cache, and no other program.
    #[serde(default)]
    pub ours: bool,
}

/// A model at a commit, as it was fetched or is being fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// The hub's id.
    pub id: String,
    /// The commit.
    pub commit: String,
    /// The licence's short name, where its card has one.
    pub licence: Option<String>,
    /// What it consists of.
    pub files: Vec<ModelFile>,
    /// When it was complete, in seconds since 1970; 0 while it is not.
    pub unix_seconds: u64,
}

impl Fetched {
    /// Of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The day on which it was fetched, in UTC, such as "2026-03-01".
    #[must_use]
    pub fn day(&self) -> String {
        day(self.unix_seconds)
    }
}

/// All that is noted of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What is here.
    pub(super) pinned: Option<Fetched>,
    /// What was begun and is not complete.
    pub(super) underway: Option<Fetched>,
    /// What was here before the user asked for newer: it goes with the model.
    #[serde(default)]
    pub(super) older: Vec<Fetched>,
}

impl Record {
    /// Where the record of the model in `folder_name` of `cache` lies.
    pub(super) fn path(records: &Path, cache: &Path, folder_name: &str) -> PathBuf {
        let cache = std::path::absolute(cache).unwrap_or_else(|_| cache.to_owned());
        let hash = Sha256::digest(cache.as_os_str().as_encoded_bytes());
        let hash: String = hash[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        records.join(hash).join(format!("{folder_name}.json"))
    }

    /// One that is missing or damaged is empty: the cache itself tells what is here.
    pub(super) fn read(path: &Path) -> Self {
        let text = fs::read(path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        if self.pinned.is_none() && self.underway.is_none() && self.older.is_empty() {
            return match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.persist(path)?;
        Ok(())
    }
}

/// Now, in seconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// The date in UTC.
fn day(unix_seconds: u64) -> String {
    // Days are counted in years that begin in March, so that the odd day comes last.
    let days = unix_seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        // `date -u -d 2024-02-29T23:59:59 +%s` and so on.
        let cases = [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_251_199, "2024-02-29"),
            (1_709_251_200, "2024-03-01"),
            (4_102_444_799, "2099-12-31"),
        ];
        for (seconds, text) in cases {
            assert_eq!(day(seconds), text);
        }
    }

    #[test]
    fn a_record_comes_back_or_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = Record::path(folder.path(), Path::new("cache"), "models--a--b");
        assert_eq!(Record::read(&path), Record::default());
        let record = Record {
            pinned: Some(Fetched {
                id: "a/b".into(),
                commit: "1".repeat(40),
                licence: Some("mit".into()),
                files: vec![ModelFile {
                    name: "config.json".into(),
                    bytes: 7,
                    digest: Digest::read(&"a".repeat(64)).unwrap(),
                    ours: true,
                }],
                unix_seconds: 1,
            }),
            underway: None,
            older: Vec::new(),
        };
        record.write(&path).unwrap();
        assert_eq!(Record::read(&path), record);
        fs::write(&path, "{\"pinned\": {\"digest\": \"../..\"").unwrap();
        assert_eq!(Record::read(&path), Record::default());
        Record::default().write(&path).unwrap();
        assert!(!path.exists());
    }
}
