//! Waiting for audio that is still being made, when the host renders offline. Only then.
//!
//! Audio thread of an offline render, where time does not pass for the listener: a bounce has
//! the loop from its first beat on, however slow the machine. It sleeps between looks, never
//! allocates, and gives up when nothing moves, so that no fault here can hang a render.

use std::time::{Duration, Instant};

use crate::session::Busy;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Nothing moved for so long: a job that waits behind others has time, one that hangs ends.
const STILL: Duration = Duration::from_secs(120);
/// The longest wait in all.
const LONGEST: Duration = Duration::from_secs(20 * 60);

/// How long an offline render waits.
#[derive(Debug, Default)]
pub struct Patience {
    /// It ran out; it comes back when the session is done.
    spent: bool,
}

impl Patience {
    /// Sleeps until the session has handed over all that it was asked for. `receive` takes in
    /// what it hands over, so that it never waits for room.
    pub fn wait(&mut self, busy: &Busy, presses: impl Fn() -> u32, mut receive: impl FnMut()) {
        if !busy.now(presses()) {
            self.spent = false;
            return;
        }
        if self.spent {
            return;
        }
        let start = Instant::now();
        let (mut moved, mut progress) = (start, busy.progress());
        while busy.now(presses()) {
            let now = Instant::now();
            if progress != busy.progress() {
                (moved, progress) = (now, busy.progress());
            }
            if now - moved > STILL || now - start > LONGEST {
                self.spent = true;
                return;
            }
            std::thread::sleep(LOOK_EVERY);
            receive();
        }
        receive();
    }
}
