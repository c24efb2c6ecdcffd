//! Whether what lies in the cache is what the hub says that it is.
//!
//! The caller's thread, for as long as reading the files takes; it can be stopped.

use std::fs::File;
use std::path::Path;

use super::cache::Place;
use super::control::Control;
use super::digest::Hasher;
use super::error::FetchError;
use super::progress::{FetchProgress, Meter};
use super::record::{Fetched, ModelFile};

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It is longer or shorter.
    Length,
    /// It contains something else.
    Content,
}

impl Fault {
    /// In a word or two, as in "config.json is missing".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Missing => "is missing",
            Self::Length => "has another length",
            Self::Content => "has another content",
        }
    }
}

/// Files, and what is wrong with them.
pub(super) type Faults = Vec<(ModelFile, Fault)>;

/// The files of a snapshot that are not as they should be.
pub(super) fn faults(
    place: &Place,
    model: &Fetched,
    control: &Control,
    hear: &mut dyn FnMut(&FetchProgress),
) -> Result<Faults, FetchError> {
    let folder = place.snapshot(&model.commit);
    let mut meter = Meter::new(model.bytes(), hear);
    let mut faults = Vec::new();
    for file in &model.files {
        meter.begin(&file.name);
        let fault = fault(&folder.join(&file.name), file, control, &mut meter)?;
        faults.extend(fault.map(|fault| (file.clone(), fault)));
        meter.end(file.bytes);
    }
    Ok(faults)
}

fn fault(
    path: &Path,
    file: &ModelFile,
    control: &Control,
    meter: &mut Meter<'_>,
) -> Result<Option<Fault>, FetchError> {
    let disk = |error| FetchError::disk(path, &error, 0);
    let mut opened = match File::open(path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Some(Fault::Missing));
        }
        Err(error) => return Err(disk(error)),
    };
    if opened.metadata().map_err(disk)?.len() != file.bytes {
        return Ok(Some(Fault::Length));
    }
    let mut hasher = Hasher::new(&file.digest, file.bytes);
    hasher.read(&mut opened, disk, |bytes, all| {
        meter.checked(bytes, all);
        control.check()
    })?;
    Ok((!hasher.is(&file.digest)).then_some(Fault::Content))
}
