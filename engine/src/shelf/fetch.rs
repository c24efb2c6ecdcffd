//! A model from the hub into the cache: what it consists of, whether there is room, file after
//! file, and last the links by which it is found.
//!
//! The thread that fetches: the caller's own, for as long as it takes.

use std::fs;
use std::path::{Path, PathBuf};

use super::cache::Place;
use super::control::Control;
use super::download::{Download, patiently};
use super::error::FetchError;
use super::hub::Hub;
use super::layout;
use super::lock::Lock;
use super::progress::{FetchProgress, Meter};
use super::record::{Fetched, ModelFile, Record, now};
use super::settings::Settings;

/// What the hub has of a model, and what of that is not here yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The model at the commit that would be fetched.
    pub model: Fetched,
    /// Bytes that would come.
    pub bytes_left: u64,
    /// Whether it is what the hub calls "main" now.
    pub is_newest: bool,
}

/// Asks the hub for what a model consists of at a revision: a commit, or "main".
pub(super) fn offer(
    settings: &Settings,
    id: &str,
    revision: &str,
    control: &Control,
) -> Result<Offer, FetchError> {
    if settings.offline {
        return Err(FetchError::OfflineMode { id: id.to_owned() });
    }
    let hub = Hub::new(settings, control);
    let patience = &settings.patience;
    let info = patiently(control, patience, || hub.info(id, revision))?;
    let licence = info.licence();
    let names: Vec<String> = info
        .siblings
        .iter()
        .map(|file| file.rfilename.clone())
        .collect();
    let needed = layout::needed(&names).map_err(|lacks| FetchError::NotAModel {
        id: id.to_owned(),
        lacks,
    })?;
    let mut files = Vec::with_capacity(needed.len());
    for name in needed {
        let told = info.siblings.iter().find(|file| file.rfilename == name);
        let (bytes, digest) = match told.and_then(|file| file.facts()) {
            Some(facts) => facts,
            None => patiently(control, patience, || hub.facts(id, &info.sha, &name))?,
        };
        files.push(ModelFile {
            name,
            bytes,
            digest,
            ours: false,
        });
    }
    let model = Fetched {
        id: id.to_owned(),
        commit: info.sha,
        licence,
        files,
        unix_seconds: 0,
    };
    let place = Place::new(&settings.cache, id);
    let here: u64 = model
        .files
        .iter()
        .map(|file| bytes_here(&place, file))
        .sum();
    Ok(Offer {
        bytes_left: model.bytes() - here,
        is_newest: revision == "main",
        model,
    })
}

/// What has come of a file.
pub(super) fn bytes_here(place: &Place, file: &ModelFile) -> u64 {
    let length = |path: &Path| fs::metadata(path).map(|facts| facts.len()).ok();
    let there = length(&place.blob(&file.digest)).or_else(|| length(&place.partial(&file.digest)));
    there.unwrap_or(0).min(file.bytes)
}

