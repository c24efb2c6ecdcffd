//! "Save as…": the desktop's own dialog, then the copy.
//!
//! Opened from the window's thread; waited for, and the file written, on another. Never leaves
//! half a file, and never blocks the panel while the dialog is open.

use std::io;
use std::path::{Path, PathBuf};

#[cfg(not(target_os = "macos"))]
use std::time::{Duration, Instant};

use crate::Pending;

/// A dialog that is closed sooner was never open.
#[cfg(not(target_os = "macos"))]
const FASTEST_USER: Duration = Duration::from_millis(300);

/// What a "Save as…" came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveAs {
    /// The file is there.
    Saved(PathBuf),
    /// The user closed the dialog.
    Cancelled,
}

/// Why nothing was saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Neither an XDG desktop portal nor zenity is there: the panel asks for a path itself.
    #[error("this desktop has no file dialog: type a path, or install zenity")]
    NoDialog,
    /// The file could not be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// Where it was to go.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Asks where to copy `file`, then copies it there, whole or not at all. `folder` is where the
/// dialog opens.
///
/// Must be called on the window's thread. `wake` is called from another once the result is there.
pub fn save_as(
    file: PathBuf,
    folder: Option<PathBuf>,
    wake: impl Fn() + Send + 'static,
) -> Pending<Result<SaveAs, SaveError>> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let ending = file.extension().unwrap_or_default().to_string_lossy();
    #[cfg(target_os = "macos")]
    let dialog = rfd::AsyncFileDialog::new();
    #[cfg(not(target_os = "macos"))]
    let dialog = rfd::FileDialog::new();
    let mut dialog = dialog
        .set_title("Save as")
        .set_file_name(name)
        .add_filter(ending.to_uppercase(), &[ending]);
    if let Some(folder) = folder {
        dialog = dialog.set_directory(folder);
    }
    // Dialogs begin on the main thread there, and are waited for elsewhere.
    #[cfg(target_os = "macos")]
    let dialog = dialog.save_file();
    let ask = move || -> Result<Option<PathBuf>, SaveError> {
        #[cfg(target_os = "macos")]
        return Ok(wait(dialog).map(|chosen| chosen.path().to_owned()));
        #[cfg(not(target_os = "macos"))]
        {
            if !dialog_exists() {
                return Err(SaveError::NoDialog);
            }
            let begin = Instant::now();
            match dialog.save_file() {
                None if begin.elapsed() < FASTEST_USER => Err(SaveError::NoDialog),
                chosen => Ok(chosen),
            }
        }
    };
    let fault = || Err(SaveError::NoDialog);
    let work = move || match ask()? {
        None => Ok(SaveAs::Cancelled),
        Some(path) => {
            let path = with_ending(path, &file);
            copy_whole(&file, &path)
                .map_err(|error| SaveError::Write {
                    path: path.clone(),
                    error,
                })
                .map(|()| SaveAs::Saved(path))
        }
    };
    Pending::spawn("barline save", fault, work, wake)
}

/// The path with the file's own ending, where the user typed none. A file that the dialog did not
/// ask about is not written over.
fn with_ending(path: PathBuf, file: &Path) -> PathBuf {
    match file.extension() {
        Some(ending) if path.extension().is_none() => {
            let longer = path.with_extension(ending);
            if longer.exists() { path } else { longer }
        }
        _ => path,
    }
}

/// Copies beside the place, then renames: nobody sees half a file.
fn copy_whole(from: &Path, to: &Path) -> io::Result<()> {
    if let (Ok(from), Ok(to)) = (from.canonicalize(), to.canonicalize())
        && from == to
    {
        return Ok(());
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(to.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    let part = to.with_file_name(name);
    let written = std::fs::copy(from, &part)
        .and_then(|_| std::fs::OpenOptions::new().write(true).open(&part))
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(&part, to));
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

#[cfg(windows)]
fn dialog_exists() -> bool {
    true
}

/// The crate that shows the dialog answers the same where there is none and where the user closed
/// it, so this looks first for one of the two that it knows.
#[cfg(all(unix, not(target_os = "macos")))]
fn dialog_exists() -> bool {
    use std::process::{Command, Stdio};
    let answers = |program: &str, words: &[&str]| {
        Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map(|status| status.success())
    };
    if answers("zenity", &["--version"]).unwrap_or(false) {
        return true;
    }
    const PORTAL: &str = "org.freedesktop.portal.Desktop";
    const OBJECT: &str = "/org/freedesktop/portal/desktop";
    const CHOOSER: &str = "org.freedesktop.portal.FileChooser";
    const GET: &str = "org.freedesktop.DBus.Properties.Get";
    let by_dbus_send = answers(
        "dbus-send",
        &[
            "--session",
            "--print-reply",
            "--reply-timeout=5000",
            &format!("--dest={PORTAL}"),
            OBJECT,
            GET,
            &format!("string:{CHOOSER}"),
            "string:version",
        ],
    );
    let by_gdbus = || {
        let place = ["call", "--session", "--timeout", "5", "--dest", PORTAL];
        let call = ["--object-path", OBJECT, "--method", GET, CHOOSER, "version"];
        answers("gdbus", &[&place[..], &call[..]].concat())
    };
    // Without either tool nobody knows: the dialog is tried, and the clock tells.
    by_dbus_send.or_else(|_| by_gdbus()).unwrap_or(true)
}

/// Waits for a future on this thread.
#[cfg(target_os = "macos")]
fn wait<T>(future: impl Future<Output = T>) -> T {
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};

    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::{copy_whole, with_ending};
    use std::fs;
    use std::path::{Path, PathBuf};

    #[test]
    fn a_name_without_an_ending_gets_the_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("loop");
        let wav = folder.path().join("loop.wav");
        assert_eq!(with_ending(path.clone(), Path::new("a.wav")), wav);
        let named = PathBuf::from("b.aif");
        assert_eq!(with_ending(named.clone(), Path::new("a.wav")), named);
        // The dialog asked about `loop`, not about this one.
        fs::write(&wav, "kept").expect("written");
        assert_eq!(with_ending(path.clone(), Path::new("a.wav")), path);
    }

    #[test]
    fn a_copy_is_whole_or_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let from = folder.path().join("from.wav");
        let to = folder.path().join("to.wav");
        fs::write(&from, "new").expect("written");
        fs::write(&to, "old").expect("written");
        copy_whole(&from, &to).expect("copied");
        assert_eq!(fs::read(&to).expect("read"), b"new");
        copy_whole(&to, &to).expect("onto itself");
        assert_eq!(fs::read(&to).expect("read"), b"new");
        let nowhere = folder.path().join("missing/to.wav");
        assert!(copy_whole(&from, &nowhere).is_err());
        // A folder cannot be replaced by a file; nothing stays behind.
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).expect("made");
        assert!(copy_whole(&from, &taken).is_err());
        let names = fs::read_dir(folder.path()).expect("read").count();
        assert_eq!(names, 3);
    }
}
