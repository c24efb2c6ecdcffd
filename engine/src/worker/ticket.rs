//! A job on its way: what was asked for, where it is, who hears of it.
//!
//! Shared by the worker and the one who asked; any thread but the audio thread. Whoever ends it
//! first has the last word: nothing is sent after that.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::Sender;

use super::JobId;
use crate::event::EngineEvent;
use crate::job::Order;
use crate::request::GenerateRequest;

/// A job on its way.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) id: JobId,
    pub(super) request: GenerateRequest,
    pub(super) threads: AtomicUsize,
    cancelled: AtomicBool,
    /// A clip of a try before is there, which is kept when the next try is cancelled.
    has_clip: AtomicBool,
    /// Share of the steps that are done, and seconds left, as the bits of f32; not a number
    /// where nobody knows.
    done: AtomicU32,
    seconds_left: AtomicU32,
    /// The engine's.
    stopping: Arc<AtomicBool>,
    /// `None` once it has ended.
    events: Mutex<Option<Sender<EngineEvent>>>,
}

impl Ticket {
    pub(super) fn new(
        id: JobId,
        request: GenerateRequest,
        threads: usize,
        stopping: Arc<AtomicBool>,
        events: Sender<EngineEvent>,
    ) -> Self {
        Self {
            id,
            request,
            threads: AtomicUsize::new(threads),
            cancelled: AtomicBool::new(false),
            has_clip: AtomicBool::new(false),
            done: AtomicU32::new(0.0_f32.to_bits()),
            seconds_left: AtomicU32::new(f32::NAN.to_bits()),
            stopping,
            events: Mutex::new(Some(events)),
        }
    }

    fn events(&self) -> std::sync::MutexGuard<'_, Option<Sender<EngineEvent>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ended(&self) -> bool {
        self.events().is_none()
    }

    /// Asks the worker to stop, and answers at once where there is nothing to keep.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        if !self.has_clip.load(Ordering::Acquire) {
            self.end(EngineEvent::Cancelled);
        }
    }

    /// Share of its steps that are done, and the seconds that are left, where that is known.
    pub(super) fn course(&self) -> (f32, Option<f32>) {
        let read = |bits: &AtomicU32| f32::from_bits(bits.load(Ordering::Relaxed));
        let seconds = read(&self.seconds_left);
        (read(&self.done), (!seconds.is_nan()).then_some(seconds))
    }
}

impl Order for Ticket {
    fn request(&self) -> &GenerateRequest {
        &self.request
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire) || self.stopping.load(Ordering::Acquire)
    }

    fn threads(&self) -> usize {
        self.threads.load(Ordering::Relaxed)
    }

    fn keeps_a_clip(&self) {
        self.has_clip.store(true, Ordering::Release);
    }

    fn send(&self, event: EngineEvent) {
        if let EngineEvent::Progress {
            step,
            steps,
            seconds_left,
            ..
        } = event
        {
            let done = step as f32 / steps.max(1) as f32;
            self.done.store(done.to_bits(), Ordering::Relaxed);
            self.seconds_left
                .store(seconds_left.to_bits(), Ordering::Relaxed);
        }
        if let Some(events) = &*self.events() {
            // Nobody may be listening any more.
            let _ = events.send(event);
        }
    }

    fn end(&self, event: EngineEvent) {
        if let Some(events) = self.events().take() {
            let _ = events.send(event);
        }
    }
}