/// Fetches what an offer says.
pub(super) fn fetch(
    settings: &Settings,
    offer: &Offer,
    control: &Control,
    hear: &mut dyn FnMut(&FetchProgress),
) -> Result<Fetched, FetchError> {
    let id = &*offer.model.id;
    let place = Place::new(&settings.cache, id);
    let record_path = Record::path(&settings.records, &settings.cache, place.folder_name());
    let mut record = Record::read(&record_path);
    let mut model = offer.model.clone();
    // What an earlier fetch brought of the same commit is ours still.
    let before = [record.pinned.take(), record.underway.take()];
    let same = before
        .iter()
        .flatten()
        .filter(|known| known.commit == model.commit);
    let known: Vec<&ModelFile> = same.flat_map(|known| &known.files).collect();
    for file in &mut model.files {
        file.ours = known
            .iter()
            .any(|known| known.name == file.name && known.ours);
    }
    let [pinned, _] = before;
    record.pinned = pinned;
    record.underway = Some(model);
    note(&record, &record_path)?;
    match fetch_files(settings, &mut record, &record_path, &place, control, hear) {
        Ok(()) => {}
        Err(FetchError::Cancelled) => {
            if let Some(model) = record.underway.take() {
                forget(&place, &model);
            }
            note(&record, &record_path)?;
            return Err(FetchError::Cancelled);
        }
        Err(error) => return Err(error),
    }
    let mut model = record
        .underway
        .take()
        .unwrap_or_else(|| offer.model.clone());
    for file in &mut model.files {
        let linked = place.link(&model.commit, &file.name, &file.digest);
        file.ours |=
            linked.map_err(|error| FetchError::disk(&place.snapshot(&model.commit), &error, 0))?;
    }
    model.unix_seconds = now();
    if offer.is_newest || place.main().is_none() {
        let disk = |error| FetchError::disk(&place.root().join("refs/main"), &error, 0);
        place.set_main(&model.commit).map_err(disk)?;
    }
    let before = record.pinned.replace(model.clone());
    record.older.retain(|older| older.commit != model.commit);
    record
        .older
        .extend(before.filter(|before| before.commit != model.commit));
    note(&record, &record_path)?;
    Ok(model)
}

pub(super) fn note(record: &Record, path: &Path) -> Result<(), FetchError> {
    record
        .write(path)
        .map_err(|error| FetchError::disk(path, &error, 0))
}

fn fetch_files(
    settings: &Settings,
    record: &mut Record,
    record_path: &Path,
    place: &Place,
    control: &Control,
    hear: &mut dyn FnMut(&FetchProgress),
) -> Result<(), FetchError> {
    let Some(model) = record.underway.clone() else {
        return Ok(());
    };
    check_room(&settings.cache, place, &model)?;
    let hub = Hub::new(settings, control);
    let download = Download {
        hub: &hub,
        place,
        id: &model.id,
        commit: &model.commit,
        patience: settings.patience,
        control,
    };
    let mut meter = Meter::new(model.bytes(), hear);
    for (index, file) in model.files.iter().enumerate() {
        meter.begin(&file.name);
        let brought = download.run(file, &mut meter)?;
        meter.end(file.bytes);
        if let Some(underway) = record.underway.as_mut().filter(|_| brought) {
            underway.files[index].ours = true;
            note(record, record_path)?;
        }
    }
    Ok(())
}

/// Better known before than when the disk is full.
fn check_room(cache: &Path, place: &Place, model: &Fetched) -> Result<(), FetchError> {
    fs::create_dir_all(cache).map_err(|error| FetchError::disk(cache, &error, model.bytes()))?;
    let here: u64 = model.files.iter().map(|file| bytes_here(place, file)).sum();
    let needed = model.bytes() - here;
    // Where the system does not say what is free, it is tried.
    let free = fs4::available_space(cache).unwrap_or(u64::MAX);
    if needed > free {
        return Err(FetchError::DiskFull {
            folder: cache.to_owned(),
            needed,
            free,
        });
    }
    Ok(())
}

/// Deletes what a cancelled fetch brought and no snapshot has.
fn forget(place: &Place, model: &Fetched) {
    for file in &model.files {
        // Somebody else may be at it.
        let lock = Lock::take(&place.lock(&file.digest));
        if !matches!(lock, Ok(Some(_))) || place.is_used(&file.digest) {
            continue;
        }
        let _ = fs::remove_file(place.partial(&file.digest));
        if file.ours {
            let _ = fs::remove_file(place.blob(&file.digest));
        }
    }
    place.tidy();
}

/// The folder of a model that is here whole.
pub(super) fn snapshot(place: &Place, commit: &str, known: Option<&Fetched>) -> Option<PathBuf> {
    let folder = place.snapshot(commit);
    let whole = match known {
        Some(known) => known.files.iter().all(|file| {
            let there = fs::metadata(folder.join(&file.name));
            there.is_ok_and(|facts| facts.len() == file.bytes)
        }),
        None => layout::complete(&folder).is_some(),
    };
    whole.then_some(folder)
}
