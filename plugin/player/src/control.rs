//! The session's half: hands clips to the player and frees what comes back.
//!
//! Any one thread but the audio thread; it allocates and frees. Nothing here waits for the
//! player or fails because the host does not process: what finds no room in the ring is kept
//! and sent by a later call of [`Control::poll`]. What newer orders make useless is dropped on
//! the way, so that at most one complete and one growing clip are ever kept for each slot.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;

use crate::SLOTS;
use crate::clip::{Block, Clip, ClipId, ClipInfo};
use crate::handoff::{Command, Return, SessionEnd};
use crate::report::Status;
use crate::settings::SlotSettings;

/// Why a clip can't begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipError {
    /// There is no slot of that number.
    Slot,
    /// The length, the beats or the tempo describe no clip.
    Facts,
    /// The channels are not as long as each other and the clip.
    Length,
}

impl fmt::Display for ClipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slot => "there is no such slot: choose one below barline_player::SLOTS",
            Self::Facts => {
                "a clip needs at least one frame, bars and a length in beats above 0 and a tempo \
                 from 1 to 2000 BPM: check how these were measured"
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
    /// By slot.
    growing: [Option<Growing>; SLOTS],
    status: Status,
}

impl Control {
    pub(crate) fn new(end: SessionEnd) -> Self {
        Self {
            end,
            pending: VecDeque::new(),
            growing: [const { None }; SLOTS],
            status: Status::default(),
        }
    }

    /// Begins a clip that will grow in a slot. `Settings::hear` says when it takes over from what
    /// the slot had, which comes back when this one is discarded. A clip that was still growing
    /// there gives way: it grows no more.
    ///
    /// # Errors
    /// [`ClipError::Slot`], [`ClipError::Facts`].
    pub fn begin(&mut self, slot: usize, info: ClipInfo) -> Result<(), ClipError> {
        let growing = self.growing.get_mut(slot).ok_or(ClipError::Slot)?;
        let frames = info.table_frames().ok_or(ClipError::Facts)?;
        let old = growing.replace(Growing {
            id: info.id,
            frames,
            pushed_frames: 0,
            partial: Block::empty(),
        });
        if let Some(old) = old {
            self.pending
                .retain(|command| command.cargo() != Some((slot, old.id)));
        }
        self.send(Command::Clip(slot, Box::new(Clip::new(info, frames))));
        Ok(())
    }

