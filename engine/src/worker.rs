//! The engine's thread: a queue of jobs, with cancel at every step. Jobs that follow one another
//! and differ in little more than their seeds are made together, which takes hardly longer than
//! one of them.
//!
//! [`Engine`] and [`Job`] are handles for any thread but the audio thread; `submit` and
//! `cancel` never wait for the model. The worker owns the loaded models and a pool of threads
//! of its own, all at lowered priority. A panic in a job ends that job (and those that are made
//! with it), not the worker.
//!
//! The packed decoder has a team of its own. The codec and candle's dense products run in our
//! pool, because rayon uses the pool that its caller is in. Candle still cuts its work into as many parts as the machine has cores
//! (it asks no pool), which our threads then share: with fewer threads it is only less even.

mod held;
mod queue;
mod threads;
mod ticket;

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};

use crate::error::EngineError;
use crate::event::EngineEvent;
use crate::job::{self, Order};
use crate::load::Load;
use crate::model::Model;
use crate::request::{GenerateRequest, ModelSource};

use held::{Board, Models};
pub use held::{HeldModel, Limits};
use queue::Next;
use queue::Queue;
pub use queue::QueueEntry;
use threads::{Threads, build_pool};
pub use threads::{default_threads, lower_priority};
use ticket::Ticket;

/// How long dropping the engine waits for its thread: many steps, but no hang of a host.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Jobs that are made together at most.
pub const TOGETHER: usize = 4;

/// Names a job within the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// A handle on the worker thread; the thread ends, and the models are freed, when the last
/// handle is dropped. A running job is then cancelled.
#[derive(Debug)]
pub struct Engine {
    queue: Arc<Queue>,
    board: Arc<Board>,
    stopping: Arc<AtomicBool>,
    ended: Receiver<()>,
}

/// A submitted request. Dropping it cancels it: nobody is left to hear the clip.
#[derive(Debug)]
pub struct Job {
    ticket: Arc<Ticket>,
    queue: Arc<Queue>,
    events: Receiver<EngineEvent>,
}

impl Engine {
    /// Starts an engine of one's own. Plugins use [`Engine::shared`].
    ///
    /// # Errors
    /// [`EngineError::Internal`] when the system gives no thread.
    pub fn start() -> Result<Self, EngineError> {
        let (end, ended) = unbounded();
        let queue = Arc::new(Queue::default());
        let board = Arc::new(Board::new());
        let stopping = Arc::new(AtomicBool::new(false));
        let (of_worker, held) = (queue.clone(), board.clone());
        std::thread::Builder::new()
            .name("barline-engine".into())
            .spawn(move || {
                let worker = Worker {
                    queue: &of_worker,
                    models: Models::new(&held),
                    threads: None,
                };
                worker.run();
                drop(end);
            })
            .map_err(|error| EngineError::Internal {
                what: format!("no thread: {error}"),
            })?;
        Ok(Self {
            queue,
            board,
            stopping,
            ended,
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
        let jobs = self.submit_all(vec![request])?;
        jobs.into_iter().next().ok_or(EngineError::Stopped)
    }

    /// Puts requests in the queue that nothing comes between: those that differ in little more
    /// than their seeds are made together.
    ///
    /// # Errors
    /// As [`Engine::submit`]; then none of them is in the queue.
    pub fn submit_all(&self, requests: Vec<GenerateRequest>) -> Result<Vec<Job>, EngineError> {
        for request in &requests {
            request.check()?;
        }
        let (tickets, jobs): (Vec<_>, Vec<_>) = requests
            .into_iter()
            .map(|request| self.ticket(request))
            .unzip();
        self.queue.push(tickets);
        Ok(jobs)
    }

    /// All jobs of this process that have not ended, those that are made first, then those that
    /// wait, in their order. Cheap enough to be asked for in every picture of a panel; an
    /// instance tells its own by [`Job::id`].
    #[must_use]
    pub fn queue(&self) -> Vec<QueueEntry> {
        self.queue.entries()
    }

    /// The models that are in memory, the longest unused first.
    #[must_use]
    pub fn held(&self) -> Vec<HeldModel> {
        self.board.held()
    }

    /// How long, and up to how much, models stay in memory that no job needs.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.board.limits()
    }

    /// Sets that, for all who share the engine. What is over the limits leaves memory as soon as no
    /// job needs it.
    pub fn set_limits(&self, limits: Limits) {
        self.board.set_limits(limits);
        self.queue.call();
    }

    /// Lets a model leave memory as soon as no job needs it, as when its files change or go.
    pub fn unload(&self, source: ModelSource) {
        self.board.unload(source);
        self.queue.call();
    }

    fn ticket(&self, request: GenerateRequest) -> (Arc<Ticket>, Job) {
        // One row of names for all engines of the process.
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let (sender, events) = unbounded();
        let threads = request.threads.unwrap_or_else(default_threads).get();
        let id = JobId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let stopping = self.stopping.clone();
        let ticket = Arc::new(Ticket::new(id, request, threads, stopping, sender));
        let job = Job {
            ticket: ticket.clone(),
            queue: self.queue.clone(),
            events,
        };
        (ticket, job)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        self.queue.close();
        // Nothing is ever sent: the worker's end drops the sender and wakes us.
        let _ = self.ended.recv_timeout(STOP_TIMEOUT);
    }
}

impl Job {
    /// Its name, by which [`Engine::queue`] calls it.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.ticket.id
    }

