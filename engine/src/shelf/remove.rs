//! A model out of the cache again, and nothing that others use.
//!
//! Any thread but the audio thread.

use std::fs;
use std::io;
use std::path::Path;

use super::cache::Place;
use super::error::FetchError;
use super::lock::Lock;
use super::record::Fetched;

/// Removes the files of a model from the snapshot of its commit, those that we brought or, with
/// `others`, all; a content goes when no snapshot has it any more. Gives the bytes that are free
/// now.
pub(super) fn remove(place: &Place, model: &Fetched, others: bool) -> Result<u64, FetchError> {
    let folder = place.snapshot(&model.commit);
    let mut bytes = 0;
    for file in &model.files {
        // Whoever is fetching it just now wants it.
        let lock_path = place.lock(&file.digest);
        let lock = Lock::take(&lock_path);
        if !matches!(lock, Ok(Some(_))) {
            continue;
        }
        // What has come of a content that is not whole is of no use to anybody without it.
        let partial = place.partial(&file.digest);
        bytes += fs::metadata(&partial).map_or(0, |facts| facts.len());
        delete(&partial)?;
        if !(file.ours || others) {
            continue;
        }
        delete(&folder.join(&file.name))?;
        if place.is_used(&file.digest) {
            continue;
        }
        let blob = place.blob(&file.digest);
        bytes += fs::metadata(&blob).map_or(0, |facts| facts.len());
        delete(&blob)?;
        // Still held, which other systems than Unix don't like.
        let _ = fs::remove_file(&lock_path);
    }
    bytes += remove_packed(&folder)?;
    place.tidy();
    Ok(bytes)
}

/// The packed weights that loading the model left beside it.
fn remove_packed(folder: &Path) -> Result<u64, FetchError> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("barline-") && name.ends_with(".pack") {
            bytes += entry.metadata().map_or(0, |facts| facts.len());
            delete(&entry.path())?;
        }
    }
    Ok(bytes)
}

fn delete(path: &Path) -> Result<(), FetchError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FetchError::disk(path, &error, 0))
        }
        _ => Ok(()),
    }
}
