//! One content from the hub into the cache: with what had come before, until it is whole and its
//! checksum is the hub's.
//!
//! The thread that fetches. What is not whole lies under another name; the final name comes last,
//! after the disk has it. Large contents are fetched in one stream.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

use super::cache::Place;
use super::control::{Control, LOOK_EVERY};
use super::digest::{BLOCK_BYTES, Hasher};
use super::error::FetchError;
use super::hub::{Hub, Opened, wait_before};
use super::lock::Lock;
use super::progress::{Meter, Stage};
use super::record::ModelFile;
use super::settings::Patience;

/// What a download needs to know besides the file.
pub(super) struct Download<'a> {
    pub(super) hub: &'a Hub<'a>,
    pub(super) place: &'a Place,
    pub(super) id: &'a str,
    pub(super) commit: &'a str,
    pub(super) patience: Patience,
    pub(super) control: &'a Control,
}

/// What has come of a file, on disk and in the checksum.
struct Partial {
    file: File,
    bytes: u64,
    hasher: Hasher,
}

impl Download<'_> {
    /// Sees to it that the cache has the content of `file`. Gives whether it had not before.
    pub(super) fn run(&self, file: &ModelFile, meter: &mut Meter<'_>) -> Result<bool, FetchError> {
        let blob = self.place.blob(&file.digest);
        let disk = |error| FetchError::disk(&blob, &error, file.bytes);
        fs::create_dir_all(self.place.root().join("blobs")).map_err(disk)?;
        let _lock = self.lock(file, meter)?;
        // Perhaps somebody else was first. A blob has its name only when it is whole.
        match fs::metadata(&blob) {
            Ok(facts) if facts.len() == file.bytes => return Ok(false),
            Ok(_) => fs::remove_file(&blob).map_err(disk)?,
            Err(_) => {}
        }
        let mut partial = self.open(file, meter)?;
        let (mut tried, mut anew) = (0, false);
        loop {
            let before = partial.bytes;
            let Err(error) = self.try_once(file, &mut partial, meter) else {
                break;
            };
            self.control.check()?;
            if error.is_damage() {
                partial.restart(file).map_err(disk)?;
                if anew {
                    let _ = fs::remove_file(self.place.partial(&file.digest));
                    return Err(error);
                }
                anew = true;
                continue;
            }
            if partial.bytes > before {
                tried = 0;
            }
            let wait = wait_before(&error, tried, &self.patience);
            let Some(wait) = wait.filter(|_| error.passes() && tried < self.patience.retries)
            else {
                return Err(error);
            };
            tried += 1;
            meter.stage(Stage::Retrying, partial.bytes);
            self.control.sleep(wait)?;
        }
        // A name after a loss of power is to stand for what it says.
        partial.file.sync_all().map_err(disk)?;
        drop(partial);
        fs::rename(self.place.partial(&file.digest), &blob).map_err(disk)?;
        Ok(true)
    }

    fn lock(&self, file: &ModelFile, meter: &mut Meter<'_>) -> Result<Lock, FetchError> {
        let path = self.place.lock(&file.digest);
        loop {
            self.control.check()?;
            match Lock::take(&path) {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) => {
                    let there = fs::metadata(self.place.partial(&file.digest));
                    let bytes = there.map_or(0, |facts| facts.len());
                    meter.stage(Stage::Waiting, bytes.min(file.bytes));
                    self.control.sleep(2 * LOOK_EVERY)?;
                }
                Err(error) => return Err(FetchError::disk(&path, &error, 0)),
            }
        }
    }

    /// Opens what has come before, in this process or another, and takes it into the checksum.
    fn open(&self, file: &ModelFile, meter: &mut Meter<'_>) -> Result<Partial, FetchError> {
        let path = self.place.partial(&file.digest);
        let disk = |error| FetchError::disk(&path, &error, file.bytes);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut partial = Partial {
            file: opened.map_err(disk)?,
            bytes: 0,
            hasher: Hasher::new(&file.digest, file.bytes),
        };
        let there = partial.file.metadata().map_err(disk)?.len();
        if there > file.bytes {
            partial.restart(file).map_err(disk)?;
        } else if there > 0 {
            partial.bytes = partial.hasher.read(&mut partial.file, disk, |bytes, all| {
                meter.checked(bytes, all);
                self.control.check()
            })?;
        }
        Ok(partial)
    }

    fn try_once(
        &self,
        file: &ModelFile,
        partial: &mut Partial,
        meter: &mut Meter<'_>,
    ) -> Result<(), FetchError> {
        if partial.bytes < file.bytes {
            let opened = self
                .hub
                .file(self.id, self.commit, &file.name, partial.bytes)?;
            self.begins_right(file, partial, &opened)?;
            self.receive(file, partial, opened, meter)?;
        }
        let hasher = std::mem::replace(&mut partial.hasher, Hasher::new(&file.digest, file.bytes));
        if hasher.is(&file.digest) {
            Ok(())
        } else {
            Err(FetchError::WrongHash {
                file: file.name.clone(),
            })
        }
    }

    /// Holds what the server announces against what was asked for.
    fn begins_right(
        &self,
        file: &ModelFile,
        partial: &mut Partial,
        opened: &Opened,
    ) -> Result<(), FetchError> {
        let disk = |error| FetchError::disk(&self.place.partial(&file.digest), &error, file.bytes);
        let wrong = |bytes| FetchError::WrongLength {
            file: file.name.clone(),
            bytes,
            of: file.bytes,
        };
        let text = |name: &str| {
            opened
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        match opened.status {
            206 => {
                // "bytes 100-199/200"
                let range = text("content-range").and_then(|text| text.strip_prefix("bytes "));
                let (span, total) = range
                    .and_then(|text| text.split_once('/'))
                    .unwrap_or_default();
                let start = span.split('-').next().and_then(|text| text.parse().ok());
                if start != Some(partial.bytes) {
                    return Err(FetchError::BadAnswer {
                        host: opened.host.clone(),
                        why: format!("it sends another part of {} than asked for", file.name),
                    });
                }
                match total.parse() {
                    Ok(total) if total != file.bytes => Err(wrong(total)),
                    _ => Ok(()),
                }
            }
            // It has less of it than is here already.
            416 => Err(wrong(partial.bytes)),
            // It knows no parts: from the beginning.
            _ => {
                if partial.bytes > 0 {
                    partial.restart(file).map_err(disk)?;
                }
                match text("content-length").and_then(|text| text.parse().ok()) {
                    Some(bytes) if bytes != file.bytes => Err(wrong(bytes)),
                    _ => Ok(()),
                }
            }
        }
    }

    fn receive(
        &self,
        file: &ModelFile,
        partial: &mut Partial,
        opened: Opened,
        meter: &mut Meter<'_>,
    ) -> Result<(), FetchError> {
        let path = self.place.partial(&file.digest);
        let host = opened.host;
        let mut reader = opened.body.into_reader();
        let mut block = vec![0; BLOCK_BYTES];
        let cut = |bytes| FetchError::Cut {
            file: file.name.clone(),
            bytes,
            of: file.bytes,
        };
        loop {
            let read = reader.read(&mut block);
            self.control.check()?;
            let count = match read {
                Ok(0) if partial.bytes < file.bytes => return Err(cut(partial.bytes)),
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) => {
                    return Err(match self.hub.trouble(&host, error.into()) {
                        FetchError::Unreachable { .. } => cut(partial.bytes),
                        other => other,
                    });
                }
            };
            let bytes = partial.bytes + count as u64;
            if bytes > file.bytes {
                return Err(FetchError::WrongLength {
                    file: file.name.clone(),
                    bytes,
                    of: file.bytes,
                });
            }
            if let Err(error) = partial.file.write_all(&block[..count]) {
                // What was written of it is in no checksum.
                let _ = partial.file.set_len(partial.bytes);
                return Err(FetchError::disk(&path, &error, file.bytes - partial.bytes));
            }
            partial.hasher.update(&block[..count]);
            partial.bytes = bytes;
            meter.came(count as u64, bytes);
        }
    }
}

impl Partial {
    fn restart(&mut self, file: &ModelFile) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.bytes = 0;
        self.hasher = Hasher::new(&file.digest, file.bytes);
        Ok(())
    }
}

/// Asks the hub again after what may pass by itself. Who can't reach it at all is told at once.
pub(super) fn patiently<T>(
    control: &Control,
    patience: &Patience,
    mut ask: impl FnMut() -> Result<T, FetchError>,
) -> Result<T, FetchError> {
    let mut tried = 0;
    loop {
        let error = match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let again = error.passes() && !matches!(error, FetchError::Unreachable { .. });
        let wait: Option<Duration> = wait_before(&error, tried, patience);
        match wait.filter(|_| again && tried < patience.retries) {
            Some(wait) => control.sleep(wait)?,
            None => return Err(error),
        }
        tried += 1;
    }
}
