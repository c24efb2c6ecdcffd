//! X11: drags out (XDND source), drops in (XDND target), the clipboard, and keys for the host.
//!
//! Each runs on a thread and an X connection of its own, because the window's connection is
//! baseview's. Nothing here may run on the window's thread.
//!
//! XDND is client messages between two windows and a selection that carries the data; the
//! protocol is <https://www.freedesktop.org/wiki/Specifications/XDND/>, version 5 here.

mod badge;
pub(crate) mod clipboard;
mod desk;
mod door;
pub(crate) mod drop_target;
mod frames;
pub(crate) mod host_keys;
mod offer;
mod session;
pub(crate) mod source;
mod tree;
mod visitor;
