//! The panel's window in its desktop: files dragged out of it and dropped into it, and keys for the host.
//!
//! Window thread. What the desktop does is read on threads of its own (see `barline_drag`), and
//! looked at here once a frame; nothing here waits.

use barline_drag::{
    CopyError, Drag, DropEvent, DropTarget, HostKeys, Kept, NativeWindow, Outcome, Pending,
    copy_files,
};
use egui::{Pos2, pos2};
use nice_plug_egui::baseview::WindowContext;
use nice_plug_egui::{Key, RepaintNotifier};

use super::desk::Desk;
use super::keys::{self, Claim};
use crate::view::{Message, Purpose, Ready, UiAction};

/// What goes on between the window and its desktop.
pub(super) struct System {
    notifier: RepaintNotifier,
    drops: Option<DropTarget>,
    keys: Option<HostKeys>,
    drag: Option<Drag>,
    /// The newest file that went to the clipboard, and one that is on its way there.
    copied: u64,
    copy: Option<Pending<Result<(), CopyError>>>,
}

impl System {
    pub(super) fn new(notifier: RepaintNotifier) -> Self {
        Self {
            notifier,
            drops: None,
            keys: None,
            drag: None,
            copied: 0,
            copy: None,
        }
    }

    fn waker(&self) -> impl Fn() + Clone + Send + 'static {
        let notifier = self.notifier.clone();
        move || notifier.request_repaint()
    }

    /// Listens for drops, and for keys that are the host's. Where the window system has none, or does that
    /// itself, the panel does without.
    pub(super) fn open(&mut self, window: &WindowContext) {
        let listen = |window| DropTarget::listen(window, self.waker()).ok();
        self.drops = NativeWindow::of(window).ok().and_then(listen);
        let pass_on = |window| HostKeys::pass_on(window).ok();
        self.keys = NativeWindow::of(window).ok().and_then(pass_on);
    }

    /// The window goes away.
    pub(super) fn close(&mut self) {
        self.drops = None;
        self.keys = None;
        self.drag = None;
    }

    /// Before a frame: what was dropped into the window, and how our own drag ended.
    pub(super) fn listen(&mut self, scale: f32, desk: &mut Desk, asks: &mut Vec<UiAction>) {
        let place = |x: i32, y: i32| -> Pos2 { pos2(x as f32 / scale, y as f32 / scale) };
        let ours = self.drag.is_some();
        for event in self.drops.iter().flat_map(DropTarget::events) {
            match event {
                DropEvent::Hover { x, y } => desk.hover = Some(place(x, y)),
                DropEvent::Leave => desk.hover = None,
                // What we dragged ourselves comes back as the drag's outcome.
                DropEvent::Drop { .. } if ours => desk.hover = None,
                DropEvent::Drop { paths, x, y } => {
                    desk.hover = None;
                    if paths.is_empty() {
                        let text = "What was dropped is no file on this machine: drop a WAV, FLAC or MP3 file";
                        asks.push(UiAction::Say(Message::Error(text.into())));
                    } else {
                        desk.dropped.push((paths, place(x, y)));
                    }
                }
            }
        }
        if desk.carry.is_none() {
            // Escape took the clip off the pointer: this ends the drag.
            self.drag = None;
        }
        let Some(outcome) = self.drag.as_ref().and_then(Drag::outcome) else {
            return;
        };
        self.drag = None;
        desk.hover = None;
        if let Outcome::Ourselves { x, y } = outcome {
            desk.returned = Some(place(x, y));
            return;
        }
        desk.carry = None;
        if matches!(
            outcome,
            Outcome::Refused | Outcome::NoAnswer | Outcome::Failed(_)
        ) {
            asks.push(UiAction::Say(Message::Error(outcome.to_string())));
        }
    }

    /// After a frame: hands a file that is ready to the desktop.
    pub(super) fn drag(
        &mut self,
        window: &WindowContext,
        desk: &mut Desk,
        asks: &mut Vec<UiAction>,
    ) {
        let Some(file) = desk.drag_file.take() else {
            return;
        };
        let started = NativeWindow::of(window)
            .and_then(|window| Drag::start(window, vec![file], self.waker()));
        asks.push(UiAction::Dragged);
        match started {
            Ok(drag) => {
                self.drag = Some(drag);
                if let Some(carry) = &mut desk.carry {
                    carry.native = true;
                }
            }
            Err(error) => {
                desk.carry = None;
                asks.push(UiAction::Say(Message::Error(error.to_string())));
            }
        }
    }
}

impl System {
    /// After a frame: puts a file that was asked for on the clipboard, and says when it is there.
    pub(super) fn copy(
        &mut self,
        window: &WindowContext,
        ready: Option<&Ready>,
        asks: &mut Vec<UiAction>,
    ) {
        let asked = ready.filter(|ready| ready.purpose == Purpose::Copy);
        if let Some(ready) = asked.filter(|ready| ready.number > self.copied) {
            self.copied = ready.number;
            match NativeWindow::of(window) {
                Ok(window) => {
                    self.copy = Some(copy_files(window, vec![ready.path.clone()], self.waker()));
                }
                Err(error) => asks.push(UiAction::Say(Message::Error(error.to_string()))),
            }
        }
        let Some(done) = self.copy.as_ref().and_then(Pending::outcome) else {
            return;
        };
        self.copy = None;
        asks.push(UiAction::Say(match done {
            Ok(()) => Message::Info("The file is on the clipboard".into()),
            Err(error) => Message::Error(error.to_string()),
        }));
    }
}

impl System {
    /// After a frame: what of the keys stays here from now on.
    pub(super) fn keep(&self, claim: &Claim) {
        let Some(keys) = &self.keys else {
            return;
        };
        keys.keep(match claim {
            Claim::All => Kept::All,
            Claim::Some(characters, escape) => {
                let escape = if *escape { "\u{1b}" } else { "" };
                Kept::Some {
                    plain: characters.concat() + escape,
                    control: keys::WITH_CONTROL.to_owned(),
                }
            }
        });
    }
}

/// Keys as the window names them.
pub(super) fn keys(characters: &[&str], escape: bool) -> Vec<Key> {
    characters
        .iter()
        .copied()
        .chain(escape.then_some("Escape"))
        .filter_map(|name| name.parse().ok())
        .collect()
}
