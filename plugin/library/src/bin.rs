//! Takes leave: to the system's bin, or for good.
//!
//! Any thread but the audio thread. The file goes while the index is locked, so that nobody adds
//! the same take in between.

use std::fs;
use std::path::Path;

use crate::folder::Folder;
use crate::library::Library;
use crate::opening::index_error;
use crate::{LibraryError, Take, TakeId, index};

/// Where a take that leaves goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// To the system's bin. Put back from there, it is in the library again, with all that was
    /// known of it, when the library is opened the next time within a month.
    Bin,
    /// It can't be had back.
    ForGood,
}

impl Library {
    /// Deletes takes and gives the bytes of their files. Those that are no longer there are passed
    /// over.
    ///
    /// # Errors
    /// [`LibraryError::NoBin`] when the system has no bin for the folder, and the system's. The
    /// takes before the one that failed are gone, that one and those after it are not.
    pub fn delete(&mut self, takes: &[TakeId], to: Removal) -> Result<u64, LibraryError> {
        let mut bytes = 0;
        for &id in takes {
            bytes += self.remove_if(id, to, |_| true)?;
        }
        Ok(bytes)
    }

    /// Deletes a take if it is there and still what was meant; gives the bytes of its file.
    pub(crate) fn remove_if(
        &mut self,
        id: TakeId,
        to: Removal,
        is_meant: impl FnOnce(&Take) -> bool,
    ) -> Result<u64, LibraryError> {
        self.opened.change(|folder, change| {
            let fail = |error| index_error(folder, error);
            let take = index::find(change, id).map_err(fail)?;
            let Some(take) = take.filter(is_meant) else {
                return Ok(0);
            };
            index::forget(change, id).map_err(fail)?;
            remove_file(folder, id, to)?;
            Ok(take.bytes)
        })
    }
}

fn remove_file(folder: &Folder, id: TakeId, to: Removal) -> Result<(), LibraryError> {
    let wav = folder.wav(id);
    let sidecar = folder.sidecar(id);
    if wav.exists() {
        match to {
            Removal::Bin => throw(&wav)?,
            Removal::ForGood => {
                fs::remove_file(&wav).map_err(|source| folder.error(&wav, source))?;
            }
        }
    }
    // The file has gone: what is left of its facts is no reason to say that it has not.
    match to {
        Removal::Bin => {
            let deleted = folder.deleted_sidecar(id);
            if fs::rename(&sidecar, &deleted).is_ok() {
                touch(&deleted);
            }
        }
        Removal::ForGood => {
            let _ = fs::remove_file(sidecar);
            let _ = fs::remove_file(folder.deleted_sidecar(id));
        }
    }
    Ok(())
}

/// Moves a file to the bin.
fn throw(path: &Path) -> Result<(), LibraryError> {
    #[allow(unused_mut)]
    let mut bin = trash::TrashContext::default();
    #[cfg(target_os = "macos")]
    {
        use trash::macos::{DeleteMethod, TrashContextExtMacos};
        // The other way asks the Finder, which asks the user whether the host may.
        bin.set_delete_method(DeleteMethod::NsFileManager);
    }
    bin.delete(path).map_err(|error| LibraryError::NoBin {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

/// A month is counted from now on.
fn touch(path: &Path) {
    if let Ok(file) = fs::OpenOptions::new().write(true).open(path) {
        let _ = file.set_modified(std::time::SystemTime::now());
    }
}
