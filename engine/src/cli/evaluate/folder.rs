//! The sound files of a folder.
//!
//! Main thread.

use std::path::{Path, PathBuf};

use barline_engine::file::{Format, ReadError};

use crate::cli::Failure;

/// Names of all files that end as WAV, FLAC or AIFF files do, seen from the folder, in order.
/// Folders in it count as well, links to folders do not: they may lead around in a circle.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut names = Vec::new();
    let mut inside = vec![PathBuf::new()];
    while let Some(place) = inside.pop() {
        let path = match place.as_os_str().is_empty() {
            true => folder.to_owned(),
            false => folder.join(&place),
        };
        let fail = |source| ReadError::Io {
            path: path.clone(),
            source,
        };
        for entry in std::fs::read_dir(&path).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = place.join(entry.file_name());
            if entry.file_type().map_err(fail)?.is_dir() {
                inside.push(name);
            } else if Format::named(&name).is_some() && !hidden(&name) {
                names.push(name);
            }
        }
    }
    if names.is_empty() {
        return Err(Failure::Argument(format!(
            "there is no WAV, FLAC or AIFF file in {}",
            folder.display()
        )));
    }
    names.sort();
    Ok(names)
}

/// Other systems leave files beside the real ones whose names begin with a dot.
fn hidden(name: &Path) -> bool {
    name.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}
