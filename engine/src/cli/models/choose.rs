//! What `--model` stands for: a folder, a name on the shelf, or an id of the hub.
//!
//! Main thread: may ask, and fetch.

use barline_engine::shelf::{FetchError, Shelf, State};
use barline_engine::{EngineError, ModelSource};
use crossbeam_channel::Receiver;

use super::super::Failure;
use super::super::waiting::interrupts;
use super::fetch;
use super::question::can_ask;

/// Whether a text can stand for a model that is no folder.
pub(in crate::cli) fn is_name(text: &str) -> bool {
    Shelf::load().find(text).is_ok()
}

/// Makes a folder, or the starter, of what the user called a model. One that is not here is
/// fetched after a question; where nobody can be asked, the message has the command that fetches
/// it. Ctrl+C is heard on `heard`, or by a handler of its own when there is none.
pub(in crate::cli) fn settle(
    source: &mut ModelSource,
    heard: Option<&Receiver<()>>,
) -> Result<(), Failure> {
    let ModelSource::Folder(folder) = &*source else {
        return Ok(());
    };
    let Some(text) = folder.to_str().filter(|_| !folder.is_dir()) else {
        return Ok(());
    };
    let shelf = super::shelf();
    let entry = match shelf.find(text) {
        Ok(entry) => entry,
        // A folder that is not there: the engine says so.
        Err(_) if text.contains(['/', '\\']) || text.starts_with('.') => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let Some(id) = &entry.id else {
        *source = ModelSource::Starter;
        return Ok(());
    };
    if let Some(what) = &entry.later {
        let what = format!("{id} needs {what}, which a later version brings; choose another model");
        return Err(EngineError::Unsupported { what }.into());
    }
    let path = match shelf.state(&entry) {
        State::Here { path, .. } => path,
        _ if shelf.settings().offline => {
            return Err(FetchError::OfflineMode { id: id.clone() }.into());
        }
        _ if !can_ask() => {
            return Err(Failure::Argument(format!(
                "the model {id} is not on this machine: `barline models fetch {text} --yes` fetches it"
            )));
        }
        _ => match heard {
            Some(heard) => fetch::bring(&shelf, &entry, heard)?,
            None => fetch::bring(&shelf, &entry, &interrupts())?,
        },
    };
    *source = ModelSource::Folder(path);
    Ok(())
}
