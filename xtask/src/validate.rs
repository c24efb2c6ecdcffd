//! `cargo xtask validate`: the VST3 in real hosts, by the Python scripts in `tests/validate`.
//!
//! The hosts live in a virtual environment: that of `BARLINE_VENV`, or one that is made in the
//! target folder on the first run. Each script prints a line for each check. All scripts run,
//! one after another; a script that hangs is ended with all that it started.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::bundle;

const SCRIPTS: [&str; 8] = [
    "in_readers.py",
    "in_dawdreamer.py",
    "in_pedalboard.py",
    "in_editor.py",
    "in_models.py",
    "in_drag.py",
    "in_ardour.py",
    "in_validators.py",
];
/// A script takes well under a minute on two cores; most of it is the model at work.
const LONGEST: Duration = Duration::from_secs(300);

/// Runs all scripts on the bundle and the command line that were built last.
pub(crate) fn run() -> Result<()> {
    let root = bundle::root()?;
    let target = bundle::target_folder()?;
    let scripts = root.join("tests/validate");
    let vst3 = target.join("bundled/Barline.vst3");
    ensure!(
        vst3.exists(),
        "{} is missing: run `cargo xtask bundle` first",
        vst3.display()
    );
    let barline = command_line(&target)?;
    let python = python(&target, &scripts.join("requirements.txt"))?;
    let folder = target.join("validate");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;

    let library = bundle::fresh_library("validate")?;

    let mut failed = Vec::new();
    for script in SCRIPTS {
        println!("{script}");
        let mut command = Command::new(&python);
        command.arg(scripts.join(script)).arg("--bundle").arg(&vst3);
        command
            .arg("--barline")
            .arg(&barline)
            .arg("--folder")
            .arg(&folder);
        command.env(bundle::LIBRARY, &library);
        // No cache files beside the sources.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        match patiently(command).with_context(|| script.to_owned())? {
            Some(status) if status.success() => {}
            Some(status) => failed.push(format!("{script} ({status})")),
            None => failed.push(format!("{script} (no end after {} s)", LONGEST.as_secs())),
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    println!("The editor: {}", folder.join("editor.png").display());
    Ok(())
}

/// The command line's program of the profile that was built last.
fn command_line(target: &Path) -> Result<PathBuf> {
    let name = format!("barline{}", std::env::consts::EXE_SUFFIX);
    ["debug", "release"]
        .iter()
        .map(|profile| target.join(profile).join(&name))
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max()
        .map(|(_, path)| path)
        .context("the command line is missing: run `cargo xtask bundle` first")
}

/// Python with the hosts; makes the environment when it is missing or asks for other versions.
fn python(target: &Path, requirements: &Path) -> Result<PathBuf> {
    let place = if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    };
    if let Some(folder) = std::env::var_os("BARLINE_VENV") {
        let python = Path::new(&folder).join(place);
        ensure!(
            python.is_file(),
            "BARLINE_VENV is set, but there is no {}",
            python.display()
        );
        return Ok(python);
    }
    let folder = target.join("validate-venv");
    let python = folder.join(place);
    let wanted = std::fs::read_to_string(requirements)?;
    let stamp = folder.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("making {}", folder.display());
    succeed(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )
    .context("Python 3 with venv is needed (on Debian: python3-venv)")?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ];
    succeed(Command::new(&python).args(pip).arg(requirements))?;
    std::fs::write(&stamp, wanted)?;
    Ok(python)
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// Runs a script to its end; `None` when it had to be ended.
fn patiently(mut command: Command) -> Result<Option<ExitStatus>> {
    #[cfg(unix)]
    {
        // A group of its own, so that it can be ended with its display and programs.
        use std::os::unix::process::CommandExt;
        command.process_group(0);
    }
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            // A crash of the host leaves its helpers behind.
            end_group(&child);
            return Ok(Some(status));
        }
        if begin.elapsed() > LONGEST {
            end_group(&child);
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ends what a script started and left.
fn end_group(child: &Child) {
    if cfg!(unix) {
        // Fails when nothing is left, which is the rule.
        let _ = Command::new("kill")
            .args(["-TERM", "--", &format!("-{}", child.id())])
            .stderr(std::process::Stdio::null())
            .status();
    }
}
