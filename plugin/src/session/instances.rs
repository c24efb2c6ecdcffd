//! The instances of this process, seen together: whether any of them plays or works.
//!
//! Any thread but the audio thread: a lock is taken, for as long as a list of some pointers is read.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::Shared;

static ALL: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// How the instances are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    /// There is none any more.
    Left,
    /// One plays, or its host does, or something is being made.
    Busy,
    /// None of that.
    Quiet,
}

/// A new instance.
pub(super) fn add(shared: &Arc<Shared>) {
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|instance| instance.strong_count() > 0);
    all.push(Arc::downgrade(shared));
}

/// How they are just now.
pub(super) fn look() -> Process {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    let lives = |instance: &Arc<Shared>| !instance.busy.ended.load(Ordering::Acquire);
    let instances = all.iter().filter_map(Weak::upgrade);
    let mut instances = instances.filter(lives).peekable();
    if instances.peek().is_none() {
        return Process::Left;
    }
    let is_busy = |instance: Arc<Shared>| {
        let live = &instance.live;
        let presses = instance.presses.load(Ordering::Acquire);
        live.host_playing() || live.sounding() || instance.busy.now(presses)
    };
    if instances.any(is_busy) {
        Process::Busy
    } else {
        Process::Quiet
    }
}
