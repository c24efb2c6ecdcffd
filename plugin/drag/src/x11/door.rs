//! Where drags find the panel: the properties on its window and on the host's around it.
//!
//! Runs on the listening thread. Sources look at the outermost window first, which is the
//! host's where the panel is embedded; so that one is led here as well, and what is not for the
//! panel goes on to the host. Takes nothing that another program has led elsewhere, and puts all
//! back at the end.

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt, PropMode, Window};
use x11rb::wrapper::ConnectionExt as _;

use super::desk::{Desk, Lost, VERSION, soft};
use super::session::watch;
use super::tree;

/// Deeper trees are a loop in somebody's windows.
const MAX_DEPTH: usize = 64;

/// What is led to us.
pub(crate) struct Door {
    window: Window,
    /// The window with the frame around, where that is not ours.
    host: Option<Host>,
    wm_state: Atom,
}

/// The host's outermost window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) window: Window,
    /// It takes drops itself, so it gets what is not for us.
    pub(crate) aware: bool,
}

impl Door {
    /// Leads messages about `window` to the desk's hidden window.
    pub(crate) fn open(desk: &Desk, window: Window) -> Result<Self, Lost> {
        let (mode, kind) = (PropMode::REPLACE, AtomEnum::WINDOW);
        desk.connection
            .change_property32(mode, desk.hidden, desk.atoms.Panel, kind, &[window])?;
        lead(desk, desk.hidden)?;
        lead(desk, window)?;
        watch(desk, window)?;
        let wm_state = desk
            .connection
            .intern_atom(false, b"WM_STATE")?
            .reply()?
            .atom;
        let mut door = Self {
            window,
            host: None,
            wm_state,
        };
        door.look(desk)?;
        Ok(door)
    }

    pub(crate) fn host(&self) -> Option<Host> {
        self.host
    }

    /// Finds the host's window again: an editor may move into it long after it was made.
    pub(crate) fn look(&mut self, desk: &Desk) -> Result<(), Lost> {
        let outermost = self.outermost(desk)?;
        if outermost != self.host.map(|host| host.window) {
            self.release(desk)?;
            if let Some(window) = outermost {
                self.host = take(desk, window)?;
            }
        } else if let (Some(host), Some(window)) = (&mut self.host, outermost) {
            // A host that comes to take drops later says so by setting this anew.
            let versions = desk.numbers(window, desk.atoms.XdndAware, AtomEnum::ATOM)?;
            host.aware |= versions.first() != Some(&OUR_MARK);
        }
        desk.connection.flush()?;
        Ok(())
    }

    /// Puts everything back as it was.
    pub(crate) fn close(&mut self, desk: &Desk) -> Result<(), Lost> {
        self.release(desk)?;
        let connection = &desk.connection;
        connection.delete_property(self.window, desk.atoms.XdndProxy)?;
        // A reply shows that the server has done it.
        connection.get_input_focus()?.reply()?;
        Ok(())
    }

    fn release(&mut self, desk: &Desk) -> Result<(), Lost> {
        let Some(host) = self.host.take() else {
            return Ok(());
        };
        let (connection, atoms) = (&desk.connection, &desk.atoms);
        let proxies = desk.numbers(host.window, atoms.XdndProxy, AtomEnum::WINDOW)?;
        if proxies.first() == Some(&desk.hidden) {
            connection.delete_property(host.window, atoms.XdndProxy)?;
            if !host.aware {
                connection.delete_property(host.window, atoms.XdndAware)?;
            }
        }
        Ok(())
    }

    /// The ancestor that the window manager manages; without one, the outermost.
    fn outermost(&self, desk: &Desk) -> Result<Option<Window>, Lost> {
        let mut window = self.window;
        for _ in 0..MAX_DEPTH {
            let cookie =
                desk.connection
                    .get_property(false, window, self.wm_state, AtomEnum::ANY, 0, 0)?;
            let managed = soft(cookie)?.is_some_and(|reply| reply.type_ != x11rb::NONE);
            let Some(tree) = soft(desk.connection.query_tree(window)?)? else {
                return Ok(None);
            };
            if managed || tree.parent == tree.root || tree.parent == x11rb::NONE {
                break;
            }
            window = tree.parent;
        }
        Ok((window != self.window).then_some(window))
    }
}

/// The version that a host's window gets from us: one that programs don't write themselves, so
/// that it can be told from theirs. Sources take the smaller of both sides' versions.
pub(crate) const OUR_MARK: u32 = VERSION | 0x100;

/// Leads the messages of a host's window here, unless it has led them elsewhere.
fn take(desk: &Desk, window: Window) -> Result<Option<Host>, Lost> {
    if tree::proxy(desk, window)?.is_some_and(|proxy| proxy != desk.hidden) {
        return Ok(None);
    }
    let (connection, atoms) = (&desk.connection, &desk.atoms);
    let versions = desk.numbers(window, atoms.XdndAware, AtomEnum::ATOM)?;
    let aware = !versions.is_empty() && versions != [OUR_MARK];
    if !aware {
        let (mode, kind) = (PropMode::REPLACE, AtomEnum::ATOM);
        connection.change_property32(mode, window, atoms.XdndAware, kind, &[OUR_MARK])?;
    }
    proxy(desk, window)?;
    Ok(Some(Host { window, aware }))
}

/// Makes a window one that takes drops, by way of us.
fn lead(desk: &Desk, window: Window) -> Result<(), Lost> {
    let (mode, kind) = (PropMode::REPLACE, AtomEnum::ATOM);
    let aware = desk.atoms.XdndAware;
    desk.connection
        .change_property32(mode, window, aware, kind, &[VERSION])?;
    proxy(desk, window)
}

fn proxy(desk: &Desk, window: Window) -> Result<(), Lost> {
    let (mode, kind) = (PropMode::REPLACE, AtomEnum::WINDOW);
    let proxy = desk.atoms.XdndProxy;
    desk.connection
        .change_property32(mode, window, proxy, kind, &[desk.hidden])?;
    Ok(())
}