    /// News, in order; disconnected after the last.
    #[must_use]
    pub fn events(&self) -> &Receiver<EngineEvent> {
        &self.events
    }

    /// How many threads work on it from the next step on: at most as many as it began with or
    /// the machine has cores.
    pub fn set_threads(&self, threads: NonZeroUsize) {
        self.ticket.threads.store(threads.get(), Ordering::Relaxed);
    }

    /// Ends it. The answer is there when this returns, but for a loop that is made again: then
    /// the clip before it comes within two steps. The worker goes on with the next job as soon
    /// as it notices, within two steps or the reading of one tensor.
    pub fn cancel(&self) {
        self.ticket.cancel();
        self.queue.forget(self.ticket.id);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// What lives on the worker thread.
struct Worker<'e> {
    queue: &'e Queue,
    models: Models<'e>,
    /// The threads of the last jobs.
    threads: Option<Threads>,
}

impl Worker<'_> {
    fn run(mut self) {
        lower_priority();
        loop {
            let patience = self.models.tidy_unless(self.queue.is_waited_in());
            let together = match self.queue.next(patience) {
                Next::Jobs(together) => together,
                Next::Idle => continue,
                Next::Closed => return,
            };
            match catch_unwind(AssertUnwindSafe(|| self.serve(&together))) {
                Ok(Ok(())) => {}
                // All who asked for it are gone.
                Ok(Err(EngineError::Cancelled)) => end_all(&together, &EngineEvent::Cancelled),
                Ok(Err(error)) => end_all(&together, &EngineEvent::Failed(error)),
                Err(panic) => {
                    // Whatever the panic left half-done is not used again.
                    self.models.clear();
                    self.threads = None;
                    let what = panic_text(&*panic);
                    let error = EngineError::Internal { what };
                    end_all(&together, &EngineEvent::Failed(error));
                }
            }
            self.queue.done();
            self.models.rest();
        }
    }

    fn serve(&mut self, tickets: &[Arc<Ticket>]) -> Result<(), EngineError> {
        let mut wanted = Vec::new();
        for ticket in tickets {
            if ticket.cancelled() {
                ticket.end(EngineEvent::Cancelled);
            } else {
                wanted.push(ticket.clone());
            }
        }
        let Some(first) = wanted.first() else {
            return Ok(());
        };
        let request = &first.request;
        let asked_for = request.threads.unwrap_or_else(default_threads);
        let threads = match self.threads.take() {
            Some(threads) if threads.asked_for == asked_for => threads,
            _ => Threads::new(asked_for)?,
        };
        let Threads { pool, team, .. } = self.threads.insert(threads);
        if !self.models.has(&request.model, request.precision) {
            let model = load(request, &wanted, &mut self.models, asked_for)?;
            self.models.add(request.model.clone(), model);
        }
        let Some((model, pace)) = self.models.lend() else {
            return Ok(());
        };
        let orders: Vec<&dyn Order> = wanted.iter().map(|ticket| &**ticket as _).collect();
        pool.install(|| job::run(model, &orders, team, pace));
        Ok(())
    }
}

/// Reads a model for those who want it, until none of them does.
fn load(
    request: &GenerateRequest,
    wanted: &[Arc<Ticket>],
    models: &mut Models<'_>,
    asked_for: NonZeroUsize,
) -> Result<Model, EngineError> {
    for ticket in wanted {
        ticket.send(EngineEvent::Loading);
    }
    let (gone, told) = (wanted.to_vec(), wanted.to_vec());
    let (need, needed) = crossbeam_channel::bounded(1);
    let (go, ready) = crossbeam_channel::bounded::<()>(0);
    let load = Arc::new(Load::new(
        move || gone.iter().all(|ticket| ticket.cancelled()),
        move |share| {
            for ticket in &told {
                ticket.send(EngineEvent::Loaded { share });
            }
        },
        move |bytes| {
            // What others hold is gone before anything is taken.
            let _ = need.send(bytes);
            let _ = ready.recv();
        },
    ));
    // Reading and packing is short, and worth all cores, at the same low priority.
    let cores = NonZeroUsize::new(num_cpus::get_physical());
    let pool = build_pool(cores.unwrap_or(asked_for))?;
    let (source, precision) = (request.model.clone(), request.precision);
    let (done, loaded) = crossbeam_channel::bounded(1);
    pool.spawn(move || {
        // A panic in a pool's task would end the process.
        let load = || Model::load_for(&source, precision, &load);
        let _ = done.send(catch_unwind(AssertUnwindSafe(load)));
    });
    if let Ok(bytes) = needed.recv() {
        models.make_room(bytes);
        drop(go);
    }
    match loaded.recv() {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => Err(EngineError::Stopped),
    }
}

fn end_all(tickets: &[Arc<Ticket>], event: &EngineEvent) {
    for ticket in tickets {
        ticket.end(event.clone());
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic".into())
}