    /// Adds audio at the end of a clip that grows. It is sent in whole blocks.
    ///
    /// # Errors
    /// [`GrowError`]; nothing is taken then.
    pub fn push(&mut self, id: ClipId, left: &[f32], right: &[f32]) -> Result<(), GrowError> {
        let growing = self.growing.iter_mut().enumerate();
        let mut all = growing.filter_map(|(slot, growing)| Some((slot, growing.as_mut()?)));
        let (slot, growing) = all
            .find(|(_, growing)| growing.id == id)
            .ok_or(GrowError::NotGrowing)?;
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
            self.send(Command::Block(slot, id, block));
        }
        Ok(())
    }

    /// Ends the growing: sends what is left, and the clip is its slot's from now on, in place of
    /// the one before. What is missing of its length stays silent.
    ///
    /// # Errors
    /// [`GrowError::NotGrowing`].
    pub fn finish(&mut self, id: ClipId) -> Result<(), GrowError> {
        let (slot, growing) = self.take_growing(id).ok_or(GrowError::NotGrowing)?;
        // Clips that wait behind a full ring would be replaced as soon as they arrive.
        self.forget_cargo(slot, Some(id));
        if growing.partial.frames() > 0 {
            self.send(Command::Block(slot, id, growing.partial));
        }
        self.send(Command::Finish(slot, id));
        Ok(())
    }

    /// Hands over a complete clip, which takes the place of the one that plays in its slot. A clip
    /// that grows there goes on growing and takes its place when it is finished.
    ///
    /// # Errors
    /// [`ClipError`].
    pub fn load(
        &mut self,
        slot: usize,
        info: ClipInfo,
        left: &[f32],
        right: &[f32],
    ) -> Result<(), ClipError> {
        let clip = complete(slot, info, left, right)?;
        self.forget_complete(slot);
        self.send(Command::Clip(slot, clip));
        Ok(())
    }

    /// As [`Control::load`], but where a clip sounds it goes on until the next beat: for the same clip
    /// at another tempo.
    ///
    /// # Errors
    /// [`ClipError`].
    pub fn swap(
        &mut self,
        slot: usize,
        info: ClipInfo,
        left: &[f32],
        right: &[f32],
    ) -> Result<(), ClipError> {
        let clip = complete(slot, info, left, right)?;
        self.forget_complete(slot);
        self.send(Command::Swap(slot, clip));
        Ok(())
    }

    /// Takes one clip away, faded out: a cancelled one, say. What its slot has besides takes its
    /// place. No clip of that name: nothing happens.
    pub fn discard(&mut self, id: ClipId) {
        self.take_growing(id);
        self.pending
            .retain(|command| command.cargo().is_none_or(|(_, cargo)| cargo != id));
        self.send(Command::Discard(id));
    }

    /// Takes all clips of a slot away, faded out. Its settings and its layer stay. No such slot:
    /// nothing happens.
    pub fn clear(&mut self, slot: usize) {
        let Some(growing) = self.growing.get_mut(slot) else {
            return;
        };
        *growing = None;
        self.forget_cargo(slot, None);
        self.send(Command::Clear(slot));
    }

    /// Takes the clips of all slots away, faded out.
    pub fn clear_all(&mut self) {
        for slot in 0..SLOTS {
            self.clear(slot);
        }
    }

    /// How a slot sounds from now on; what sounds fades over. No such slot: nothing happens.
    pub fn configure(&mut self, slot: usize, settings: SlotSettings) {
        if slot < SLOTS {
            self.pending
                .retain(|command| !matches!(command, Command::Configure(old, _) if *old == slot));
            self.send(Command::Configure(slot, settings));
        }
    }

    /// Launches a slot besides the base slot, or stops it, on the line that `Settings::quantise`
    /// says. No such slot: nothing happens.
    pub fn layer(&mut self, slot: usize, on: bool) {
        if slot < SLOTS {
            self.pending
                .retain(|command| !matches!(command, Command::Layer(old, _) if *old == slot));
            self.send(Command::Layer(slot, on));
        }
    }

    /// Plays, or does not, while the host's transport stands: from the clips' start, at the tempo
    /// of the base slot's clip, else of the first that sounds.
    pub fn audition(&mut self, on: bool) {
        self.pending
            .retain(|command| !matches!(command, Command::Audition(_)));
        self.send(Command::Audition(on));
    }

    /// Frees what the player gave back, sends what waits, and says what was last heard. Call it
    /// often, a few dozen times a second, also while nothing is generated.
    pub fn poll(&mut self) -> Status {
        self.status.begin_poll();
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

    /// Complete clips of a slot that wait behind a full ring would be replaced as soon as they arrive.
    fn forget_complete(&mut self, slot: usize) {
        let growing = self.growing.get(slot).and_then(Option::as_ref);
        self.forget_cargo(slot, growing.map(|growing| growing.id));
    }

    /// Drops what waits for a slot, but for one clip.
    fn forget_cargo(&mut self, slot: usize, keep: Option<ClipId>) {
        self.pending.retain(|command| {
            command
                .cargo()
                .is_none_or(|(at, id)| at != slot || Some(id) == keep)
        });
    }

    /// The clip of that name that grows, and its slot.
    fn take_growing(&mut self, id: ClipId) -> Option<(usize, Growing)> {
        let mut all = self.growing.iter_mut().enumerate();
        all.find_map(|(slot, growing)| Some((slot, growing.take_if(|growing| growing.id == id)?)))
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
fn complete(
    slot: usize,
    info: ClipInfo,
    left: &[f32],
    right: &[f32],
) -> Result<Box<Clip>, ClipError> {
    if slot >= SLOTS {
        return Err(ClipError::Slot);
    }
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
