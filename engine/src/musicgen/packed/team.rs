//! A few threads that work in step, with little between one phase and the next.
//!
//! [`Team::run`] is called on the worker thread, which is the first member; the others are
//! threads of lowered priority that live as long as the team. A phase of the decoder takes
//! tens of microseconds, too little for a thread pool: members spin at a [`Barrier`], give
//! their core away when it takes longer (a host's thread is running there), and sleep between
//! the clips. No memory is allocated by a run.
#![allow(unsafe_code)] // the members borrow the caller's task, which outlives the run

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use crate::error::EngineError;
use crate::worker::lower_priority;

/// Looks at what it waits for, before a member gives its core to others in between: some 20 µs.
const SPINS: u32 = 1 << 10;
/// Times that a member gives its core away before it sleeps, where nobody else wants it: some
/// 200 µs, longer than the sampling between two steps.
const YIELDS: u32 = 1 << 9;
/// How long a member sleeps at a barrier that a late member has not reached.
const NAP: Duration = Duration::from_micros(50);

/// What is run: by each member once, with its index and the barrier.
type Task<'t> = dyn Fn(Member<'_>) + Sync + 't;

/// Threads that work together.
#[derive(Debug)]
pub struct Team {
    shared: Arc<Common>,
    threads: Vec<JoinHandle<()>>,
}

/// One of those who run a task.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'t> {
    /// Which one: 0 is the caller.
    pub(super) index: usize,
    /// How many there are.
    pub(super) of: usize,
    barrier: &'t Barrier,
}

impl Member<'_> {
    /// Waits until all members are here. What any of them wrote before, all can read after.
    pub(super) fn meet(self) {
        self.barrier.wait(self.of);
    }

    /// Its part of so many things, as even as can be, in one run.
    pub(super) fn part(self, things: usize) -> std::ops::Range<usize> {
        things * self.index / self.of..things * (self.index + 1) / self.of
    }
}

struct Common {
    /// Number of the run, times 2^16, and how many take part in it; members wait for a change.
    /// In one number, so that nobody takes one run's number for another's members.
    run: AtomicU64,
    /// What they run. Only changed while all of them wait.
    task: Mutex<Option<&'static Task<'static>>>,
    /// Members, but for the caller, that have not ended it yet.
    busy: AtomicUsize,
    barrier: Barrier,
    stop: AtomicBool,
}

impl std::fmt::Debug for Common {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Common").finish_non_exhaustive()
    }
}

impl Team {
    /// Starts so many members; the thread that runs a step is one of them.
    ///
    /// # Errors
    /// [`EngineError::Internal`] when the system gives no thread.
    pub fn new(members: NonZeroUsize) -> Result<Self, EngineError> {
        let mut team = Self {
            shared: Arc::new(Common {
                run: AtomicU64::new(0),
                task: Mutex::new(None),
                busy: AtomicUsize::new(0),
                barrier: Barrier::default(),
                stop: AtomicBool::new(false),
            }),
            threads: Vec::new(),
        };
        for index in 1..members.get() {
            let shared = team.shared.clone();
            let thread = std::thread::Builder::new()
                .name(format!("barline-team-{index}"))
                .spawn(move || shared.serve(index))
                .map_err(|error| EngineError::Internal {
                    what: format!("no thread: {error}"),
                })?;
            team.threads.push(thread);
        }
        Ok(team)
    }

    /// How many members it has.
    #[must_use]
    pub fn members(&self) -> usize {
        self.threads.len() + 1
    }

    /// Runs a task on the first `members` of it and waits for all of them.
    ///
    /// # Panics
    /// When the task does, after all members have left it.
    pub(super) fn run(&self, members: usize, task: &Task<'_>) {
        let members = members.clamp(1, self.members());
        let shared = &*self.shared;
        shared.barrier.reset();
        // SAFETY: only the lifetime changes. The members drop the reference before they count
        // themselves out of `busy`, and this function, panicking or not, returns after that.
        let task: &'static Task<'static> = unsafe { std::mem::transmute(task) };
        *shared.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        shared.busy.store(members - 1, Ordering::Relaxed);
        let number = (shared.run.load(Ordering::Relaxed) >> 16) + 1;
        let run = number << 16 | members as u64;
        shared.run.store(run, Ordering::Release);
        for thread in &self.threads[..members - 1] {
            // Costs a few nanoseconds for one that is awake.
            Thread::unpark(thread.thread());
        }
        let own = catch_unwind(AssertUnwindSafe(|| shared.work(task, 0, members)));
        let mut patience = Patience::default();
        while shared.busy.load(Ordering::Acquire) > 0 {
            patience.wait(|| std::thread::sleep(NAP));
        }
        *shared.task.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match own {
            Err(panic) => resume_unwind(panic),
            Ok(()) => assert!(!shared.barrier.broken(), "a member of the team panicked"),
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // It catches panics: there is nothing to hear of.
            let _ = thread.join();
        }
    }
}

