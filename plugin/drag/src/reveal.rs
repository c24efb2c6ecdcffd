//! A file shown in the desktop's file manager.
//!
//! Called on the window's thread, done on another by small programs that every desktop has.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Pending;

/// Why a file was not shown.
#[derive(Debug, thiserror::Error)]
pub enum RevealError {
    /// The file is not there.
    #[error("{} is gone: make the clip again", .0.display())]
    Missing(PathBuf),
    /// There is no file manager that could be asked.
    #[error("no file manager answers: the file is {}", .0.display())]
    NoFileManager(PathBuf),
}

/// Opens the file manager with `file` selected; where it can't select, on the file's folder.
///
/// `wake` is called from another thread once the result is there.
pub fn reveal(file: PathBuf, wake: impl Fn() + Send + 'static) -> Pending<Result<(), RevealError>> {
    let fault = || Err(RevealError::NoFileManager(PathBuf::new()));
    Pending::spawn("barline reveal", fault, move || show(&file), wake)
}

fn show(file: &Path) -> Result<(), RevealError> {
    let Ok(file) = std::path::absolute(file) else {
        return Err(RevealError::Missing(file.to_owned()));
    };
    if !file.exists() {
        return Err(RevealError::Missing(file));
    }
    if ask(&file) {
        Ok(())
    } else {
        Err(RevealError::NoFileManager(file))
    }
}

/// The freedesktop call for it; then a folder opened by whatever opens folders.
#[cfg(all(unix, not(target_os = "macos")))]
fn ask(file: &Path) -> bool {
    const NAME: &str = "org.freedesktop.FileManager1";
    let uri = crate::uri::encode(file);
    let mut dbus_send = Command::new("dbus-send");
    dbus_send
        .args(["--session", "--print-reply", "--reply-timeout=10000"])
        .arg(format!("--dest={NAME}"))
        .arg("/org/freedesktop/FileManager1")
        .arg(format!("{NAME}.ShowItems"))
        // Commas would part the list; the URI has none.
        .arg(format!("array:string:{uri}"))
        .arg("string:");
    let mut gdbus = Command::new("gdbus");
    gdbus
        .args(["call", "--session", "--timeout", "10", "--dest", NAME])
        .args(["--object-path", "/org/freedesktop/FileManager1"])
        .args(["--method", &format!("{NAME}.ShowItems")])
        .arg(format!("['{uri}']"))
        .arg("");
    let folder = file.parent().unwrap_or(file);
    succeeds(&mut dbus_send)
        || succeeds(&mut gdbus)
        || succeeds(Command::new("xdg-open").arg::<&OsStr>(folder.as_ref()))
}

#[cfg(target_os = "macos")]
fn ask(file: &Path) -> bool {
    succeeds(Command::new("open").arg::<&OsStr>("-R".as_ref()).arg(file))
}

/// Explorer answers 1 though it did what was asked: that it started is all there is to know.
#[cfg(windows)]
fn ask(file: &Path) -> bool {
    use std::os::windows::process::CommandExt;
    let mut words = std::ffi::OsString::from("/select,\"");
    // No path on Windows has a quotation mark.
    words.push::<&OsStr>(file.as_ref());
    words.push("\"");
    let mut explorer = Command::new("explorer.exe");
    explorer.raw_arg(words);
    quiet(&mut explorer).spawn().is_ok()
}

#[cfg(unix)]
fn succeeds(command: &mut Command) -> bool {
    quiet(command).status().is_ok_and(|status| status.success())
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}
