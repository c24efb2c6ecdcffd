//! The source side of XDND: from the press on the panel to the target's last word.
//!
//! Runs on the drag's own thread. baseview holds the pointer, as the button was pressed in its
//! window; so the pointer is not grabbed here but asked for, every few milliseconds.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt, GrabMode, KeyButMask, PropMode, Window,
};
use x11rb::wrapper::ConnectionExt as _;

use super::badge::Badge;
use super::desk::{Desk, Lost};
use super::offer::Offer;
use super::session::{Answer, Session, watch};
use super::tree;
use crate::drag::{Shared, missing};
use crate::{DragError, NativeWindow, Outcome};

/// Smooth to the eye, cheap for the server.
const TICK: Duration = Duration::from_millis(8);
/// How long a target may take for its answer, and again to fetch the files.
const PATIENCE: Duration = Duration::from_secs(5);
const ESCAPE: u32 = 0xff1b;

/// Drags until the end.
pub(crate) fn run(window: NativeWindow, files: &[PathBuf], shared: &Shared) -> Outcome {
    if let Some(error) = missing(files) {
        return Outcome::Failed(error);
    }
    let Ok(window) = Window::try_from(window.id) else {
        return Outcome::Failed(DragError::UnsupportedWindow);
    };
    let ended = Source::new(window, files).and_then(|mut source| {
        let outcome = source.run(shared);
        // Whoever still is visited must know that nothing comes.
        if let (Phase::Held | Phase::Released(..), Some(session)) = (&source.phase, &source.session)
        {
            session.leave(&source.desk)?;
        }
        outcome
    });
    ended.unwrap_or_else(|lost: Lost| Outcome::Failed(lost.into()))
}

/// Where the drag is.
enum Phase {
    /// The button is held.
    Held,
    /// It was let go at this place; the target has not made up its mind.
    Released(i16, i16, Instant),
    /// The target was told to take the files.
    Dropped(Instant),
}

struct Source {
    desk: Desk,
    own: Window,
    offer: Offer,
    badge: Option<Badge>,
    session: Option<Session>,
    phase: Phase,
    /// Key codes that mean Escape.
    escape: Vec<u8>,
    /// The list of files was fetched.
    fetched: bool,
}

impl Source {
    fn new(own: Window, files: &[PathBuf]) -> Result<Self, Lost> {
        let desk = Desk::open(own)?;
        watch(&desk, own)?;
        if !desk.own(desk.atoms.XdndSelection)? {
            return Err(Lost::from_words("another drag is under way"));
        }
        let offer = Offer::of_drag(&desk, files);
        let (list, kinds) = (desk.atoms.XdndTypeList, offer.kinds());
        desk.connection.change_property32(
            PropMode::REPLACE,
            desk.hidden,
            list,
            AtomEnum::ATOM,
            &kinds,
        )?;
        // Keeps Escape from the host. Where another program has the keyboard, keys are polled.
        let (hidden, now) = (desk.hidden, desk.now());
        desk.connection
            .grab_keyboard(false, hidden, now, GrabMode::ASYNC, GrabMode::ASYNC)?
            .reply()?;
        let escape = escape_keys(&desk)?;
        let badge = Badge::new(&desk).ok();
        Ok(Self {
            desk,
            own,
            offer,
            badge,
            session: None,
            phase: Phase::Held,
            escape,
            fetched: false,
        })
    }

    fn run(&mut self, shared: &Shared) -> Result<Outcome, Lost> {
        loop {
            while let Some(event) = self.desk.connection.poll_for_event()? {
                if let Some(outcome) = self.hear(&event)? {
                    return Ok(outcome);
                }
            }
            if shared.cancelled() && !matches!(self.phase, Phase::Dropped(_)) {
                return Ok(Outcome::Cancelled);
            }
            if let Some(outcome) = self.tick()? {
                return Ok(outcome);
            }
            std::thread::sleep(TICK);
        }
    }

    fn tick(&mut self) -> Result<Option<Outcome>, Lost> {
        match self.phase {
            Phase::Held | Phase::Released(..) if self.escape_is_down()? => {
                Ok(Some(Outcome::Cancelled))
            }
            Phase::Held => self.follow(),
            Phase::Released(x, y, since) => self.press_for_an_answer(x, y, since),
            Phase::Dropped(since) if since.elapsed() > PATIENCE => {
                // Some programs fetch the files and never say that they are done.
                Ok(Some(if self.fetched {
                    Outcome::Dropped
                } else {
                    Outcome::NoAnswer
                }))
            }
            Phase::Dropped(_) => Ok(None),
        }
    }

