//! Where the things under test lie, and one way to run the command line.
//!
//! Any test thread. Nothing is built here: what is missing is an error that says what to run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The folder of this profile's programs: two above this test's own.
fn profile_folder() -> Result<PathBuf> {
    let test = std::env::current_exe().context("this test has no path")?;
    let folder = test.ancestors().nth(2).context("this test has no folder")?;
    Ok(folder.to_owned())
}

/// The command line's program.
pub(crate) fn barline() -> Result<PathBuf> {
    let path = profile_folder()?.join(format!("barline{}", std::env::consts::EXE_SUFFIX));
    ensure!(
        path.is_file(),
        "{} is missing: run `cargo build --workspace` first",
        path.display()
    );
    Ok(path)
}

/// The CLAP bundle's library.
pub(crate) fn clap_library() -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .context("cargo gave no target folder")?;
    let bundle = target.join("bundled/Barline.clap");
    let library = if cfg!(target_os = "macos") {
        bundle.join("Contents/MacOS/Barline")
    } else {
        bundle
    };
    ensure!(
        library.is_file(),
        "{} is missing: run `cargo xtask bundle` first",
        library.display()
    );
    Ok(library)
}

/// The starter model's files, which the programs have compiled in.
pub(crate) fn starter_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/starter")
}

/// `barline generate`, ready for more arguments.
pub(crate) fn generate(prompt: &str) -> Result<Command> {
    let mut command = Command::new(barline()?);
    command.args(["generate", prompt]);
    Ok(command)
}
