//! The session's half: hands clips to the player and frees what comes back.
//!
//! Any one thread but the audio thread; it allocates and frees. Nothing here waits for the
//! player or fails because the host does not process: what finds no room in the ring is kept
//! and sent by a later call of [`Control::poll`]. What newer orders make useless is dropped on
//! the way, so that at most one complete and one growing clip are ever kept.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;

use crate::clip::{Block, Clip, ClipId, ClipInfo};
use crate::handoff::{Command, Return, SessionEnd};
use crate::report::Status;

/// Why a clip can't begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipError {
    /// The length, the beats or the tempo describe no clip.
    Facts,
    /// The channels are not as long as each other and the clip.
    Length,
}

impl fmt::Display for ClipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Facts => {
                "a clip needs at least one frame, a length in beats above 0 and a tempo from 1 to \
                 2000 BPM: check how these were measured"
            }
            Self::Length => "the channels must have exactly the clip's length: pass all of it",
        })
    }
}

impl Error for ClipError {}

/// Why a clip can't grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrowError {
    /// It is not the clip that grows now: it was never begun, is finished, or gave way.
    NotGrowing,
    /// There is more audio than the clip has frames. None of it was taken.
    TooLong,
    /// The channels are not equally long. Nothing was taken.
    Uneven,
}

impl fmt::Display for GrowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotGrowing => "this clip does not grow: begin it first",
            Self::TooLong => "the clip is full: begin it with its whole length",
            Self::Uneven => "left and right must be equally long",
        })
    }
}

impl Error for GrowError {}

/// The clip that grows.
struct Growing {
    id: ClipId,
    frames: usize,
    pushed_frames: usize,
    /// What does not fill a block yet.
    partial: Box<Block>,
}

/// The session's half of a player.
pub struct Control {
    end: SessionEnd,
    /// Orders that found no room yet, oldest first.
    pending: VecDeque<Command>,
    growing: Option<Growing>,
    status: Status,
}

impl Control {
    pub(crate) fn new(end: SessionEnd) -> Self {
        Self {
            end,
            pending: VecDeque::new(),
            growing: None,
            status: Status::default(),
        }
    }

    /// Begins a clip that will grow. It sounds at once when there is no other clip; else when it
    /// is finished, or when the other is discarded. A clip that was still growing gives way: it
    /// grows no more.
    ///
    /// # Errors
    /// [`ClipError::Facts`].
    pub fn begin(&mut self, info: ClipInfo) -> Result<(), ClipError> {
        let frames = info.table_frames().ok_or(ClipError::Facts)?;
        if let Some(old) = self.growing.take() {
            self.pending
                .retain(|command| command.cargo() != Some(old.id));
        }
        let partial = Block::empty();
        self.growing = Some(Growing {
            id: info.id,
            frames,
            pushed_frames: 0,
            partial,
        });
        self.send(Command::Clip(Box::new(Clip::new(info, frames))));
        Ok(())
    }

    /// Adds audio at the end of the clip that grows. It is sent in whole blocks.
    ///
    /// # Errors
    /// [`GrowError`]; nothing is taken then.
    pub fn push(&mut self, id: ClipId, left: &[f32], right: &[f32]) -> Result<(), GrowError> {
        let growing = self.growing.as_mut().filter(|growing| growing.id == id);
        let growing = growing.ok_or(GrowError::NotGrowing)?;
        if left.len() != right.len() {
            return Err(GrowError::Uneven);
        }
        if left.len() > growing.frames - growing.pushed_frames {
            return Err(GrowError::TooLong);
        }
        growing.pushed_frames += left.len();
        let complete = growing.pushed_frames == growing.frames;
        let mut full = cut(&mut growing.partial, left, right);
        if complete && growing.partial.frames() > 0 {
            full.push(std::mem::replace(&mut growing.partial, Block::empty()));
        }
        for block in full {
            self.send(Command::Block(id, block));
        }
        Ok(())
    }

    /// Ends the growing: sends what is left, and the clip takes the place of the one that plays.
    /// What is missing of its length stays silent.
    ///
    /// # Errors
    /// [`GrowError::NotGrowing`].
    pub fn finish(&mut self, id: ClipId) -> Result<(), GrowError> {
        let growing = self.growing.take_if(|growing| growing.id == id);
        let growing = growing.ok_or(GrowError::NotGrowing)?;
        // Clips that wait behind a full ring would be replaced as soon as they arrive.
        self.pending
            .retain(|command| command.cargo().is_none_or(|cargo| cargo == id));
        if growing.partial.frames() > 0 {
            self.send(Command::Block(id, growing.partial));
        }
        self.send(Command::Finish(id));
        Ok(())
    }

