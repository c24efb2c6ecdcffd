//! Steps that follow one another, each cut into parts that threads share.
//!
//! Worker thread and the pool that it runs in. A thread takes the next part of the current step, and
//! may begin a step when all parts of the one before are done. Handing each step to the pool
//! would cost more than some steps; here a thread that came once stays for all of them. None
//! is needed: whoever comes, when and how many, one thread alone gets through as well.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Looks at a step that others finish before the processor is left to someone else: some
/// microseconds, as long as a part takes.
const PATIENCE: usize = 2_000;

/// The parts of all steps, in order.
#[derive(Debug)]
pub(super) struct Turns {
    steps: usize,
    /// Parts of a step.
    parts: usize,
    taken: AtomicUsize,
    done: AtomicUsize,
}

/// A part that a thread has taken. It counts as done when this is dropped, by a panic too, so
/// that nobody waits for ever.
#[derive(Debug)]
pub(super) struct Turn<'t> {
    turns: &'t Turns,
    pub(super) step: usize,
    pub(super) part: usize,
}

impl Turns {
    pub(super) fn new(steps: usize, parts: usize) -> Self {
        Self {
            steps,
            parts,
            taken: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        }
    }

    /// The next part, when the step before it is done; `None` when there is none.
    pub(super) fn take(&self) -> Option<Turn<'_>> {
        let turn = self.taken.fetch_add(1, Ordering::Relaxed);
        let (step, part) = (turn / self.parts, turn % self.parts);
        if step >= self.steps {
            return None;
        }
        let mut looks = 0;
        // All parts before this step are done when as many are: none of this step can be.
        while self.done.load(Ordering::Acquire) < step * self.parts {
            looks += 1;
            if looks < PATIENCE {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        Some(Turn {
            turns: self,
            step,
            part,
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.done.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_begins_when_the_one_before_is_done() {
        let (steps, parts) = (200, 3);
        for threads in [1, 2, 5] {
            let turns = Turns::new(steps, parts);
            let count = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        while let Some(turn) = turns.take() {
                            let done = count.load(Ordering::Relaxed);
                            assert!((turn.step * parts..(turn.step + 1) * parts).contains(&done));
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!(count.into_inner(), steps * parts);
        }
    }
}
