//! Who is under the pointer, and who takes XDND's messages for it.
//!
//! Runs on a drag's thread. Windows may vanish between any two requests: that reads as nothing
//! being there.

use x11rb::protocol::xproto::{AtomEnum, ConnectionExt, MapState, Window, WindowClass};

use super::desk::{Desk, Lost, OLDEST, VERSION, soft};
use super::door::OUR_MARK;

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

/// The windows inside `outer` under a point of the root window, from the outermost in.
pub(crate) fn path(desk: &Desk, outer: Window, x: i16, y: i16) -> Result<Vec<Window>, Lost> {
    let mut path = Vec::new();
    let mut window = outer;
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
///
/// The window of a host around a panel of ours is asked itself, not by way of the panel's listener: what that
/// passes on would reach the host later than what the host's next window is told.
pub(crate) fn target(desk: &Desk, path: &[Window]) -> Result<Option<Target>, Lost> {
    for (n, &window) in path.iter().enumerate() {
        let Some(target) = aware(desk, window)? else {
            continue;
        };
        let panel = desk.numbers(target.receiver, desk.atoms.Panel, AtomEnum::WINDOW)?;
        if panel.first().is_none_or(|panel| path[n..].contains(panel)) {
            return Ok(Some(target));
        }
        let versions = desk.numbers(window, desk.atoms.XdndAware, AtomEnum::ATOM)?;
        if let Some(version) = versions.first().filter(|&&version| version != OUR_MARK) {
            return Ok(Some(Target {
                receiver: window,
                version: (*version).min(VERSION),
                ..target
            }));
        }
    }
    Ok(None)
}

/// The windows under a point of the root window, from the outermost in, as if a program had none.
pub(crate) fn path_without(desk: &Desk, program: u32, x: i16, y: i16) -> Result<Vec<Window>, Lost> {
    let Some(tree) = soft(desk.connection.query_tree(desk.root)?)? else {
        return Ok(Vec::new());
    };
    // The last one is on top.
    for &window in tree.children.iter().rev() {
        if desk.program(window) == program || !covers(desk, window, x, y)? {
            continue;
        }
        let mut path = vec![window];
        path.extend(self::path(desk, window, x, y)?);
        return Ok(path);
    }
    Ok(Vec::new())
}

/// Whether a child of the root window is seen and has a point of that in it.
fn covers(desk: &Desk, window: Window, x: i16, y: i16) -> Result<bool, Lost> {
    let Some(place) = soft(desk.connection.get_geometry(window)?)? else {
        return Ok(false);
    };
    let within = |at: i16, begin: i16, size: u16| {
        let end = i32::from(begin) + i32::from(size) + 2 * i32::from(place.border_width);
        (i32::from(begin)..end).contains(&i32::from(at))
    };
    if !within(x, place.x, place.width) || !within(y, place.y, place.height) {
        return Ok(false);
    }
    let attributes = soft(desk.connection.get_window_attributes(window)?)?;
    Ok(attributes.is_some_and(|attributes| {
        attributes.map_state == MapState::VIEWABLE && attributes.class == WindowClass::INPUT_OUTPUT
    }))
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
