//! Keys for the host: read from the panel's window, where baseview reads them too, and sent to the window
//! that the host reads keys from.
//!
//! The thread sleeps until a key comes. It answers nothing that another program sent, so that a host which
//! gives our keys back to us starts no circle.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConnectionExt, CreateWindowAux,
    EventMask, KeyButMask, KeyPressEvent, Keysym, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;

use super::desk::{Lost, soft};
use crate::host_keys::Kept;
use crate::{DragError, NativeWindow};

const LONGEST_END: Duration = Duration::from_millis(250);
/// Deeper trees are a loop in somebody's windows.
const MAX_DEPTH: usize = 64;
const KEYPAD_DIGITS: std::ops::RangeInclusive<Keysym> = 0xFFB0..=0xFFB9;
const ESCAPE: Keysym = 0xFF1B;

/// The listening thread as the panel sees it.
#[derive(Debug)]
pub(crate) struct Listener {
    line: Arc<Line>,
    thread: JoinHandle<()>,
}

/// What the panel and the thread share.
#[derive(Debug)]
struct Line {
    connection: RustConnection,
    /// A window of ours: a message to it wakes the thread.
    bell: Window,
    kept: Mutex<Kept>,
    closed: AtomicBool,
}

impl Listener {
    pub(crate) fn start(window: NativeWindow) -> Result<Self, DragError> {
        let window = Window::try_from(window.id).map_err(|_| DragError::UnsupportedWindow)?;
        let line = Arc::new(Line::open(window)?);
        let of_thread = Arc::clone(&line);
        let thread = std::thread::Builder::new()
            .name("barline keys".to_owned())
            // A lost connection has no keys any more.
            .spawn(move || drop(listen(window, &of_thread)))
            .map_err(|_| DragError::Stopped)?;
        Ok(Self { line, thread })
    }

