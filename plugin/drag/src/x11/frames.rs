//! Frames that the window waits for in vain: asked for again.
//!
//! The listening thread of the drops. baseview (0.4) draws when the X server's Present extension says that a
//! frame is due, and asks for the next one only after that. It may ask for the first one before its window is
//! shown, but listens for answers only once it is: with a busy host, the answer comes in between, and the panel
//! would stay blank until it is closed. The answer goes to everyone who listens at the window, whoever asked: so
//! the one that is missing can be asked for from here. Of one that nobody waits for baseview takes no notice.
//! Nothing is drawn here.

use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::present::{CompleteKind, CompleteNotifyEvent, ConnectionExt as _, EventMask};
use x11rb::protocol::xproto::Window;

use super::desk::{Desk, Lost};

/// A frame is late when so long none came; to a panel at rest that is no harm.
const LATE: Duration = Duration::from_millis(400);

/// The question whose answer may have come when only we were listening.
const FIRST: u32 = 0;

/// What was answered so far.
pub(crate) struct Frames {
    window: Window,
    /// Number of the newest answer to the window's own question; they are counted from [`FIRST`].
    newest: Option<u32>,
    /// Answers to the question after it that are our own.
    ours: u32,
    /// When the newest answer came, or was asked for.
    since: Instant,
}

impl Frames {
    /// Listens for answers; `None` where the server has no such extension, and nothing waits for it.
    pub(crate) fn open(desk: &Desk, window: Window) -> Result<Option<Self>, Lost> {
        let connection = &desk.connection;
        let known = connection.present_query_version(1, 0)?.reply();
        let event = connection.generate_id()?;
        let listening =
            connection.present_select_input(event, window, EventMask::COMPLETE_NOTIFY)?;
        if known.is_err() || listening.check().is_err() {
            return Ok(None);
        }
        Ok(Some(Self {
            window,
            newest: None,
            ours: 0,
            since: Instant::now(),
        }))
    }

    fn next(&self) -> u32 {
        self.newest.map_or(FIRST, |newest| newest.wrapping_add(1))
    }

    /// An answer came.
    pub(crate) fn complete(&mut self, event: &CompleteNotifyEvent) {
        if event.window != self.window || event.kind != CompleteKind::NOTIFY_MSC {
            return;
        }
        if self.newest == Some(event.serial) {
            // Asked for again, see `look`.
            return;
        }
        if event.serial == self.next() && self.ours > 0 {
            self.ours -= 1;
        } else {
            self.newest = Some(event.serial);
            self.ours = 0;
            self.since = Instant::now();
        }
    }

    /// Asks for the answer that may be missing, when none came for long.
    pub(crate) fn look(&mut self, desk: &Desk) -> Result<(), Lost> {
        if self.since.elapsed() > LATE {
            self.since = Instant::now();
            self.ours += 1;
            self.ask(desk, self.next())?;
            if self.newest == Some(FIRST) {
                self.ask(desk, FIRST)?;
            }
            desk.connection.flush()?;
        }
        Ok(())
    }

    fn ask(&self, desk: &Desk, number: u32) -> Result<(), Lost> {
        let at_once = 0;
        // A window that is gone has no frames.
        desk.connection
            .present_notify_msc(self.window, number, at_once, 0, 0)?
            .ignore_error();
        Ok(())
    }
}
