//! Runs a test in a process of its own.
//!
//! A plugin that aborts then fails its own test and no other, threads can be counted, and the
//! test's thread is the main thread of its host, of which there is only one. The tests take
//! turns: each of them keeps the machine busy.

use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Names the folder that a test in its own process may use; set, it says that this is one.
const FOLDER: &str = "BARLINE_TEST_ALONE";
/// Names the plugin's library.
pub(super) const LIBRARY: &str = "BARLINE_LIBRARY";
/// A test that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(240);

static TURN: Mutex<()> = Mutex::new(());

/// Runs `stages`, each in a new process, one after another. `name` is the test's path within
/// this crate; all stages get the same folder, empty at first.
pub(crate) fn alone(name: &str, stages: &[fn(&std::path::Path) -> Result<()>]) -> Result<()> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = std::path::PathBuf::from(folder);
        let stage: usize = std::fs::read_to_string(folder.join("stage"))?.parse()?;
        let result = stages.get(stage).context("no such stage")?(&folder);
        // Without this the parent would take a name that matches no test for success.
        std::fs::write(folder.join("ran"), "")?;
        return result;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir()?;
    for stage in 0..stages.len() {
        std::fs::write(folder.path().join("stage"), stage.to_string())?;
        let ran = folder.path().join("ran");
        let begin = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .args([name, "--exact", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .env("RUST_BACKTRACE", "1")
            // Every take is kept: not among those of whoever runs this.
            .env(LIBRARY, folder.path().join("library"))
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start this test again")?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if begin.elapsed() > LONGEST {
                child.kill()?;
                child.wait()?;
                bail!("{name}, stage {stage}: no end after {LONGEST:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        ensure!(status.success(), "{name}, stage {stage}: {status}");
        ensure!(ran.is_file(), "{name}: no test of that name ran");
        std::fs::remove_file(ran)?;
    }
    Ok(())
}
