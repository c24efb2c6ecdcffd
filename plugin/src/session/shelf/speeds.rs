//! How fast the models of the shelf would be on this machine: measured once, in quiet moments.
//!
//! Any thread asks; `barline-speeds`, one a process at the lowest priority, measures a size at a time while
//! no instance plays or makes anything, and notes it for all processes (see `shelf::Speeds`). Beside other
//! programs that work it waits a while; what it measures then is shown, and not noted. It ends when all is
//! known, or when no instance is left.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use barline_engine::model::Size;
use barline_engine::shelf::predict::Predictor;
use barline_engine::shelf::{Entry, Speeds, Stillness};
use barline_engine::worker;

use super::super::instances::{self, Process};

/// How long all must have been quiet before something is measured, and how often that is looked at.
const QUIET: Duration = Duration::from_millis(1500);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long to wait for other programs.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the process knows.
struct Board {
    speeds: Option<Speeds>,
    /// Sizes and channels that are to be measured.
    wanted: Vec<(Size, u8)>,
    measuring: bool,
}

static BOARD: Mutex<Board> = Mutex::new(Board {
    speeds: None,
    wanted: Vec::new(),
    measuring: false,
});

fn board() -> std::sync::MutexGuard<'static, Board> {
    BOARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds a bar takes with a model, where that is known.
pub(super) fn known(entry: &Entry) -> Option<f32> {
    let size = entry.size.filter(|_| entry.runs())?;
    let seconds = board().speeds.as_ref()?.get(size, entry.channels)?;
    Some(seconds as f32)
}

/// Reads what was measured before, and has the rest measured.
pub(super) fn want(entries: &[Entry], path: &Path) {
    // Another process may have measured what this one has not.
    let noted = Speeds::read(path);
    let mut board = board();
    let speeds = board.speeds.get_or_insert_default();
    let shapes = entries.iter().filter(|entry| entry.runs());
    let shapes = shapes.filter_map(|entry| Some((entry.size?, entry.channels)));
    let unknown = shapes.filter(|&(size, channels)| {
        if let (None, Some(seconds)) = (speeds.get(size, channels), noted.get(size, channels)) {
            speeds.set(size, channels, seconds);
        }
        speeds.get(size, channels).is_none()
    });
    let mut wanted: Vec<(Size, u8)> = Vec::new();
    for shape in unknown {
        if !wanted.contains(&shape) {
            wanted.push(shape);
        }
    }
    board.wanted = wanted;
    if board.wanted.is_empty() || board.measuring {
        return;
    }
    let path = path.to_owned();
    let spawned = std::thread::Builder::new()
        .name("barline-speeds".into())
        .spawn(move || measure(path));
    // Without a thread nothing is predicted.
    board.measuring = spawned.is_ok();
}

/// Measures what is wanted, the fastest first.
fn measure(path: PathBuf) {
    worker::lower_priority();
    let mut predictor = Predictor::new(worker::default_threads());
    let mut machine = Machine {
        watch: Stillness::watch(),
        patience: PATIENCE,
    };
    loop {
        let quiet = machine.wait_for_quiet();
        let next = {
            let mut board = board();
            let next = board.wanted.first().copied().filter(|_| quiet.is_some());
            board.measuring = next.is_some();
            next
        };
        let Some((size, channels)) = next else {
            return;
        };
        let measured = predictor.seconds_per_bar(size, channels);
        let mut board = board();
        board.wanted.retain(|shape| *shape != (size, channels));
        if let (Ok(seconds), Some(speeds)) = (measured, &mut board.speeds) {
            speeds.set(size, channels, seconds);
            if quiet == Some(Quiet::All) {
                let mut noted = Speeds::default();
                noted.set(size, channels, seconds);
                // Who can't write there measures again in the next process.
                let _ = noted.write(&path);
            }
        }
    }
}

/// Who is quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quiet {
    /// All instances and the rest of the machine.
    All,
    /// The instances: others work on and on.
    Ours,
}

struct Machine {
    watch: Stillness,
    /// What is left of it, for all that is measured.
    patience: Duration,
}

impl Machine {
    /// Until a quiet moment comes; `None` when the last instance went before.
    fn wait_for_quiet(&mut self) -> Option<Quiet> {
        let mut quiet = Duration::ZERO;
        loop {
            std::thread::sleep(LOOK_EVERY);
            let still = self.watch.is_still();
            match instances::look() {
                Process::Left => return None,
                Process::Busy => quiet = Duration::ZERO,
                Process::Quiet => quiet += LOOK_EVERY,
            }
            if quiet < QUIET {
                continue;
            }
            if still {
                return Some(Quiet::All);
            }
            if self.patience.is_zero() {
                return Some(Quiet::Ours);
            }
            self.patience = self.patience.saturating_sub(LOOK_EVERY);
        }
    }
}
