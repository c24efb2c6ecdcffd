//! A connection of our own with a hidden window on it: where XDND's messages come and go.
//!
//! One for each thread that needs it. Errors of single requests are told from a lost connection:
//! other programs' windows vanish at any time, and that must never end a drag.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use x11rb::connection::{Connection, RequestConnection};
use x11rb::cookie::Cookie;
use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ClientMessageEvent, ConnectionExt, CreateWindowAux, EventMask, PropMode,
    Timestamp, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;
use x11rb::x11_utils::TryParse;

use crate::DragError;

/// The XDND version spoken here.
pub(crate) const VERSION: u32 = 5;
/// Versions before it have no actions or times that we could send.
pub(crate) const OLDEST: u32 = 3;
/// For an answer that the server itself gives.
const SERVER_WAIT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(2);

x11rb::atom_manager! {
    /// Names that the server knows by number.
    pub(crate) Atoms: AtomsCookie {
        XdndActionCopy,
        XdndAware,
        XdndDrop,
        XdndEnter,
        XdndFinished,
        XdndLeave,
        XdndPosition,
        XdndProxy,
        XdndSelection,
        XdndStatus,
        XdndTypeList,
        CLIPBOARD,
        TARGETS,
        TIMESTAMP,
        UTF8_STRING,
        INCR,
        UriList: b"text/uri-list",
        Plain: b"text/plain",
        PlainUtf8: b"text/plain;charset=utf-8",
        GnomeFiles: b"x-special/gnome-copied-files",
        Clock: b"_BARLINE_CLOCK",
        // On the window that a panel's messages are led to: the panel.
        Panel: b"_BARLINE_PANEL",
    }
}

/// The connection is of no use any more; the text is for the user.
#[derive(Debug)]
pub(crate) struct Lost(String);

impl Lost {
    pub(crate) fn from_words(words: &str) -> Self {
        Self(words.to_owned())
    }
}

impl From<Lost> for DragError {
    fn from(lost: Lost) -> Self {
        Self::Display(lost.0)
    }
}

macro_rules! lost_by {
    ($($error:ty),*) => {$(
        impl From<$error> for Lost {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        }
    )*};
}
lost_by!(ConnectError, ConnectionError, ReplyError, ReplyOrIdError);

/// The connection, its hidden window and the server's time.
pub(crate) struct Desk {
    pub(crate) connection: RustConnection,
    pub(crate) atoms: Atoms,
    pub(crate) screen: usize,
    pub(crate) root: Window,
    /// Input only, off the screen; never seen by a window manager.
    pub(crate) hidden: Window,
    clock: (Timestamp, Instant),
}

impl Desk {
    /// Connects to the display of `window` and makes the hidden window on its screen.
    pub(crate) fn open(window: Window) -> Result<Self, Lost> {
        let (connection, _) = x11rb::connect(None)?;
        let atoms = Atoms::new(&connection)?.reply()?;
        let root = connection.get_geometry(window)?.reply()?.root;
        let screen = connection
            .setup()
            .roots
            .iter()
            .position(|screen| screen.root == root)
            .unwrap_or(0);
        let hidden = connection.generate_id()?;
        let events = EventMask::PROPERTY_CHANGE | EventMask::KEY_PRESS;
        let settings = CreateWindowAux::new()
            .override_redirect(1)
            .event_mask(events);
        let only = WindowClass::INPUT_ONLY;
        connection.create_window(0, hidden, root, -2, -2, 1, 1, 0, only, 0, &settings)?;
        // Shown, as only a window that is can hold the keyboard.
        connection.map_window(hidden)?;
        let mut desk = Self {
            connection,
            atoms,
            screen,
            root,
            hidden,
            clock: (0, Instant::now()),
        };
        desk.set_clock()?;
        Ok(desk)
    }

    /// Reads the server's time by changing a property.
    fn set_clock(&mut self) -> Result<(), Lost> {
        let clock = self.atoms.Clock;
        self.connection.change_property8(
            PropMode::APPEND,
            self.hidden,
            clock,
            AtomEnum::STRING,
            &[],
        )?;
        self.connection.flush()?;
        let begin = Instant::now();
        while begin.elapsed() < SERVER_WAIT {
            match self.connection.poll_for_event()? {
                Some(Event::PropertyNotify(event)) if event.atom == clock => {
                    self.clock = (event.time, Instant::now());
                    return Ok(());
                }
                Some(_) => {}
                None => std::thread::sleep(POLL),
            }
        }
        Err(Lost::from_words("the X server does not answer"))
    }

    /// The server's time now, never ahead of it.
    pub(crate) fn now(&self) -> Timestamp {
        let (then, at) = self.clock;
        // X times are milliseconds that wrap.
        then.wrapping_add(at.elapsed().as_millis() as Timestamp)
    }

    /// Becomes the owner of a selection; false when another program would not let go of it.
    pub(crate) fn own(&self, selection: Atom) -> Result<bool, Lost> {
        let connection = &self.connection;
        connection.set_selection_owner(self.hidden, selection, self.clock.0)?;
        let owner = connection.get_selection_owner(selection)?.reply()?.owner;
        Ok(owner == self.hidden)
    }

    /// The values of a property that holds numbers; empty where there is none.
    pub(crate) fn numbers(
        &self,
        window: Window,
        property: Atom,
        kind: impl Into<Atom>,
    ) -> Result<Vec<u32>, Lost> {
        let cookie = self
            .connection
            .get_property(false, window, property, kind, 0, 1024)?;
        let reply = soft(cookie)?;
        Ok(reply
            .and_then(|reply| reply.value32().map(Iterator::collect))
            .unwrap_or_default())
    }

    /// The program that made a window: what all of its windows' numbers have in common.
    pub(crate) fn program(&self, window: Window) -> u32 {
        window & !self.connection.setup().resource_id_mask
    }

    /// Sleeps until the server has something to say, or so long.
    pub(crate) fn wait(&self, longest: Duration) {
        let mut ready = [PollFd::new(self.connection.stream(), PollFlags::IN)];
        let longest = Timespec::try_from(longest).ok();
        // A signal wakes it too, which does no harm.
        let _ = poll(&mut ready, longest.as_ref());
    }

    /// Sends one of XDND's messages about `window` to `receiver`.
    pub(crate) fn send(
        &self,
        receiver: Window,
        window: Window,
        kind: Atom,
        data: [u32; 5],
    ) -> Result<(), Lost> {
        let message = ClientMessageEvent::new(32, window, kind, data);
        self.connection
            .send_event(false, receiver, EventMask::NO_EVENT, message)?;
        self.connection.flush()?;
        Ok(())
    }
}

/// A reply, or nothing where the request failed because what it is about is gone.
pub(crate) fn soft<C: RequestConnection, R: TryParse>(
    cookie: Cookie<'_, C, R>,
) -> Result<Option<R>, Lost> {
    match cookie.reply() {
        Ok(reply) => Ok(Some(reply)),
        Err(ReplyError::X11Error(_)) => Ok(None),
        Err(ReplyError::ConnectionError(error)) => Err(error.into()),
    }
}
