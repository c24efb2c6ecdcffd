//! The engine's thread: a queue of jobs, with cancel at every step. Jobs that follow one another
//! and differ in little more than their seeds are made together, which takes hardly longer than
//! one of them.
//!
//! [`Engine`] and [`Job`] are handles for any thread but the audio thread; `submit` and
//! `cancel` never wait for the model. The worker owns the loaded model and a pool of threads
//! of its own, all at lowered priority. A panic in a job ends that job (and those that are made
//! with it), not the worker.
//!
//! The packed decoder has a team of its own. The codec and candle's dense products run in our
//! pool, because rayon uses the pool that its caller is in. Candle still cuts its work into as many parts as the machine has cores
//! (it asks no pool), which our threads then share: with fewer threads it is only less even.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::error::EngineError;
use crate::event::EngineEvent;
use crate::job::{self, Order};
use crate::model::Model;
use crate::musicgen::packed::Team;
use crate::request::{GenerateRequest, ModelSource, Precision};

/// How long dropping the engine waits for its thread: many steps, but no hang of a host.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Names a job within the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// A handle on the worker thread; the thread ends, and the model is freed, when the last
/// handle is dropped. A running job is then cancelled.
#[derive(Debug)]
pub struct Engine {
    queue: Option<Sender<Vec<Ticket>>>,
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
    threads: Arc<AtomicUsize>,
}

/// Jobs that are made together at most.
pub const TOGETHER: usize = 4;

/// Rows of the decoder that are worth making together: more save little, and so many keep the sums
/// of a product in the registers.
const ROWS_TOGETHER: usize = 8;

/// A job on its way to the worker.
struct Ticket {
    request: GenerateRequest,
    events: Sender<EngineEvent>,
    cancelled: Arc<AtomicBool>,
    threads: Arc<AtomicUsize>,
    /// Jobs submitted and not ended.
    open: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    ended: AtomicBool,
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

    fn send(&self, event: EngineEvent) {
        // Nobody may be listening any more.
        let _ = self.events.send(event);
    }

    fn end(&self, event: EngineEvent) {
        if !self.ended.swap(true, Ordering::AcqRel) {
            self.open.fetch_sub(1, Ordering::AcqRel);
            self.send(event);
        }
    }
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
            model: None,
            threads: None,
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
        let queue = self.queue.as_ref().ok_or(EngineError::Stopped)?;
        let (tickets, jobs): (Vec<_>, Vec<_>) = requests
            .into_iter()
            .map(|request| self.ticket(request))
            .unzip();
        let count = tickets.len();
        if queue.send(tickets).is_err() {
            self.open.fetch_sub(count, Ordering::AcqRel);
            return Err(EngineError::Stopped);
        }
        Ok(jobs)
    }

    fn ticket(&self, request: GenerateRequest) -> (Ticket, Job) {
        let (sender, events) = unbounded();
        let cancelled = Arc::new(AtomicBool::new(false));
        let threads = request.threads.unwrap_or_else(default_threads).get();
        let threads = Arc::new(AtomicUsize::new(threads));
        let ahead = self.open.fetch_add(1, Ordering::AcqRel);
        // The receiver is in this function: the send can't fail.
        let _ = sender.send(EngineEvent::Queued { ahead });
        let job = Job {
            id: JobId(self.next_id.fetch_add(1, Ordering::Relaxed)),
            events,
            cancelled: cancelled.clone(),
            threads: threads.clone(),
        };
        let ticket = Ticket {
            request,
            events: sender,
            cancelled,
            threads,
            open: self.open.clone(),
            stopping: self.stopping.clone(),
            ended: AtomicBool::new(false),
        };
        (ticket, job)
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

    /// How many threads work on it from the next step on: at most as many as it began with or
    /// the machine has cores.
    pub fn set_threads(&self, threads: NonZeroUsize) {
        self.threads.store(threads.get(), Ordering::Relaxed);
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
    /// The model of the last jobs.
    model: Option<(ModelSource, Option<Precision>, Model)>,
    /// The threads of the last jobs.
    threads: Option<Threads>,
}

/// Threads that work for the worker.
struct Threads {
    asked_for: NonZeroUsize,
    pool: rayon::ThreadPool,
    team: Arc<Team>,
}

impl Worker {
    fn run(mut self, queue: &Receiver<Vec<Ticket>>) {
        lower_priority();
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() {
                match queue.recv() {
                    Ok(tickets) => waiting.extend(tickets),
                    Err(_) => return,
                }
            }
            // What has come meanwhile may be alike.
            waiting.extend(queue.try_iter().flatten());
            let together = take_alike(&mut waiting);
            match catch_unwind(AssertUnwindSafe(|| self.serve(&together))) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => end_all(&together, &error),
                Err(panic) => {
                    // Whatever the panic left half-done is not used again.
                    self.model = None;
                    self.threads = None;
                    let what = panic_text(&*panic);
                    end_all(&together, &EngineError::Internal { what });
                }
            }
        }
    }

    fn serve(&mut self, tickets: &[Ticket]) -> Result<(), EngineError> {
        let mut orders: Vec<&dyn Order> = Vec::new();
        for ticket in tickets {
            if ticket.cancelled() {
                ticket.end(EngineEvent::Cancelled);
            } else {
                orders.push(ticket);
            }
        }
        let Some(request) = orders.first().map(|order| order.request()) else {
            return Ok(());
        };
        let asked_for = request.threads.unwrap_or_else(default_threads);
        let threads = match self.threads.take() {
            Some(threads) if threads.asked_for == asked_for => threads,
            _ => Threads::new(asked_for)?,
        };
        let Threads { pool, team, .. } = self.threads.insert(threads);
        let model = match self.model.take() {
            Some((source, precision, model))
                if source == request.model && precision == request.precision =>
            {
                model
            }
            // The old model is gone before the new one is read: memory holds one.
            _ => {
                for order in &orders {
                    order.send(EngineEvent::Loading);
                }
                // Reading and packing is short, and worth all cores, at the same low priority.
                let cores = NonZeroUsize::new(num_cpus::get_physical());
                build_pool(cores.unwrap_or(asked_for))?
                    .install(|| Model::load(&request.model, request.precision))?
            }
        };
        let (source, precision) = (request.model.clone(), request.precision);
        let (_, _, model) = self.model.insert((source, precision, model));
        pool.install(|| job::run(model, &orders, team));
        Ok(())
    }
}

/// The next ticket and those behind it that can be made with it.
fn take_alike(waiting: &mut VecDeque<Ticket>) -> Vec<Ticket> {
    let mut together: Vec<Ticket> = waiting.pop_front().into_iter().collect();
    let rows = together.first().map_or(1, |first| first.request.rows());
    let most = (ROWS_TOGETHER / rows).clamp(1, TOGETHER);
    while together.len() < most
        && let (Some(first), Some(next)) = (together.first(), waiting.front())
        && job::alike(&first.request, &next.request)
    {
        together.extend(waiting.pop_front());
    }
    together
}

fn end_all(tickets: &[Ticket], error: &EngineError) {
    for ticket in tickets {
        ticket.end(EngineEvent::Failed(error.clone()));
    }
}

impl Threads {
    /// So many threads for the pool; for the team as many as there are cores, so that a job can
    /// be given more.
    fn new(asked_for: NonZeroUsize) -> Result<Self, EngineError> {
        let cores = NonZeroUsize::new(num_cpus::get_physical()).unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            asked_for,
            pool: build_pool(asked_for)?,
            team: Arc::new(Team::new(asked_for.max(cores))?),
        })
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