    /// Looks where the pointer is, and tells whom it concerns.
    fn follow(&mut self) -> Result<Option<Outcome>, Lost> {
        let pointer = self
            .desk
            .connection
            .query_pointer(self.desk.root)?
            .reply()?;
        let (x, y) = (pointer.root_x, pointer.root_y);
        let buttons = KeyButMask::BUTTON1 | KeyButMask::BUTTON2 | KeyButMask::BUTTON3;
        let released = u16::from(pointer.mask) & u16::from(buttons) == 0;

        let path = tree::path(&self.desk, self.desk.root, x, y)?;
        let at_home = path.contains(&self.own);
        let target = if at_home {
            None
        } else {
            tree::target(&self.desk, &path)?
        };
        if self.session.as_ref().map(|session| session.target) != target {
            if let Some(session) = self.session.take() {
                session.leave(&self.desk)?;
            }
            if let Some(target) = target {
                let kinds = self.offer.kinds();
                self.session = Some(Session::enter(&self.desk, target, &kinds)?);
            }
        }
        if let Some(session) = &mut self.session {
            session.position(&self.desk, x, y)?;
        }
        if released {
            self.let_go()?;
            if at_home {
                let place = tree::within(&self.desk, self.own, x, y)?;
                return Ok(Some(match place {
                    Some((x, y)) => Outcome::Ourselves { x, y },
                    None => Outcome::Cancelled,
                }));
            }
            if self.session.is_none() {
                return Ok(Some(Outcome::Nothing));
            }
            self.phase = Phase::Released(x, y, Instant::now());
        } else if let Some(badge) = &mut self.badge {
            let yes = |session: &Session| session.answer() == Answer::Yes;
            let welcome = at_home || self.session.as_ref().is_some_and(yes);
            badge.follow(&self.desk, x, y, welcome)?;
        }
        Ok(None)
    }

    /// The button is up: screen and keyboard are the others' again, however long the target thinks.
    fn let_go(&mut self) -> Result<(), Lost> {
        self.desk.connection.ungrab_keyboard(self.desk.now())?;
        if let Some(badge) = self.badge.take() {
            badge.end(&self.desk)?;
        }
        self.desk.connection.flush()?;
        Ok(())
    }

    fn press_for_an_answer(
        &mut self,
        x: i16,
        y: i16,
        since: Instant,
    ) -> Result<Option<Outcome>, Lost> {
        let Some(session) = &mut self.session else {
            return Ok(Some(Outcome::NoAnswer));
        };
        match session.verdict(x, y) {
            Answer::Yes => {
                session.drop(&self.desk)?;
                self.phase = Phase::Dropped(Instant::now());
                Ok(None)
            }
            Answer::No => Ok(Some(Outcome::Refused)),
            Answer::None if since.elapsed() > PATIENCE => Ok(Some(Outcome::NoAnswer)),
            Answer::None => {
                session.position(&self.desk, x, y)?;
                Ok(None)
            }
        }
    }

    /// What the server and other programs have to say.
    fn hear(&mut self, event: &Event) -> Result<Option<Outcome>, Lost> {
        match event {
            Event::ClientMessage(message) => Ok(self.read(message)),
            Event::SelectionRequest(request) => {
                self.fetched |= self.offer.answer(&self.desk, request)?;
                Ok(None)
            }
            // Another program drags now.
            Event::SelectionClear(_) => Ok(Some(Outcome::Cancelled)),
            Event::KeyPress(key) if self.escape.contains(&key.detail) => {
                Ok((!matches!(self.phase, Phase::Dropped(_))).then_some(Outcome::Cancelled))
            }
            Event::Expose(expose) => {
                if let Some(badge) = &self.badge {
                    badge.expose(&self.desk, expose.window)?;
                }
                Ok(None)
            }
            Event::DestroyNotify(gone) => Ok(self.lose(gone.window)),
            // Of a message to a window that is gone.
            Event::Error(error) => Ok(self.lose(error.bad_value)),
            _ => Ok(None),
        }
    }

    fn read(&mut self, message: &ClientMessageEvent) -> Option<Outcome> {
        if message.format != 32 {
            return None;
        }
        let data = message.data.as_data32();
        let session = self.session.as_mut()?;
        if message.type_ == self.desk.atoms.XdndStatus {
            session.status(data);
        } else if message.type_ == self.desk.atoms.XdndFinished
            && matches!(self.phase, Phase::Dropped(_))
            && session.is_of(data[0])
        {
            // Versions before 5 don't say how it went.
            let taken = session.target.version < 5 || data[1] & 1 == 1;
            return Some(if taken {
                Outcome::Dropped
            } else {
                Outcome::Refused
            });
        }
        None
    }

    /// A window is gone: ours, the target, or one that is of no interest.
    fn lose(&mut self, window: Window) -> Option<Outcome> {
        if !matches!(self.phase, Phase::Dropped(_)) && window == self.own {
            return Some(Outcome::Cancelled);
        }
        self.session.take_if(|session| session.is_of(window))?;
        match self.phase {
            Phase::Held => None,
            Phase::Released(..) | Phase::Dropped(_) => Some(Outcome::NoAnswer),
        }
    }

    fn escape_is_down(&self) -> Result<bool, Lost> {
        let keys = self.desk.connection.query_keymap()?.reply()?.keys;
        Ok(self.escape.iter().any(|&code| {
            let bits = keys.get(usize::from(code / 8)).copied().unwrap_or(0);
            bits >> (code % 8) & 1 == 1
        }))
    }
}

/// The codes of the keys that type Escape in this keyboard layout.
fn escape_keys(desk: &Desk) -> Result<Vec<u8>, Lost> {
    let setup = desk.connection.setup();
    let (first, last) = (setup.min_keycode, setup.max_keycode);
    let map = desk
        .connection
        .get_keyboard_mapping(first, last - first + 1)?
        .reply()?;
    let width = usize::from(map.keysyms_per_keycode).max(1);
    Ok((first..=last)
        .zip(map.keysyms.chunks(width))
        .filter(|(_, symbols)| symbols.contains(&ESCAPE))
        .map(|(code, _)| code)
        .collect())
}
