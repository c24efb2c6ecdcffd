//! Files to the desktop's bin.
//!
//! Called on the window's thread, done on another. Never deletes for good.

use std::path::PathBuf;

use crate::Pending;

/// Why a file did not go to the bin. It is where it was.
#[derive(Debug, thiserror::Error)]
pub enum BinError {
    /// The file is not there.
    #[error("{} is gone already", .0.display())]
    Missing(PathBuf),
    /// The disk has no bin, or the system refuses; the text says what it said.
    #[error("the bin refuses the file ({0}): delete it in the file manager")]
    Refused(String),
}

/// Moves files to the bin, from where the user can take them back.
///
/// The first error ends it; files before it are in the bin. `wake` is called from another thread
/// once the result is there.
pub fn bin(files: Vec<PathBuf>, wake: impl Fn() + Send + 'static) -> Pending<Result<(), BinError>> {
    let fault = || Err(BinError::Refused("a fault".to_owned()));
    Pending::spawn("barline bin", fault, move || move_all(&files), wake)
}

fn move_all(files: &[PathBuf]) -> Result<(), BinError> {
    for path in files {
        if path.symlink_metadata().is_err() {
            return Err(BinError::Missing(path.clone()));
        }
        trash::delete(path).map_err(|error| BinError::Refused(error.to_string()))?;
    }
    Ok(())
}
