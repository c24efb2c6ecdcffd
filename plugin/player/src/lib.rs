//! What Barline runs on the audio thread: a clip, locked to the host's beats.
//!
//! # Threads
//! Two halves, made together by [`handoff`]:
//! - [`Control`] belongs to the session. It allocates, cuts audio into blocks, and frees
//!   what comes back. Any thread but the audio thread.
//! - [`Player`] belongs to the audio thread. All of its methods but `drop` are
//!   realtime-safe: they never allocate, free, lock, wait, log, do I/O or panic, and their
//!   time is bounded by the length of the buffer.
//!
//! Between them run two rings that never wait (`rtrb`): commands with the memory they carry
//! one way, reports and spent memory the other. There is nothing else: no shared state.
//!
//! # Invariants
//! 1. Memory is allocated and freed by `Control` alone. The player moves boxes.
//! 2. The player takes a command only when the ring back has room for all that the command
//!    can free, so neither ring can overflow and nothing is lost.
//! 3. Where the playhead is, is a function of what the host says of its place, computed afresh for
//!    each block: nothing accumulates and nothing drifts. (Of a host that rounds its places and had another
//!    tempo before, the last blocks' places are asked, too.)
//! 4. At the clip's own tempo the output is the clip's samples, bit by bit.
//! 5. The gains of all that sounds at once never sum to more than one: no fade is louder than
//!    the clip.
#![forbid(unsafe_code)]
#![warn(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_macros
)]

mod balance;
mod clip;
mod clock;
mod control;
mod fade;
mod grow;
mod handoff;
mod kernel;
mod launch;
mod note;
mod outputs;
mod part;
mod path;
mod player;
mod render;
mod report;
mod scene;
mod settings;
mod shelf;
mod slot;
mod sync;
mod ticks;
mod transport;
mod voice;

/// Clips that can sound at once, each in a slot of its own.
pub const SLOTS: usize = 8;

pub use clip::{BLOCK_FRAMES, ClipId, ClipInfo};
pub use control::{ClipError, Control, GrowError};
pub use handoff::handoff;
pub use note::{FIRST_KEY, Note};
pub use outputs::{Outputs, StereoOut};
pub use player::Player;
pub use report::{Playhead, SlotState, SlotStatus, Status};
pub use settings::{Hear, MAX_GAIN, NoteMode, Quantise, Settings, SlotSettings};
pub use sync::Grid;
pub use transport::Transport;
