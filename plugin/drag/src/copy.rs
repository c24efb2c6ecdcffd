//! Files on the clipboard, to be pasted in a host or a file manager.
//!
//! Called on the window's thread, done on another. Never deletes what it copied.

use std::path::PathBuf;

use crate::{DragError, NativeWindow, Pending};

/// Why files are not on the clipboard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The list of files is empty.
    #[error("there is no file to copy")]
    NoFiles,
    /// A file is not there, or its path is not absolute.
    #[error("{} is missing: make the clip again", .0.display())]
    Missing(PathBuf),
    /// The clipboard cannot be reached or is held by another program; the text says more.
    #[error("the clipboard refuses the file ({0}): try again, or use \"Save as\"")]
    Refused(String),
}

impl From<DragError> for CopyError {
    fn from(error: DragError) -> Self {
        match error {
            DragError::NoFiles => Self::NoFiles,
            DragError::Missing(path) => Self::Missing(path),
            other @ (DragError::UnsupportedWindow | DragError::Display(_) | DragError::Stopped) => {
                Self::Refused(other.to_string())
            }
        }
    }
}

/// Puts files on the clipboard, as file managers do. `window` is the panel's.
///
/// On X11 they stay there until something else is copied or the process ends; elsewhere the
/// system keeps them. `wake` is called from another thread once the result is there.
pub fn copy_files(
    window: NativeWindow,
    files: Vec<PathBuf>,
    wake: impl Fn() + Send + 'static,
) -> Pending<Result<(), CopyError>> {
    let fault = || Err(CopyError::Refused("a fault".to_owned()));
    Pending::spawn("barline copy", fault, move || copy(window, files), wake)
}

fn copy(window: NativeWindow, files: Vec<PathBuf>) -> Result<(), CopyError> {
    if files.is_empty() {
        return Err(CopyError::NoFiles);
    }
    if let Some(error) = crate::drag::missing(&files) {
        return Err(error.into());
    }
    #[cfg(all(unix, not(target_os = "macos")))]
    {
        crate::x11::clipboard::own(window, files)?;
    }
    #[cfg(any(windows, target_os = "macos"))]
    {
        let _ = window;
        let refused = |error: arboard::Error| CopyError::Refused(error.to_string());
        let mut clipboard = arboard::Clipboard::new().map_err(refused)?;
        clipboard.set().file_list(&files).map_err(refused)?;
    }
    Ok(())
}
