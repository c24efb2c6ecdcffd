//! Notes that launch slots, kept in order until their frame comes.
//!
//! Audio thread: filled before a block, emptied by it. Never grows: a fixed store. Notes that find
//! no room are counted, and keys that were let go among them are let go at the block's end, so
//! that nothing hangs.

use crate::SLOTS;

/// The key of slot 0, C3; the slots after it have the keys after it.
pub const FIRST_KEY: u8 = 60;

/// Notes that a block can have; more are a fault of the host's.
const ROOM: usize = 128;

/// A note.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Note {
    /// A key is pressed.
    On {
        /// MIDI key; [`FIRST_KEY`] is slot 0. Keys that are no slot's do nothing.
        key: u8,
        /// 0 to 1, the slot's linear gain while the note holds it.
        velocity: f32,
    },
    /// A key is let go.
    Off {
        /// MIDI key.
        key: u8,
    },
    /// Every key is let go and every toggle is off.
    AllOff,
}

/// The slot that a key launches.
pub(crate) fn slot_of(key: u8) -> Option<usize> {
    let slot = usize::from(key.checked_sub(FIRST_KEY)?);
    (slot < SLOTS).then_some(slot)
}

/// Notes of the coming block, by frame.
pub(crate) struct Notes {
    store: [(usize, Note); ROOM],
    count: usize,
    /// The first that was not played yet.
    at: usize,
    /// Slots whose keys were let go without room to say so.
    lost_offs: u32,
    dropped: u64,
}

impl Notes {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            store: [(0, Note::AllOff); ROOM],
            count: 0,
            at: 0,
            lost_offs: 0,
            dropped: 0,
        }
    }

    /// Realtime-safe. Files a note behind those of its frame or before.
    pub(crate) fn add(&mut self, offset_frames: usize, note: Note) {
        let slot = match note {
            Note::On { key, .. } | Note::Off { key } => match slot_of(key) {
                Some(slot) => Some(slot),
                None => return,
            },
            Note::AllOff => None,
        };
        if self.count >= ROOM {
            self.dropped = self.dropped.saturating_add(1);
            match (note, slot) {
                (Note::Off { .. }, Some(slot)) => self.lost_offs |= 1 << slot,
                (Note::AllOff, _) => self.lost_offs = u32::MAX,
                _ => {}
            }
            return;
        }
        let mut place = self.count;
        while let Some(before) = place.checked_sub(1)
            && self
                .store
                .get(before)
                .is_some_and(|(frame, _)| *frame > offset_frames)
        {
            self.store.swap(before, place);
            place = before;
        }
        if let Some(entry) = self.store.get_mut(place) {
            *entry = (offset_frames, note);
        }
        self.count += 1;
    }

    /// Realtime-safe. The frame of the next note.
    pub(crate) fn next_frame(&self) -> Option<usize> {
        let next = self.store.get(self.at).filter(|_| self.at < self.count);
        next.map(|(frame, _)| *frame)
    }

    /// Realtime-safe. Takes the next note, if its frame has come.
    pub(crate) fn take(&mut self, frame: usize) -> Option<Note> {
        let next = self.store.get(self.at).filter(|_| self.at < self.count);
        let (_, note) = next.filter(|(at, _)| *at <= frame)?;
        self.at += 1;
        Some(*note)
    }

    /// Realtime-safe. The frame of the first key that is pressed.
    pub(crate) fn first_press(&self) -> Option<usize> {
        let mut notes = self.store.iter().take(self.count).skip(self.at);
        let press = notes.find(|(_, note)| matches!(note, Note::On { .. }));
        press.map(|(frame, _)| *frame)
    }

    /// Realtime-safe. Slots, one a bit, whose keys were let go without room to say so.
    pub(crate) fn take_lost_offs(&mut self) -> u32 {
        std::mem::take(&mut self.lost_offs)
    }

    /// Realtime-safe. The block is over: what lay beyond its end was never in it.
    pub(crate) fn clear(&mut self) {
        (self.count, self.at) = (0, 0);
    }

    /// Notes that found no room, in all.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}