impl Common {
    /// The life of a member.
    fn serve(&self, index: usize) {
        lower_priority();
        let mut seen = 0;
        let mut patience = Patience::default();
        loop {
            let run = self.run.load(Ordering::Acquire);
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            if run == seen {
                // `run` changes before the unparking, which is kept for who parks late.
                patience.wait(std::thread::park);
                continue;
            }
            (seen, patience) = (run, Patience::default());
            let members = (run & 0xffff) as usize;
            if index >= members {
                continue;
            }
            let task = *self.task.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(task) = task {
                // The panic's text is printed by the hook; the caller's `run` tells of it.
                let _ = catch_unwind(AssertUnwindSafe(|| self.work(task, index, members)));
            }
            self.busy.fetch_sub(1, Ordering::Release);
        }
    }

    fn work(&self, task: &Task<'_>, index: usize, members: usize) {
        struct Break<'b>(&'b Barrier);
        impl Drop for Break<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    self.0.broken.store(true, Ordering::Release);
                }
            }
        }
        let _break = Break(&self.barrier);
        task(Member {
            index,
            of: members,
            barrier: &self.barrier,
        });
    }
}

/// Where the members of a run wait for each other.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    here: AtomicUsize,
    phase: AtomicU32,
    /// A member panicked and will never come.
    broken: AtomicBool,
}

impl Barrier {
    /// Waits for `members`.
    ///
    /// # Panics
    /// When one of them has panicked.
    fn wait(&self, members: usize) {
        if members == 1 {
            return;
        }
        let phase = self.phase.load(Ordering::Acquire);
        if self.here.fetch_add(1, Ordering::AcqRel) + 1 == members {
            self.here.store(0, Ordering::Relaxed);
            self.phase.store(phase.wrapping_add(1), Ordering::Release);
            return;
        }
        let mut patience = Patience::default();
        while self.phase.load(Ordering::Acquire) == phase {
            assert!(!self.broken(), "another member of the team panicked");
            patience.wait(|| std::thread::sleep(NAP));
        }
    }

    fn broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Only between runs: nobody waits.
    fn reset(&self) {
        self.here.store(0, Ordering::Relaxed);
        self.broken.store(false, Ordering::Relaxed);
    }
}

/// How a member waits for another that is about to come: first at work, then with its core given
/// to whoever wants it, at last asleep.
#[derive(Debug, Default)]
struct Patience {
    looks: u32,
}

impl Patience {
    fn wait(&mut self, sleep: impl FnOnce()) {
        self.looks = self.looks.saturating_add(1);
        if self.looks < SPINS {
            std::hint::spin_loop();
        } else if self.looks < SPINS + YIELDS {
            std::thread::yield_now();
        } else {
            sleep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(members: usize) -> Team {
        Team::new(NonZeroUsize::new(members).unwrap()).unwrap()
    }

    #[test]
    fn what_was_written_before_the_meeting_is_read_after_it() {
        for members in 1..=4 {
            let team = team(members);
            let slots: Vec<AtomicUsize> = (0..members).map(|_| AtomicUsize::new(0)).collect();
            for run in 1..200 {
                team.run(members, &|member| {
                    for phase in 0..20 {
                        let value = run * 100 + phase;
                        slots[member.index].store(value, Ordering::Relaxed);
                        member.meet();
                        for slot in &slots {
                            assert_eq!(slot.load(Ordering::Relaxed), value);
                        }
                        member.meet();
                    }
                });
            }
        }
    }

    #[test]
    fn parts_cover_everything_once() {
        let barrier = Barrier::default();
        for of in 1..=7 {
            let mut next = 0;
            for index in 0..of {
                let part = Member {
                    index,
                    of,
                    barrier: &barrier,
                }
                .part(16);
                assert_eq!(part.start, next);
                next = part.end;
            }
            assert_eq!(next, 16);
        }
    }

    #[test]
    fn fewer_members_than_there_are_may_run_after_a_rest() {
        let team = team(3);
        for members in [3, 1, 2, 3, 9] {
            let count = AtomicUsize::new(0);
            team.run(members, &|member| {
                assert_eq!(member.of, members.min(3));
                count.fetch_add(1, Ordering::Relaxed);
                member.meet();
            });
            assert_eq!(count.into_inner(), members.min(3));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_panic_ends_the_run_for_all_and_not_the_team() {
        let team = team(3);
        for guilty in 0..3 {
            let end = catch_unwind(AssertUnwindSafe(|| {
                team.run(3, &|member| {
                    assert_ne!(member.index, guilty, "on purpose");
                    member.meet();
                });
            }));
            assert!(end.is_err());
        }
        let count = AtomicUsize::new(0);
        team.run(3, &|member| {
            member.meet();
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(count.into_inner(), 3);
    }
}
