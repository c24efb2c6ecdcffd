//! The engine's thread: a queue of jobs, one at a time, with cancel at every step.
//!
//! [`Engine`] and [`Job`] are handles for any thread but the audio thread; `submit` and
//! `cancel` never wait for the model. The worker owns the loaded model and a pool of threads
//! of its own, all at lowered priority. A panic in a job ends that job, not the worker.
//!
//! Candle's dense products and the codec run in our pool, because rayon uses the pool that
//! its caller is in. Candle still cuts its work into as many parts as the machine has cores
//! (it asks no pool), which our threads then share: with fewer threads it is only less even.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::error::EngineError;
use crate::event::EngineEvent;
use crate::job::{self, Ended};
use crate::model::Model;
use crate::request::{GenerateRequest, ModelSource};

/// How long dropping the engine waits for its thread: many steps, but no hang of a host.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Names a job within the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// A handle on the worker thread; the thread ends, and the model is freed, when the last
/// handle is dropped. A running job is then cancelled.
#[derive(Debug)]
pub struct Engine {
    queue: Option<Sender<Ticket>>,
    /// Jobs submitted and not ended.
    open: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    ended: Receiver<()>,
    next_id: AtomicU64,
}

/// A submitted request. Dropping it cancels it: nobody is left to hear the clip.
#[derive(Debug)]
pub struct Job {
    id: JobId,
    events: Receiver<EngineEvent>,
    cancelled: Arc<AtomicBool>,
}

/// A job on its way to the worker.
struct Ticket {
    request: GenerateRequest,
    events: Sender<EngineEvent>,
    cancelled: Arc<AtomicBool>,
}

/// The threads for a job when its request names no number: the physical cores less one,
/// which is the host's, and at least one.
#[must_use]
pub fn default_threads() -> NonZeroUsize {
    NonZeroUsize::new(num_cpus::get_physical().saturating_sub(1)).unwrap_or(NonZeroUsize::MIN)
}

