//! The clipboard's owner: answers who pastes until somebody copies something else.
//!
//! Each copy has a thread and a connection of its own; the server tells the one before that it
//! has been replaced, and it ends. Never touches the files.

use std::path::PathBuf;

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::Window;

use super::desk::{Desk, Lost};
use super::offer::Offer;
use crate::{DragError, NativeWindow};

/// Takes the clipboard of the window's display; goes on to answer on another thread.
pub(crate) fn own(window: NativeWindow, files: Vec<PathBuf>) -> Result<(), DragError> {
    let window = Window::try_from(window.id).map_err(|_| DragError::UnsupportedWindow)?;
    let desk = Desk::open(window)?;
    let offer = Offer::of_copy(&desk, &files);
    if !desk.own(desk.atoms.CLIPBOARD)? {
        return Err(Lost::from_words("another program holds the clipboard").into());
    }
    std::thread::Builder::new()
        .name("barline clipboard".to_owned())
        // A lost connection has no clipboard to own.
        .spawn(move || drop(answer(&desk, &offer)))
        .map_err(|_| DragError::Stopped)?;
    Ok(())
}

fn answer(desk: &Desk, offer: &Offer) -> Result<(), Lost> {
    loop {
        match desk.connection.wait_for_event()? {
            Event::SelectionRequest(request) => {
                offer.answer(desk, &request)?;
            }
            Event::SelectionClear(_) => return Ok(()),
            // Errors are of windows that are gone.
            _ => {}
        }
    }
}
