//! In place of the audio device where the program was built without playing.
//!
//! Main thread. There is none, and nothing can be done with it.

use barline_engine::Clip;

/// A device that can't be had.
pub(super) enum Device {}

impl Device {
    /// Says why there is none.
    pub(super) fn open() -> Result<Self, String> {
        Err("this program was built without playing (cargo feature `play`)".into())
    }

    pub(super) fn play(&mut self, _: &Clip) {
        match *self {}
    }

    pub(super) fn stop(&mut self) {
        match *self {}
    }

    pub(super) fn set_volume(&mut self, _: f32) {
        match *self {}
    }

    pub(super) fn lost(&self) -> bool {
        match *self {}
    }
}