    pub(crate) fn keep(&self, kept: Kept) {
        *self.line.kept() = kept;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.line.closed.store(true, Ordering::Release);
        // The thread runs code of this library, which the host may unload next.
        let _ = self.line.ring();
        let begin = Instant::now();
        while !self.thread.is_finished() && begin.elapsed() < LONGEST_END {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Line {
    fn open(window: Window) -> Result<Self, Lost> {
        let (connection, _) = x11rb::connect(None)?;
        let root = connection.get_geometry(window)?.reply()?.root;
        let bell = connection.generate_id()?;
        let settings = CreateWindowAux::new();
        let only = WindowClass::INPUT_ONLY;
        connection.create_window(0, bell, root, -2, -2, 1, 1, 0, only, 0, &settings)?;
        let mask = EventMask::KEY_PRESS | EventMask::KEY_RELEASE | EventMask::STRUCTURE_NOTIFY;
        let settings = ChangeWindowAttributesAux::new().event_mask(mask);
        connection.change_window_attributes(window, &settings)?;
        connection.flush()?;
        Ok(Self {
            connection,
            bell,
            kept: Mutex::new(Kept::All),
            closed: AtomicBool::new(false),
        })
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) -> Result<(), Lost> {
        let message = ClientMessageEvent::new(32, self.bell, AtomEnum::INTEGER, [0; 5]);
        self.connection
            .send_event(false, self.bell, EventMask::NO_EVENT, message)?;
        self.connection.flush()?;
        Ok(())
    }
}

fn listen(window: Window, line: &Line) -> Result<(), Lost> {
    let mut keyboard = Keyboard::read(&line.connection)?;
    // Keys whose press was passed on: the host wants to know that they were let go.
    let mut held = [false; 256];
    while !line.closed.load(Ordering::Acquire) {
        let event = line.connection.wait_for_event()?;
        if event.sent_event() {
            continue;
        }
        match event {
            Event::KeyPress(key) => {
                let pass = !keyboard.keeps(&line.kept(), key.detail, key.state);
                held[usize::from(key.detail)] = pass;
                if pass {
                    send(&line.connection, window, key, EventMask::KEY_PRESS)?;
                }
            }
            Event::KeyRelease(key) if std::mem::take(&mut held[usize::from(key.detail)]) => {
                send(&line.connection, window, key, EventMask::KEY_RELEASE)?;
            }
            Event::MappingNotify(_) => keyboard = Keyboard::read(&line.connection)?,
            Event::DestroyNotify(gone) if gone.window == window => break,
            _ => {}
        }
    }
    Ok(())
}

/// Sends a key to the nearest window around ours that somebody reads keys from. It is named in the event,
/// as toolkits look there for whose it is.
fn send(
    connection: &RustConnection,
    window: Window,
    mut key: KeyPressEvent,
    mask: EventMask,
) -> Result<(), Lost> {
    let mut around = window;
    for _ in 0..MAX_DEPTH {
        let Some(tree) = soft(connection.query_tree(around)?)? else {
            break;
        };
        if tree.parent == tree.root || tree.parent == x11rb::NONE {
            break;
        }
        around = tree.parent;
        let Some(read) = soft(connection.get_window_attributes(around)?)? else {
            break;
        };
        if read.all_event_masks.contains(EventMask::KEY_PRESS) {
            key.event = around;
            key.child = x11rb::NONE;
            connection.send_event(false, around, mask, key)?;
            connection.flush()?;
            break;
        }
    }
    Ok(())
}

/// What is written on the keys.
struct Keyboard {
    first: u8,
    a_key: usize,
    symbols: Vec<Keysym>,
}

impl Keyboard {
    fn read(connection: &RustConnection) -> Result<Self, Lost> {
        let setup = connection.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let map = connection
            .get_keyboard_mapping(first, last - first + 1)?
            .reply()?;
        Ok(Self {
            first,
            a_key: usize::from(map.keysyms_per_keycode),
            symbols: map.keysyms,
        })
    }

    fn symbol(&self, keycode: u8, level: usize) -> Keysym {
        let Some(key) = keycode.checked_sub(self.first).map(usize::from) else {
            return 0;
        };
        let at = key * self.a_key + level.min(self.a_key.saturating_sub(1));
        self.symbols.get(at).copied().unwrap_or(0)
    }

    /// The character of a key as it is pressed, in lower case.
    fn character(&self, keycode: u8, state: KeyButMask) -> Option<char> {
        let (shift, lock) = (
            state.contains(KeyButMask::SHIFT),
            state.contains(KeyButMask::MOD2),
        );
        let on_keypad = self.symbol(keycode, 1);
        if KEYPAD_DIGITS.contains(&on_keypad) {
            let digit = on_keypad - KEYPAD_DIGITS.start();
            return (lock != shift)
                .then(|| char::from_digit(digit, 10))
                .flatten();
        }
        match self.symbol(keycode, usize::from(shift)) {
            ESCAPE => Some('\u{1b}'),
            // Latin 1 is named by its characters.
            symbol @ 0x20..=0xFF => char::from_u32(symbol).map(|c| c.to_ascii_lowercase()),
            _ => None,
        }
    }

    fn keeps(&self, kept: &Kept, keycode: u8, state: KeyButMask) -> bool {
        let Kept::Some { plain, control } = kept else {
            return true;
        };
        let Some(character) = self.character(keycode, state) else {
            return false;
        };
        let with = |mask| state.contains(mask);
        match (
            with(KeyButMask::CONTROL),
            with(KeyButMask::MOD1) || with(KeyButMask::MOD4),
        ) {
            (false, false) => plain.contains(character),
            (true, false) => control.contains(character),
            (_, true) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys 10 to 13 of a board: `1`, `z`, Escape, and 1 of the keypad.
    fn board() -> Keyboard {
        let symbols = vec![0x31, 0x21, 0x7A, 0x5A, 0xFF1B, 0, 0xFF9C, 0xFFB1];
        Keyboard {
            first: 10,
            a_key: 2,
            symbols,
        }
    }

    #[test]
    fn what_is_kept_depends_on_what_is_held() {
        let kept = Kept::Some {
            plain: "1".into(),
            control: "z".into(),
        };
        let none = KeyButMask::from(0_u16);
        let (control, alt, shift) = (KeyButMask::CONTROL, KeyButMask::MOD1, KeyButMask::SHIFT);
        let board = board();
        for (keycode, state, keeps) in [
            (10, none, true),
            (10, control, false),
            (10, alt, false),
            // An exclamation mark.
            (10, shift, false),
            (11, none, false),
            (11, control, true),
            (11, control | shift, true),
            (11, control | alt, false),
            (12, none, false),
            (13, KeyButMask::MOD2, true),
            // The key's other meaning, and a key that the board does not have.
            (13, none, false),
            (200, none, false),
        ] {
            assert_eq!(
                board.keeps(&kept, keycode, state),
                keeps,
                "{keycode} {state:?}"
            );
            assert!(board.keeps(&Kept::All, keycode, state));
        }
        let escape = Kept::Some {
            plain: "\u{1b}".into(),
            control: String::new(),
        };
        assert!(board.keeps(&escape, 12, none));
    }
}
