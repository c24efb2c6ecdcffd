//! One visit of a drag to one target: what was sent, what it answered.
//!
//! Runs on the drag's thread. Never has two positions on the way: a target answers each, and an
//! answer does not say to which.

use std::time::{Duration, Instant};

use x11rb::protocol::xproto::{Atom, ChangeWindowAttributesAux, ConnectionExt, EventMask, Window};

use super::desk::{Desk, Lost};
use super::tree::Target;

/// A pointer that stands still is told again so often: a target may change its mind, and some
/// hosts refuse the first few positions.
const REPEAT: Duration = Duration::from_millis(50);
/// A position that is not answered for so long was lost with the visit: a toolkit forgets it when the messages
/// of two sources, or about two of its windows, reach it in another order than they were meant.
const LOST: Duration = Duration::from_millis(700);
/// A refusal is believed after a target has had so long to make up its mind.
const MIND: Duration = Duration::from_millis(400);

/// What the target said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    None,
    Yes,
    No,
}

/// From `XdndEnter` to `XdndLeave` or `XdndDrop`.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) target: Target,
    /// What `XdndEnter` says.
    greeting: [u32; 5],
    entered: Instant,
    answer: Answer,
    /// A position is on the way since.
    asked: Option<Instant>,
    /// The last position that was sent.
    position: Option<(i16, i16)>,
    sent: Instant,
}

impl Session {
    /// Tells a target that the drag is over it.
    pub(crate) fn enter(desk: &Desk, target: Target, kinds: &[Atom]) -> Result<Self, Lost> {
        // Its end is an event then. Fails when it has ended already; so do the messages.
        watch(desk, target.window)?;
        let mut inline = kinds.iter().copied().chain([0; 3]);
        let more = u32::from(kinds.len() > 3);
        let mut next = || inline.next().unwrap_or(0);
        let greeting = [
            desk.hidden,
            target.version << 24 | more,
            next(),
            next(),
            next(),
        ];
        Self::begin(desk, target, greeting)
    }

    fn begin(desk: &Desk, target: Target, greeting: [u32; 5]) -> Result<Self, Lost> {
        let enter = desk.atoms.XdndEnter;
        desk.send(target.receiver, target.window, enter, greeting)?;
        Ok(Self {
            target,
            greeting,
            entered: Instant::now(),
            answer: Answer::None,
            asked: None,
            position: None,
            sent: Instant::now(),
        })
    }

    /// Sends the pointer's place when it is news, or time to say it again.
    pub(crate) fn position(&mut self, desk: &Desk, x: i16, y: i16) -> Result<(), Lost> {
        if self.asked.is_some_and(|at| at.elapsed() > LOST) {
            self.leave(desk)?;
            *self = Self::begin(desk, self.target, self.greeting)?;
        }
        let news = self.position != Some((x, y)) || self.sent.elapsed() >= REPEAT;
        if self.asked.is_some() || !news {
            return Ok(());
        }
        let atoms = &desk.atoms;
        // Places left of the first screen are negative.
        let place = u32::from(x.cast_unsigned()) << 16 | u32::from(y.cast_unsigned());
        let data = [desk.hidden, 0, place, desk.now(), atoms.XdndActionCopy];
        desk.send(
            self.target.receiver,
            self.target.window,
            atoms.XdndPosition,
            data,
        )?;
        self.asked = Some(Instant::now());
        self.sent = Instant::now();
        self.position = Some((x, y));
        Ok(())
    }

    /// Reads an `XdndStatus`.
    pub(crate) fn status(&mut self, data: [u32; 5]) {
        if self.is_of(data[0]) {
            self.asked = None;
            self.answer = if data[1] & 1 == 1 {
                Answer::Yes
            } else {
                Answer::No
            };
        }
    }

    /// Whether a window is this target.
    pub(crate) fn is_of(&self, window: Window) -> bool {
        window == self.target.window || window == self.target.receiver
    }

    /// What was said to the position that counts; `None` while it is on the way or a refusal
    /// may yet change.
    pub(crate) fn verdict(&self, x: i16, y: i16) -> Answer {
        if self.asked.is_some() || self.position != Some((x, y)) {
            return Answer::None;
        }
        match self.answer {
            Answer::No if self.entered.elapsed() < MIND => Answer::None,
            answer => answer,
        }
    }

    /// What was said last, for show.
    pub(crate) fn answer(&self) -> Answer {
        self.answer
    }

    pub(crate) fn drop(&self, desk: &Desk) -> Result<(), Lost> {
        let data = [desk.hidden, 0, desk.now(), 0, 0];
        desk.send(
            self.target.receiver,
            self.target.window,
            desk.atoms.XdndDrop,
            data,
        )
    }

    pub(crate) fn leave(&self, desk: &Desk) -> Result<(), Lost> {
        let data = [desk.hidden, 0, 0, 0, 0];
        desk.send(
            self.target.receiver,
            self.target.window,
            desk.atoms.XdndLeave,
            data,
        )
    }
}

/// Asks for the event of a window's end.
pub(crate) fn watch(desk: &Desk, window: Window) -> Result<(), Lost> {
    let events = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
    desk.connection.change_window_attributes(window, &events)?;
    Ok(())
}
