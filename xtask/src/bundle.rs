//! `cargo xtask bundle`: builds the plugin and makes the CLAP and VST3 bundles.
//!
//! Arguments are those of `cargo build` (`--release`, `--target`, …), `-p PACKAGE` for
//! another package than the plugin. Names come from `bundler.toml`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The package that is bundled when none is named.
const PLUGIN: &str = "barline-plugin";

/// Builds, then bundles into `bundled` of the target folder.
///
/// nice-plug-xtask's own entry looks for the outermost `Cargo.toml` above this one, which is
/// another project's when the repository lies inside of it; so its two steps are called here,
/// from our root.
pub(crate) fn run(mut args: Vec<String>) -> Result<()> {
    let package = match args.first().map(String::as_str) {
        Some("-p") => {
            ensure!(args.len() > 1, "-p needs the name of a package");
            args.drain(..2).nth(1).unwrap_or_default()
        }
        _ => PLUGIN.to_owned(),
    };
    std::env::set_current_dir(root()?).context("cannot enter the repository's root")?;
    // The whole workspace at once: with one set of features for all members the dependencies
    // are compiled once for the plugin, the command line and the tests. Not xtask itself,
    // which runs.
    let whole = ["--workspace", "--exclude", "xtask"].map(str::to_owned);
    let build_args = [&whole[..], &args].concat();
    nice_plug_xtask::build(std::slice::from_ref(&package), &build_args)?;
    nice_plug_xtask::bundle(&target_folder()?, &package, &args, false)
}

/// The root of the workspace: cargo tells where this package lies.
pub(crate) fn root() -> Result<PathBuf> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let root = PathBuf::from(here)
        .parent()
        .context("xtask has no parent folder")?
        .to_owned();
    Ok(root)
}

/// Where cargo puts what it builds, whatever its settings are.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let folder = metadata["target_directory"]
        .as_str()
        .context("cargo metadata has no target")?;
    Ok(folder.into())
}

/// The variable that names the library's folder to the plugin and its tests.
pub(crate) const LIBRARY: &str = "BARLINE_LIBRARY";

/// An empty folder for the library of what a verb runs: nothing that is made for a test may lie
/// among the takes of whoever works here.
pub(crate) fn fresh_library(verb: &str) -> Result<PathBuf> {
    let folder = target_folder()?.join("library").join(verb);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}
