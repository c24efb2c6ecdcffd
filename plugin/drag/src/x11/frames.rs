//! Frames that the window waits for in vain: asked for again.
//!
//! The listening thread of the drops. baseview (0.4) draws when the X server's Present extension says that a
//! frame is due, and asks for the next one only after that. An answer that never comes, as was seen with the
//! first one in a window that a busy host had just put up, leaves the panel blank until it is closed.
//! The answer goes to everyone who listens at the window, whoever asked: so the one that is missing can be asked
//! for from here. Of one that nobody waits for baseview takes no notice. Nothing is drawn here.

use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::present::{CompleteKind, CompleteNotifyEvent, ConnectionExt as _, EventMask};
use x11rb::protocol::xproto::Window;

use super::desk::{Desk, Lost};

/// A frame is late when so long none came; to a panel at rest that is no harm.
const LATE: Duration = Duration::from_millis(400);

/// What was answered so far.
pub(crate) struct Frames {
    window: Window,
    /// Number of the newest answer to the window's own question; they are counted from 0.
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
        self.newest.map_or(0, |newest| newest.wrapping_add(1))
    }

    /// An answer came.
    pub(crate) fn complete(&mut self, event: &CompleteNotifyEvent) {
        if event.window != self.window || event.kind != CompleteKind::NOTIFY_MSC {
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
            let at_once = 0;
            // A window that is gone has no frames.
            desk.connection
                .present_notify_msc(self.window, self.next(), at_once, 0, 0)?
                .ignore_error();
            desk.connection.flush()?;
        }
        Ok(())
    }
}
