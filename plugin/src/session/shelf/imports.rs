//! Checkpoints of another make that are brought over in the background, as cards of the shelf while
//! they are.
//!
//! Plain data of `barline-shelf`; the work itself is an errand.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use barline_engine::import::{self, ImportError};
use barline_engine::shelf::Control;

use crate::view::{Doing, ModelState, ModelView, Rights};

/// How one ended.
pub(super) type Outcome = Result<PathBuf, ImportError>;

/// Brings a folder over, beside itself, unless that was done before. `companion` is a MusicGen that has
/// what the folder may lack; `hear` hears how far it is.
pub(super) fn bring(
    folder: &Path,
    companion: Option<&Path>,
    control: &Control,
    mut hear: impl FnMut(ModelState),
) -> Outcome {
    let made = import::beside(folder);
    if import::Kind::of(&made) == import::Kind::Ready {
        return Ok(made);
    }
    let mut told = |done, of| {
        hear(comes(done, of));
        match control.is_stopped() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let made = import::import_heard(folder, Some(&made), companion, &mut told)?;
    Ok(made.folder)
}

/// The card of a folder that is brought over.
pub(super) fn card(id: &str) -> ModelView {
    let folder = Path::new(id);
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    ModelView {
        id: id.into(),
        name: name.to_string_lossy().into_owned(),
        good_at: String::new(),
        licence: "What the licence of its weights says: look into the folder.".into(),
        rights: Rights::Unknown,
        state: comes(0, 0),
        chosen: false,
        held_bytes: 0,
        needs_bytes: None,
        offer: None,
        seconds_a_bar: None,
    }
}

/// What is said in the panel when it came to nothing.
pub(in super::super) fn words(error: &ImportError) -> String {
    match error {
        ImportError::NoCompanion { path, what } => format!(
            "{} does not hold {what}: fetch a MusicGen such as facebook/musicgen-small first, it is taken from there",
            path.display()
        ),
        ImportError::Exists { path } => format!(
            "{} is there already and holds no model: remove it or give it another name",
            path.display()
        ),
        ImportError::NoSpace {
            path,
            need_mib,
            free_mib,
        } => format!(
            "{} has {free_mib} MiB free, but the model takes {need_mib} MiB: make room there",
            path.display()
        ),
        error => error.to_string(),
    }
}

fn comes(done_bytes: u64, bytes: u64) -> ModelState {
    ModelState::Fetching {
        done_bytes,
        bytes,
        bytes_per_second: None,
        seconds_left: None,
        doing: Doing::Importing,
    }
}
