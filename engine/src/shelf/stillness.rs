//! Whether the machine is still, so that a measurement says something about it.
//!
//! Any thread but the audio thread; may wait.

use std::time::Duration;

/// Of all cores together, what may be in use.
const STILL_PERCENT: f32 = 35.0;

/// Shorter, and the system's counts are too coarse.
const WATCHED: Duration = Duration::from_millis(250);

/// How busy the machine is with other things: what is measured beside them is no fact of the machine.
#[derive(Debug)]
pub struct Stillness {
    system: sysinfo::System,
}

impl Stillness {
    /// Begins to watch.
    #[must_use]
    pub fn watch() -> Self {
        let mut system = sysinfo::System::new();
        system.refresh_cpu_usage();
        Self { system }
    }

    /// Whether the machine was still since this was last asked, or since it is watched: at least a
    /// quarter of a second.
    pub fn is_still(&mut self) -> bool {
        self.system.refresh_cpu_usage();
        self.system.global_cpu_usage() < STILL_PERCENT
    }

    /// Watches for a quarter of a second.
    #[must_use]
    pub fn now() -> bool {
        let mut watch = Self::watch();
        std::thread::sleep(WATCHED);
        watch.is_still()
    }
}
