//! Who is under the pointer, and who takes XDND's messages for it.
//!
//! Runs on a drag's thread. Windows may vanish between any two requests: that reads as nothing
//! being there.

use x11rb::protocol::xproto::{AtomEnum, ConnectionExt, Window};

use super::desk::{Desk, Lost, OLDEST, VERSION, soft};

/// Deeper trees are a loop in somebody's windows.
const MAX_DEPTH: usize = 64;

/// A window that takes drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The window that messages are about.
    pub(crate) window: Window,
    /// The window that messages go to: its proxy, or itself.
    pub(crate) receiver: Window,
    /// The newest version that both sides speak.
    pub(crate) version: u32,
}

/// The windows under a point of the root window, from the outermost in.
pub(crate) fn path(desk: &Desk, x: i16, y: i16) -> Result<Vec<Window>, Lost> {
    let mut path = Vec::new();
    let mut window = desk.root;
    while path.len() < MAX_DEPTH {
        let cookie = desk
            .connection
            .translate_coordinates(desk.root, window, x, y)?;
        match soft(cookie)? {
            Some(reply) if reply.child != x11rb::NONE => window = reply.child,
            _ => break,
        }
        path.push(window);
    }
    Ok(path)
}

/// The outermost window of a path that takes drops: the order in which all toolkits look.
pub(crate) fn target(desk: &Desk, path: &[Window]) -> Result<Option<Target>, Lost> {
    for &window in path {
        if let Some(target) = aware(desk, window)? {
            return Ok(Some(target));
        }
    }
    Ok(None)
}

/// Whether a window takes drops, itself or by a proxy.
pub(crate) fn aware(desk: &Desk, window: Window) -> Result<Option<Target>, Lost> {
    let proxy = proxy(desk, window)?;
    let receiver = proxy.unwrap_or(window);
    let mut versions = desk.numbers(receiver, desk.atoms.XdndAware, AtomEnum::ATOM)?;
    if versions.is_empty() && proxy.is_some() {
        versions = desk.numbers(window, desk.atoms.XdndAware, AtomEnum::ATOM)?;
    }
    Ok(versions
        .first()
        .filter(|version| **version >= OLDEST)
        .map(|version| Target {
            window,
            receiver,
            version: (*version).min(VERSION),
        }))
}

/// A window's proxy, if it is one: a proxy names itself, what is left of a dead one does not.
pub(crate) fn proxy(desk: &Desk, window: Window) -> Result<Option<Window>, Lost> {
    let named = |window| -> Result<Option<Window>, Lost> {
        let values = desk.numbers(window, desk.atoms.XdndProxy, AtomEnum::WINDOW)?;
        Ok(values.first().copied())
    };
    match named(window)? {
        Some(proxy) if proxy != x11rb::NONE && named(proxy)? == Some(proxy) => Ok(Some(proxy)),
        _ => Ok(None),
    }
}

/// A point of the root window as one of `window`, in pixels; nothing when the window is gone.
pub(crate) fn within(
    desk: &Desk,
    window: Window,
    x: i16,
    y: i16,
) -> Result<Option<(i32, i32)>, Lost> {
    let cookie = desk
        .connection
        .translate_coordinates(desk.root, window, x, y)?;
    Ok(soft(cookie)?.map(|reply| (i32::from(reply.dst_x), i32::from(reply.dst_y))))
}
