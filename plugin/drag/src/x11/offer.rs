//! Files as a selection's data: what other programs ask for and get.
//!
//! Runs on the thread that owns the selection. Answers every request, if only with a refusal:
//! the other program waits for it.

use std::path::PathBuf;

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ConnectionExt, EventMask, PropMode, SELECTION_NOTIFY_EVENT,
    SelectionNotifyEvent, SelectionRequestEvent, Timestamp,
};
use x11rb::wrapper::ConnectionExt as _;

use super::desk::{Atoms, Desk, Lost};
use crate::uri;

/// Files in each of the forms that are offered.
pub(crate) struct Offer {
    forms: Vec<(Atom, Vec<u8>)>,
    since: Timestamp,
}

impl Offer {
    /// The forms of a drag; the first is the one that targets should take.
    pub(crate) fn of_drag(desk: &Desk, files: &[PathBuf]) -> Self {
        Self {
            forms: forms(&desk.atoms, files),
            since: desk.now(),
        }
    }

    /// The forms of a copy: file managers want to know that it is one.
    pub(crate) fn of_copy(desk: &Desk, files: &[PathBuf]) -> Self {
        let uris: Vec<String> = files.iter().map(|path| uri::encode(path)).collect();
        let marked = format!("copy\n{}", uris.join("\n"));
        let mut forms = forms(&desk.atoms, files);
        forms.push((desk.atoms.GnomeFiles, marked.into_bytes()));
        Self {
            forms,
            since: desk.now(),
        }
    }

    /// All forms, best first.
    pub(crate) fn kinds(&self) -> Vec<Atom> {
        self.forms.iter().map(|(kind, _)| *kind).collect()
    }

    /// Gives a program what it asks for. True when that was the list of files.
    pub(crate) fn answer(
        &self,
        desk: &Desk,
        request: &SelectionRequestEvent,
    ) -> Result<bool, Lost> {
        // Programs from before ICCCM name no property.
        let property = match request.property {
            x11rb::NONE => request.target,
            property => property,
        };
        let given = self.give(desk, request, property)?;
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: request.requestor,
            selection: request.selection,
            target: request.target,
            property: if given { property } else { x11rb::NONE },
        };
        desk.connection
            .send_event(false, request.requestor, EventMask::NO_EVENT, answer)?;
        desk.connection.flush()?;
        Ok(given && request.target == desk.atoms.UriList)
    }

    fn give(
        &self,
        desk: &Desk,
        request: &SelectionRequestEvent,
        property: Atom,
    ) -> Result<bool, Lost> {
        let (connection, atoms) = (&desk.connection, &desk.atoms);
        let (mode, to) = (PropMode::REPLACE, request.requestor);
        if request.target == atoms.TARGETS {
            let mut kinds = vec![atoms.TARGETS, atoms.TIMESTAMP];
            kinds.extend(self.kinds());
            connection.change_property32(mode, to, property, AtomEnum::ATOM, &kinds)?;
        } else if request.target == atoms.TIMESTAMP {
            let time = [self.since];
            connection.change_property32(mode, to, property, AtomEnum::INTEGER, &time)?;
        } else if let Some((kind, data)) = self.forms.iter().find(|(k, _)| *k == request.target) {
            connection.change_property8(mode, to, property, *kind, data)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

fn forms(atoms: &Atoms, files: &[PathBuf]) -> Vec<(Atom, Vec<u8>)> {
    let text = files
        .iter()
        .map(|path| path.to_string_lossy())
        .collect::<Vec<_>>()
        .join("\n");
    vec![
        (atoms.UriList, uri::list(files).into_bytes()),
        (atoms.PlainUtf8, text.clone().into_bytes()),
        (atoms.Plain, text.clone().into_bytes()),
        (atoms.UTF8_STRING, text.into_bytes()),
    ]
}