impl Engine {
    /// Starts an engine of one's own. Plugins use [`Engine::shared`].
    ///
    /// # Errors
    /// [`EngineError::Internal`] when the system gives no thread.
    pub fn start() -> Result<Self, EngineError> {
        let (queue, tickets) = unbounded();
        let (end, ended) = unbounded();
        let open = Arc::new(AtomicUsize::new(0));
        let stopping = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            open: open.clone(),
            stopping: stopping.clone(),
            model: None,
            pool: None,
        };
        std::thread::Builder::new()
            .name("barline-engine".into())
            .spawn(move || {
                worker.run(&tickets);
                drop(end);
            })
            .map_err(|error| EngineError::Internal {
                what: format!("no thread: {error}"),
            })?;
        Ok(Self {
            queue: Some(queue),
            open,
            stopping,
            ended,
            next_id: AtomicU64::new(1),
        })
    }

    /// The one engine of this process, shared by all who hold it. Waits for the one before, if
    /// that is not gone yet.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn shared() -> Result<Arc<Self>, EngineError> {
        static SHARED: Mutex<Option<(Weak<Engine>, Receiver<()>)>> = Mutex::new(None);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((engine, ended)) = &*shared {
            if let Some(engine) = engine.upgrade() {
                return Ok(engine);
            }
            // The one before is on its way out, perhaps while it reads a model: two would be two
            // copies of the weights, and instances that come and go quickly would pile them up.
            let _ = ended.recv_timeout(STOP_TIMEOUT);
        }
        let engine = Arc::new(Self::start()?);
        *shared = Some((Arc::downgrade(&engine), engine.ended.clone()));
        Ok(engine)
    }

    /// Puts a request in the queue.
    ///
    /// # Errors
    /// What [`GenerateRequest::check`] refuses, and [`EngineError::Stopped`].
    pub fn submit(&self, request: GenerateRequest) -> Result<Job, EngineError> {
        request.check()?;
        let (sender, events) = unbounded();
        let cancelled = Arc::new(AtomicBool::new(false));
        let ahead = self.open.fetch_add(1, Ordering::AcqRel);
        // The receiver is in this function: the send can't fail.
        let _ = sender.send(EngineEvent::Queued { ahead });
        let ticket = Ticket {
            request,
            events: sender,
            cancelled: cancelled.clone(),
        };
        let queue = self.queue.as_ref().ok_or(EngineError::Stopped)?;
        if queue.send(ticket).is_err() {
            self.open.fetch_sub(1, Ordering::AcqRel);
            return Err(EngineError::Stopped);
        }
        let id = JobId(self.next_id.fetch_add(1, Ordering::Relaxed));
        Ok(Job {
            id,
            events,
            cancelled,
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        self.queue = None;
        // Nothing is ever sent: the worker's end drops the sender and wakes us.
        let _ = self.ended.recv_timeout(STOP_TIMEOUT);
    }
}

impl Job {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.id
    }

    /// News, in order; disconnected after the last.
    #[must_use]
    pub fn events(&self) -> &Receiver<EngineEvent> {
        &self.events
    }

    /// Asks the worker to stop within two steps.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// What lives on the worker thread.
struct Worker {
    open: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    /// The model of the last job.
    model: Option<(ModelSource, Model)>,
    /// The pool of the last job, with its number of threads.
    pool: Option<(NonZeroUsize, rayon::ThreadPool)>,
}

impl Worker {
    fn run(mut self, tickets: &Receiver<Ticket>) {
        lower_priority();
        for ticket in tickets {
            let end = match catch_unwind(AssertUnwindSafe(|| self.serve(&ticket))) {
                Ok(Ok(Ended::Finished(clip))) => EngineEvent::Finished(Arc::from(clip)),
                Ok(Ok(Ended::Cancelled)) => EngineEvent::Cancelled,
                Ok(Err(error)) => EngineEvent::Failed(error),
                Err(panic) => {
                    // Whatever the panic left half-done is not used again.
                    self.model = None;
                    self.pool = None;
                    EngineEvent::Failed(EngineError::Internal {
                        what: panic_text(&*panic),
                    })
                }
            };
            self.open.fetch_sub(1, Ordering::AcqRel);
            // Nobody may be listening any more.
            let _ = ticket.events.send(end);
        }
    }

    fn serve(&mut self, ticket: &Ticket) -> Result<Ended, EngineError> {
        let stopping = self.stopping.clone();
        let cancelled =
            || ticket.cancelled.load(Ordering::Acquire) || stopping.load(Ordering::Acquire);
        let send = |event| {
            let _ = ticket.events.send(event);
        };
        if cancelled() {
            return Ok(Ended::Cancelled);
        }
        let threads = ticket.request.threads.unwrap_or_else(default_threads);
        let pool = match self.pool.take() {
            Some((size, pool)) if size == threads => pool,
            _ => build_pool(threads)?,
        };
        let (_, pool) = self.pool.insert((threads, pool));
        let model = match self.model.take() {
            Some((source, model)) if source == ticket.request.model => model,
            // The old model is gone before the new one is read: memory holds one.
            _ => {
                send(EngineEvent::Loading);
                pool.install(|| Model::load(&ticket.request.model))?
            }
        };
        let (_, model) = self.model.insert((ticket.request.model.clone(), model));
        pool.install(|| job::run(model, &ticket.request, &cancelled, &send))
    }
}

fn build_pool(threads: NonZeroUsize) -> Result<rayon::ThreadPool, EngineError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .thread_name(|index| format!("barline-step-{index}"))
        .start_handler(|_| lower_priority())
        .build()
        .map_err(|error| EngineError::Internal {
            what: format!("no threads: {error}"),
        })
}

/// Lets the host's threads go before the calling one. Where the system refuses, the work is done all
/// the same.
pub fn lower_priority() {
    use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
    if let Ok(value) = ThreadPriorityValue::try_from(20u8) {
        let _ = set_current_thread_priority(ThreadPriority::Crossplatform(value));
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic".into())
}