    /// Hands over a complete clip, which takes the place of the one that plays. A clip that
    /// grows goes on growing and takes its place when it is finished.
    ///
    /// # Errors
    /// [`ClipError`].
    pub fn load(&mut self, info: ClipInfo, left: &[f32], right: &[f32]) -> Result<(), ClipError> {
        let clip = complete(info, left, right)?;
        self.send_complete(Command::Clip(clip));
        Ok(())
    }

    /// As [`Control::load`], but where a clip sounds it goes on until the next beat: for the same clip
    /// at another tempo.
    ///
    /// # Errors
    /// [`ClipError`].
    pub fn swap(&mut self, info: ClipInfo, left: &[f32], right: &[f32]) -> Result<(), ClipError> {
        let clip = complete(info, left, right)?;
        self.send_complete(Command::Swap(clip));
        Ok(())
    }

    /// Complete clips that wait behind a full ring would be replaced as soon as they arrive.
    fn send_complete(&mut self, command: Command) {
        let growing = self.growing.as_ref().map(|growing| growing.id);
        self.pending
            .retain(|command| command.cargo().is_none_or(|id| Some(id) == growing));
        self.send(command);
    }

    /// Takes one clip away, faded out: a cancelled one, say. The clip that grows, if it is another,
    /// takes its place. No clip of that name: nothing happens.
    pub fn discard(&mut self, id: ClipId) {
        self.growing.take_if(|growing| growing.id == id);
        self.pending.retain(|command| command.cargo() != Some(id));
        self.send(Command::Discard(id));
    }

    /// Takes all clips away, faded out.
    pub fn clear(&mut self) {
        self.growing = None;
        self.pending
            .retain(|command| matches!(command, Command::Audition(_)));
        self.send(Command::Clear);
    }

    /// Plays, or does not, while the host's transport stands: from the clip's start, at its own
    /// tempo.
    pub fn audition(&mut self, on: bool) {
        self.pending
            .retain(|command| !matches!(command, Command::Audition(_)));
        self.send(Command::Audition(on));
    }

    /// Frees what the player gave back, sends what waits, and says what was last heard. Call it
    /// often, a few dozen times a second, also while nothing is generated.
    pub fn poll(&mut self) -> Status {
        self.status.fresh = false;
        self.status.peaks = [0.0; 2];
        while let Some(returned) = self.end.take() {
            match returned {
                Return::Clip(clip) => drop(clip),
                Return::Block(block) => drop(block),
                Return::Report(report) => self.status.take(&report),
            }
        }
        self.flush();
        self.status.disconnected = self.end.abandoned();
        self.status
    }

    /// Commands that wait for room in the ring. 0 means that all was handed over.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    fn send(&mut self, command: Command) {
        self.pending.push_back(command);
        self.flush();
    }

    fn flush(&mut self) {
        if self.end.abandoned() {
            self.pending.clear();
        }
        while let Some(command) = self.pending.pop_front() {
            if let Err(command) = self.end.send(command) {
                self.pending.push_front(command);
                return;
            }
        }
    }
}

/// A clip with all of its audio.
fn complete(info: ClipInfo, left: &[f32], right: &[f32]) -> Result<Box<Clip>, ClipError> {
    let frames = info.table_frames().ok_or(ClipError::Facts)?;
    if left.len() != frames || right.len() != frames {
        return Err(ClipError::Length);
    }
    let mut clip = Box::new(Clip::new(info, frames));
    let mut partial = Block::empty();
    for block in cut(&mut partial, left, right) {
        clip.append(block);
    }
    if partial.frames() > 0 {
        clip.append(partial);
    }
    clip.finish();
    Ok(clip)
}

/// Cuts audio into blocks: those that are full, leaving the rest in `partial`.
fn cut(partial: &mut Box<Block>, left: &[f32], right: &[f32]) -> Vec<Box<Block>> {
    let mut full = Vec::new();
    let mut rest = (left, right);
    while !rest.0.is_empty() {
        let taken = partial.fill(rest.0, rest.1);
        if taken == 0 || partial.frames() == crate::clip::BLOCK_FRAMES {
            full.push(std::mem::replace(partial, Block::empty()));
        }
        let next = (rest.0.get(taken..), rest.1.get(taken..));
        let (Some(next_left), Some(next_right)) = next else {
            break;
        };
        rest = (next_left, next_right);
    }
    full
}
