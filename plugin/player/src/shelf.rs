//! The clips of a slot: which is heard, which grows, which is due.
//!
//! Audio thread. At most three: the one that the slot has, one that grows and may be heard in its
//! place, and a complete one that is due on a line. Moves boxes; what goes back goes over the ring.

use crate::clip::{Block, Clip, ClipId};
use crate::handoff::{AudioEnd, Return};

/// A complete clip that takes over on a line.
struct Due {
    clip: Box<Clip>,
    /// It grew here and was not heard yet.
    grown: bool,
}

/// The clips of a slot.
#[derive(Default)]
pub(crate) struct Shelf {
    /// The slot's clip.
    own: Option<Box<Clip>>,
    /// A clip that grows.
    growing: Option<Box<Clip>>,
    /// The clip that grows is heard in place of the slot's own.
    heard: bool,
    /// The clip that grows waits until it is finished: another was loaded while it grew.
    stepped_back: bool,
    /// The slot's own was taken away: the clip that grows takes over as soon as it can.
    hurried: bool,
    due: Option<Due>,
}

impl Shelf {
    /// The clip that is heard or would be.
    pub(crate) fn current(&self) -> Option<&Clip> {
        if self.heard {
            self.growing.as_deref()
        } else {
            self.own.as_deref()
        }
    }

    /// The clip that is heard or would be, else the one that grows, else the one that is due.
    pub(crate) fn shown(&self) -> Option<&Clip> {
        let due = self.due.as_ref().map(|due| &*due.clip);
        self.current().or(self.growing.as_deref()).or(due)
    }

    /// The clip that grows and waits to be heard.
    pub(crate) fn to_hear(&self) -> Option<&Clip> {
        let waits = !self.heard && !self.stepped_back;
        self.growing.as_deref().filter(|_| waits)
    }

    /// The clip that grows takes over at once.
    pub(crate) fn hurried(&self) -> bool {
        self.hurried
    }

    /// Frames ready of the clip that grows, else of the one that is heard.
    pub(crate) fn ready_frames(&self) -> usize {
        let clip = self.growing.as_deref().or(self.own.as_deref());
        clip.map_or(0, Clip::ready_frames)
    }

    /// A clip is due; `Some(true)` one that grew here.
    pub(crate) fn due(&self) -> Option<bool> {
        self.due.as_ref().map(|due| due.grown)
    }

    /// One of its clips has that name.
    pub(crate) fn has(&self, id: ClipId) -> bool {
        let due = self.due.as_ref().map(|due| &due.clip);
        let clips = [self.own.as_ref(), self.growing.as_ref(), due];
        clips.into_iter().flatten().any(|clip| clip.info().id == id)
    }

    /// The clip that is heard has that name.
    pub(crate) fn hears(&self, id: ClipId) -> bool {
        self.current().is_some_and(|clip| clip.info().id == id)
    }

    /// The clip that grows has that name and is heard.
    pub(crate) fn hears_growing(&self) -> bool {
        self.heard
    }

    /// The clip that grows is heard from here on.
    pub(crate) fn hear(&mut self) {
        (self.heard, self.hurried) = (true, false);
    }

    /// The clip that grows is not heard any more until it is finished.
    pub(crate) fn step_back(&mut self) {
        self.stepped_back |= self.growing.is_some();
        (self.heard, self.hurried) = (false, false);
    }

    /// A complete clip takes the place of all but one that grows.
    pub(crate) fn load(&mut self, clip: Box<Clip>, end: &mut AudioEnd) {
        if self.heard {
            self.step_back();
        }
        self.hurried = false;
        give_back(end, self.due.take().map(|due| due.clip));
        give_back(end, self.own.replace(clip));
    }

    /// A complete clip is due on the next beat.
    pub(crate) fn book(&mut self, clip: Box<Clip>, end: &mut AudioEnd) {
        let old = self.due.replace(Due { clip, grown: false });
        give_back(end, old.map(|due| due.clip));
    }

    /// The clip that is due takes over.
    pub(crate) fn meet(&mut self, end: &mut AudioEnd) {
        if let Some(due) = self.due.take() {
            if self.heard {
                self.step_back();
            }
            give_back(end, self.own.replace(due.clip));
        }
    }

    /// A clip begins to grow. One that grew before gives way.
    pub(crate) fn grow(&mut self, clip: Box<Clip>, end: &mut AudioEnd) {
        (self.heard, self.stepped_back, self.hurried) = (false, false, false);
        give_back(end, self.growing.replace(clip));
    }

    /// Files a block of the clip that grows.
    pub(crate) fn append(&mut self, id: ClipId, block: Box<Block>, end: &mut AudioEnd) {
        let growing = self.growing.as_mut().filter(|clip| clip.info().id == id);
        let refused = match growing {
            Some(clip) => clip.append(block),
            None => Some(block),
        };
        if let Some(block) = refused {
            end.give_back(Return::Block(block));
        }
    }

    /// The clip that grows is complete: the slot's own where it is heard, else due.
    pub(crate) fn finish(&mut self, id: ClipId, end: &mut AudioEnd) {
        let Some(mut clip) = self.growing.take_if(|clip| clip.info().id == id) else {
            return;
        };
        clip.finish();
        let due = self.due.take().map(|due| due.clip);
        give_back(end, due);
        if self.heard {
            give_back(end, self.own.replace(clip));
        } else {
            let grown = !self.stepped_back;
            self.due = Some(Due { clip, grown });
        }
        (self.heard, self.stepped_back, self.hurried) = (false, false, false);
    }

    /// Takes one clip away.
    pub(crate) fn discard(&mut self, id: ClipId, end: &mut AudioEnd) {
        let named = |clip: &mut Box<Clip>| clip.info().id == id;
        if let Some(own) = self.own.take_if(named) {
            give_back(end, Some(own));
            if !self.heard && self.growing.is_some() {
                (self.hurried, self.stepped_back) = (true, false);
            }
        }
        if let Some(growing) = self.growing.take_if(named) {
            give_back(end, Some(growing));
            (self.heard, self.stepped_back, self.hurried) = (false, false, false);
        }
        let due = self.due.take_if(|due| due.clip.info().id == id);
        give_back(end, due.map(|due| due.clip));
    }

    /// Takes all away.
    pub(crate) fn clear(&mut self, end: &mut AudioEnd) {
        give_back(end, self.own.take());
        give_back(end, self.growing.take());
        give_back(end, self.due.take().map(|due| due.clip));
        (self.heard, self.stepped_back, self.hurried) = (false, false, false);
    }
}

fn give_back(end: &mut AudioEnd, clip: Option<Box<Clip>>) {
    if let Some(clip) = clip {
        end.give_back(Return::Clip(clip));
    }
}
