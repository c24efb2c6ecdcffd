//! Drops into the panel: the thread that listens, and what it tells the panel.
//!
//! The panel's window is baseview's, and so are the XDND messages that are sent to it. They are
//! led here by `XdndProxy`, a property that tells sources to send them to another window: ours.
//! Never answers for a place that is not the panel's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{ClientMessageEvent, Window};

use super::desk::{Desk, Lost};
use super::door::Door;
use super::frames::Frames;
use super::visitor::Visitor;
use crate::{DragError, DropEvent, NativeWindow};

/// What the server says wakes the thread; all else is looked at so often.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// How often to look whether the window has moved into another one.
const LOOK: Duration = Duration::from_secs(1);
const LONGEST_END: Duration = Duration::from_millis(250);

/// The listening thread as the panel sees it.
#[derive(Debug)]
pub(crate) struct Listener {
    events: Receiver<DropEvent>,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    welcome: AtomicBool,
    closed: AtomicBool,
}

impl Listener {
    pub(crate) fn start(
        window: NativeWindow,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Self, DragError> {
        let window = Window::try_from(window.id).map_err(|_| DragError::UnsupportedWindow)?;
        let shared = Arc::new(Shared {
            welcome: AtomicBool::new(true),
            closed: AtomicBool::new(false),
        });
        let (sender, events) = channel();
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("barline drops".to_owned())
            // A lost connection has no window any more.
            .spawn(move || drop(listen(window, &of_thread, &sender, &wake)))
            .map_err(|_| DragError::Stopped)?;
        Ok(Self {
            events,
            shared,
            thread,
        })
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = DropEvent> + '_ {
        self.events.try_iter()
    }

    pub(crate) fn set_welcome(&self, welcome: bool) {
        self.shared.welcome.store(welcome, Ordering::Relaxed);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        // The thread runs code of this library, which the host may unload next.
        let begin = Instant::now();
        while !self.thread.is_finished() && begin.elapsed() < LONGEST_END {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn listen(
    window: Window,
    shared: &Shared,
    sender: &Sender<DropEvent>,
    wake: &impl Fn(),
) -> Result<(), Lost> {
    let desk = Desk::open(window)?;
    let mut door = Door::open(&desk, window)?;
    let mut visitor = Visitor::new(window);
    let mut frames = Frames::open(&desk, window)?;
    let mut looked = Instant::now();
    let mut waiting = VecDeque::new();
    while !shared.closed.load(Ordering::Acquire) {
        let mut tell = |event| {
            // The panel is closing when it does not listen.
            let _ = sender.send(event);
            wake();
        };
        loop {
            // All that is here: what comes later tells what is out of date.
            while let Some(event) = desk.connection.poll_for_event()? {
                waiting.push_back(event);
            }
            let Some(event) = waiting.pop_front() else {
                break;
            };
            let welcome = shared.welcome.load(Ordering::Relaxed);
            match event {
                Event::ClientMessage(message) if message.format == 32 => {
                    let left = leaves(&desk, &message, &waiting);
                    visitor.message(&desk, &door, &message, welcome, left, &mut tell)?;
                }
                Event::SelectionNotify(notify) => visitor.data(&desk, &notify, &mut tell)?,
                Event::PresentCompleteNotify(event) => {
                    if let Some(frames) = &mut frames {
                        frames.complete(&event);
                    }
                }
                Event::DestroyNotify(gone) if gone.window == window => return Ok(()),
                Event::DestroyNotify(gone) => visitor.lose(gone.window, &mut tell),
                _ => {}
            }
        }
        visitor.wait(&desk, &mut tell)?;
        if let Some(frames) = &mut frames {
            frames.look(&desk)?;
        }
        if looked.elapsed() > LOOK {
            looked = Instant::now();
            door.look(&desk)?;
        }
        // Answers to questions bring events with them, which the wait does not see.
        match desk.connection.poll_for_event()? {
            Some(event) => waiting.push_back(event),
            None => desk.wait(LONGEST_WAIT),
        }
    }
    door.close(&desk)
}

/// Whether the source of a message has left already, as one that waits behind it says.
fn leaves(desk: &Desk, message: &ClientMessageEvent, waiting: &VecDeque<Event>) -> bool {
    let source = message.data.as_data32()[0];
    waiting.iter().any(|event| match event {
        Event::ClientMessage(next) => {
            next.type_ == desk.atoms.XdndLeave && next.data.as_data32()[0] == source
        }
        _ => false,
    })
}
