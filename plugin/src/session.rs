//! The only place where engine and player meet: one thread for each instance.
//!
//! # Threads
//! - [`Session`] belongs to the plugin, [`Handle`]s to the panel and to whoever loads a state.
//!   They send messages and read what was published; neither waits for the thread.
//! - [`Busy`] is what the audio thread sees: atomics.
//! - The thread, `barline-session`, takes the messages, submits requests to the process's one
//!   engine, and feeds what comes back to the player. It may allocate, lock and write files. It
//!   never waits for the audio thread.
//!
//! An instance that goes away tells its thread to stop and does not wait for it: a host must
//! not hang because a file is being written. The library stays loaded until the thread has
//! ended (see `build.rs`).

mod feed;
mod files;
mod instances;
mod keeper;
mod making;
mod models;
mod orders;
mod shelf;
mod slots;
mod takes;
#[cfg(test)]
mod tests;
mod undo;
mod versions;
mod worker;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use barline_player::Player;
use crossbeam_channel::Sender;

use self::worker::Worker;
use crate::params::BarlineParams;
use crate::state::Loaded;
use crate::tempo::Wish;
use crate::view::{Live, Message, Snapshot, UiAction};

/// The panel, as far as a session is concerned.
pub trait Screen: Send + 'static {
    /// Whether anybody looks.
    fn is_open(&self) -> bool;
    /// Something changed. Any thread, never waits.
    fn repaint(&self);
}

enum Post {
    Ui(UiAction),
    /// With the presses of `generate` that its loading made or came before.
    Loaded(Box<Loaded>, u32),
    Rate(u32),
    Stop,
}

/// What the threads share.
struct Shared {
    live: Live,
    snapshot: Mutex<Arc<Snapshot>>,
    busy: Busy,
    /// The parameters' count of presses.
    presses: Arc<AtomicU32>,
}

/// Whether a session still works on what it was asked for. Realtime-safe throughout.
#[derive(Debug, Default)]
pub struct Busy {
    /// Messages sent.
    asked: AtomicU64,
    /// Messages whose consequences have all arrived at the player.
    done: AtomicU64,
    /// Presses of the parameter `generate` of which the same is true.
    presses_done: AtomicU32,
    /// What the audio thread wishes of the clip's tempo, as bits, and the last such wish that
    /// has come true.
    wish: AtomicU64,
    wish_done: AtomicU64,
    /// Moves whenever there is progress.
    progress: AtomicU64,
    ended: AtomicBool,
}

impl Busy {
    /// Whether audio is still on its way to the player.
    #[must_use]
    pub fn now(&self, presses: u32) -> bool {
        !self.ended.load(Ordering::Acquire)
            && (self.asked.load(Ordering::Acquire) != self.done.load(Ordering::Acquire)
                || self.presses_done.load(Ordering::Acquire) != presses
                || self.wish_done.load(Ordering::Acquire) != self.wish.load(Ordering::Acquire))
    }

    /// Audio thread: the tempo that the clip is to be played at.
    pub fn wish(&self, wish: Wish) {
        self.wish.store(wish.bits(), Ordering::Release);
    }

    /// The newest wish.
    fn wished(&self) -> Wish {
        Wish::from_bits(self.wish.load(Ordering::Acquire))
    }

    /// A number that changes while there is progress.
    #[must_use]
    pub fn progress(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }
}

/// A way to reach a session from any thread but the audio thread.
#[derive(Clone)]
pub struct Handle {
    outbox: Sender<Post>,
    shared: Arc<Shared>,
}

impl Handle {
    /// Asks for something.
    pub fn send(&self, action: UiAction) {
        self.post(Post::Ui(action));
    }

    /// Passes a loaded state on.
    pub fn loaded(&self, loaded: Loaded) {
        let presses = self.shared.presses.load(Ordering::Acquire);
        self.post(Post::Loaded(Box::new(loaded), presses));
    }

    /// The host's sample rate.
    pub fn set_rate(&self, rate_hz: f32) {
        self.post(Post::Rate(rate_hz.round() as u32));
    }

    /// What was last published.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared
            .snapshot
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What changes all the time.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.shared.live
    }

    /// What the audio thread may wait for when it renders offline.
    #[must_use]
    pub fn busy(&self) -> &Busy {
        &self.shared.busy
    }

    fn post(&self, post: Post) {
        // A session that has ended has said why in its last snapshot.
        let _ = self.outbox.send(post);
        // After the message: whoever sees the count finds the message in the channel.
        self.shared.busy.asked.fetch_add(1, Ordering::Release);
    }
}

/// One instance's session; dropping it ends it.
pub struct Session {
    handle: Handle,
}

/// A project has a place for each of the player's slots.
const _: () = assert!(crate::state::SLOTS == barline_player::SLOTS);

/// Where a session keeps files; `None`: where the user's are.
#[derive(Debug, Clone, Default)]
struct Folders {
    /// The library.
    library: Option<PathBuf>,
    /// Files that are dragged or copied.
    dragged: Option<PathBuf>,
    /// Models, and the hub they come from; `None`: as the environment says.
    shelf: Option<barline_engine::shelf::Settings>,
}

impl Session {
    /// Starts the thread and makes the audio thread's half.
    #[must_use]
    pub fn start(params: Arc<BarlineParams>, screen: impl Screen) -> (Self, Player) {
        Self::in_folders(params, screen, Folders::default())
    }

    /// The same with folders of its own.
    fn in_folders(
        params: Arc<BarlineParams>,
        screen: impl Screen,
        folders: Folders,
    ) -> (Self, Player) {
        let (outbox, inbox) = crossbeam_channel::unbounded();
        let (control, player) = barline_player::handoff();
        let shared = Arc::new(Shared {
            live: Live::default(),
            snapshot: Mutex::default(),
            busy: Busy::default(),
            presses: params.generate_presses.clone(),
        });
        let handle = Handle {
            outbox,
            shared: shared.clone(),
        };
        instances::add(&shared);
        let worker_shared = shared.clone();
        let spawned = std::thread::Builder::new()
            .name("barline-session".into())
            .spawn(move || {
                let shared = worker_shared.clone();
                let worker = Worker::new(params, shared, inbox, control, screen, folders);
                // A fault of ours must not take the host with it.
                let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.run()));
                if run.is_err() {
                    give_up(&worker_shared, "an internal error stopped this instance");
                }
                worker_shared.busy.ended.store(true, Ordering::Release);
            });
        if spawned.is_err() {
            give_up(&shared, "the system has no room for another thread");
        }
        (Self { handle }, player)
    }

    /// A way to reach it.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.handle.post(Post::Stop);
    }
}

fn give_up(shared: &Shared, why: &str) {
    let text = format!("Barline cannot go on: {why}. Save the project and load it again.");
    let last = Snapshot {
        message: Some(Message::Error(text)),
        ..Snapshot::default()
    };
    *shared
        .snapshot
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Arc::new(last);
    shared.busy.ended.store(true, Ordering::Release);
}
