//! A drag of another program while it is over our windows.
//!
//! Runs on the listening thread. Every position is answered, by us or by the host, and every
//! drop is finished: the other program waits for both.

use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt, SelectionNotifyEvent, Window,
};

use super::desk::{Desk, Lost, soft};
use super::door::Door;
use super::session::watch;
use super::tree;
use crate::{DropEvent, uri};

/// How long another program may take to hand over the list of files.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest list that is read, in units of four bytes.
const LONGEST_LIST: u32 = 1 << 20;

/// Whom the drag is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Nobody,
    Panel,
    Host,
}

/// The drag that is here, if one is.
pub(crate) struct Visitor {
    panel: Window,
    drag: Option<Visit>,
}

struct Visit {
    source: Window,
    /// The window that the source means; answers name it.
    about: Window,
    /// `XdndEnter` as it came, for the host.
    enter: [u32; 5],
    has_files: bool,
    side: Side,
    /// In the panel's pixels.
    place: (i32, i32),
    /// The files are on their way since.
    dropped: Option<Instant>,
}

impl Visitor {
    pub(crate) fn new(panel: Window) -> Self {
        Self { panel, drag: None }
    }

    /// Reads one of XDND's messages. Where the source has `left` already, what came before that is no longer
    /// passed on: the host may have heard of another of its windows since.
    pub(crate) fn message(
        &mut self,
        desk: &Desk,
        door: &Door,
        message: &ClientMessageEvent,
        welcome: bool,
        left: bool,
        tell: &mut impl FnMut(DropEvent),
    ) -> Result<(), Lost> {
        let (atoms, data) = (&desk.atoms, message.data.as_data32());
        if message.type_ == atoms.XdndEnter {
            // A drag that never left is over: its program has begun another.
            self.end(tell);
            watch(desk, data[0])?;
            self.drag = Some(Visit {
                source: data[0],
                about: message.window,
                enter: data,
                has_files: has_files(desk, data)?,
                side: Side::Nobody,
                place: (0, 0),
                dropped: None,
            });
            return Ok(());
        }
        let panel = self.panel;
        let Some(drag) = self.drag.as_mut().filter(|drag| drag.source == data[0]) else {
            return Ok(());
        };
        let host = door.host().filter(|host| host.window == drag.about);
        let pass_on = |data| match host {
            Some(host) if host.aware => desk.send(host.window, host.window, message.type_, data),
            _ => Ok(()),
        };
        if message.type_ == atoms.XdndPosition && !left {
            let (x, y) = ((data[2] >> 16) as u16, data[2] as u16);
            let (x, y) = (x.cast_signed(), y.cast_signed());
            let side = drag.side_at(desk, panel, x, y)?;
            if drag.side != side {
                match drag.side {
                    Side::Nobody => {}
                    Side::Panel if drag.has_files => tell(DropEvent::Leave),
                    Side::Panel => {}
                    Side::Host => {
                        if let Some(host) = host.filter(|host| host.aware) {
                            let leave = [drag.source, 0, 0, 0, 0];
                            desk.send(host.window, host.window, atoms.XdndLeave, leave)?;
                        }
                    }
                }
                if let (Side::Host, Some(host)) = (side, host.filter(|host| host.aware)) {
                    desk.send(host.window, host.window, atoms.XdndEnter, drag.enter)?;
                }
                drag.side = side;
            }
            match side {
                Side::Host if host.is_some_and(|host| host.aware) => pass_on(data)?,
                Side::Host | Side::Nobody => drag.answer(desk, false)?,
                Side::Panel => {
                    if let Some(place) = tree::within(desk, panel, x, y)? {
                        drag.place = place;
                    }
                    drag.answer(desk, welcome && drag.has_files)?;
                    if drag.has_files {
                        let (x, y) = drag.place;
                        tell(DropEvent::Hover { x, y });
                    }
                }
            }
        } else if message.type_ == atoms.XdndLeave {
            if let (Side::Host, Some(host)) = (drag.side, host)
                && !went_on(desk, host.window, drag.source)?
            {
                pass_on(data)?;
            }
            self.end(tell);
        } else if message.type_ == atoms.XdndDrop {
            match drag.side {
                Side::Panel if drag.has_files && welcome => {
                    drag.dropped = Some(Instant::now());
                    let (selection, kind) = (atoms.XdndSelection, atoms.UriList);
                    let connection = &desk.connection;
                    connection.convert_selection(desk.hidden, selection, kind, kind, data[2])?;
                    connection.flush()?;
                }
                Side::Host if host.is_some_and(|host| host.aware) => {
                    pass_on(data)?;
                    self.drag = None;
                }
                _ => {
                    drag.finish(desk, false)?;
                    self.end(tell);
                }
            }
        }
        Ok(())
    }

    /// Reads the list of files that was asked for.
    pub(crate) fn data(
        &mut self,
        desk: &Desk,
        notify: &SelectionNotifyEvent,
        tell: &mut impl FnMut(DropEvent),
    ) -> Result<(), Lost> {
        let Some(drag) = self.drag.take_if(|drag| drag.dropped.is_some()) else {
            return Ok(());
        };
        let mut paths = Vec::new();
        if notify.property != x11rb::NONE {
            let any = AtomEnum::ANY;
            let (hidden, property) = (desk.hidden, notify.property);
            let cookie =
                desk.connection
                    .get_property(true, hidden, property, any, 0, LONGEST_LIST)?;
            // A list that comes in pieces has another type: none is so long.
            if let Some(reply) = soft(cookie)?.filter(|reply| reply.type_ != desk.atoms.INCR) {
                paths = uri::paths(&reply.value);
            }
        }
        drag.finish(desk, !paths.is_empty())?;
        let (x, y) = drag.place;
        tell(DropEvent::Drop { paths, x, y });
        Ok(())
    }

    /// Gives up on a program that does not hand over what it dropped.
    pub(crate) fn wait(
        &mut self,
        desk: &Desk,
        tell: &mut impl FnMut(DropEvent),
    ) -> Result<(), Lost> {
        let late = |drag: &mut Visit| drag.dropped.is_some_and(|at| at.elapsed() > PATIENCE);
        if let Some(drag) = self.drag.take_if(late) {
            drag.finish(desk, false)?;
            let (x, y) = drag.place;
            let paths = Vec::new();
            tell(DropEvent::Drop { paths, x, y });
        }
        Ok(())
    }

    /// A program that drags may end.
    pub(crate) fn lose(&mut self, window: Window, tell: &mut impl FnMut(DropEvent)) {
        if self.drag.as_ref().is_some_and(|drag| drag.source == window) {
            self.end(tell);
        }
    }

    fn end(&mut self, tell: &mut impl FnMut(DropEvent)) {
        if let Some(drag) = self.drag.take()
            && drag.side == Side::Panel
            && drag.has_files
        {
            tell(DropEvent::Leave);
        }
    }
}

impl Visit {
    /// Whose place it is. Where the source means the panel's own window, it is the panel's.
    /// Windows that lie over the host's are the source's business: its own picture of what is
    /// dragged may be one.
    fn side_at(&self, desk: &Desk, panel: Window, x: i16, y: i16) -> Result<Side, Lost> {
        if self.about == panel || tree::path(desk, self.about, x, y)?.contains(&panel) {
            Ok(Side::Panel)
        } else {
            Ok(Side::Host)
        }
    }

    fn answer(&self, desk: &Desk, yes: bool) -> Result<(), Lost> {
        // The second bit asks for all positions.
        let (flags, action) = match yes {
            true => (3, desk.atoms.XdndActionCopy),
            false => (2, x11rb::NONE),
        };
        let data = [self.about, flags, 0, 0, action];
        desk.send(self.source, self.source, desk.atoms.XdndStatus, data)
    }

    fn finish(&self, desk: &Desk, yes: bool) -> Result<(), Lost> {
        let (flags, action) = match yes {
            true => (1, desk.atoms.XdndActionCopy),
            false => (0, x11rb::NONE),
        };
        let data = [self.about, flags, action, 0, 0];
        desk.send(self.source, self.source, desk.atoms.XdndFinished, data)
    }
}

/// Whether the pointer, and the drag with it, went on to another window of the host. That has heard of it
/// already, and would take a late farewell for one to that window (GTK has one drag for each source).
fn went_on(desk: &Desk, host: Window, source: Window) -> Result<bool, Lost> {
    let pointer = desk.connection.query_pointer(desk.root)?.reply()?;
    let (x, y) = (pointer.root_x, pointer.root_y);
    // The picture of what is dragged is the source's.
    let path = tree::path_without(desk, desk.program(source), x, y)?;
    let program = desk.program(host);
    Ok(!path.contains(&host) && path.iter().any(|&window| desk.program(window) == program))
}

/// Whether files are among what is dragged.
fn has_files(desk: &Desk, enter: [u32; 5]) -> Result<bool, Lost> {
    let atoms = &desk.atoms;
    let mut kinds = enter[2..].to_vec();
    if enter[1] & 1 == 1 {
        kinds.extend(desk.numbers(enter[0], atoms.XdndTypeList, AtomEnum::ATOM)?);
    }
    Ok(kinds.contains(&atoms.UriList))
}
