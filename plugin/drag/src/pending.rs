//! Work on a thread of its own that somebody asks about later.
//!
//! Started and asked on the window's thread. Never makes that thread wait.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The result of work that goes on elsewhere.
///
/// Dropping it does not stop the work.
#[derive(Debug)]
pub struct Pending<T> {
    receiver: Receiver<T>,
}

impl<T: Send + 'static> Pending<T> {
    /// Runs `work` on a thread. `fault` makes the result if it panics or cannot be started;
    /// `wake` is called when the result is there.
    pub(crate) fn spawn(
        name: &str,
        fault: fn() -> T,
        work: impl FnOnce() -> T + Send + 'static,
        wake: impl Fn() + Send + 'static,
    ) -> Self {
        let (sender, receiver) = channel();
        let spare = sender.clone();
        let spawned = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| fault());
                // Fails where nobody asks any more.
                let _ = sender.send(result);
                wake();
            });
        if spawned.is_err() {
            let _ = spare.send(fault());
        }
        Self { receiver }
    }
}

impl<T> Pending<T> {
    /// The result, once, as soon as it is there. Never waits.
    pub fn outcome(&self) -> Option<T> {
        self.receiver.try_recv().ok()
    }

    /// The result, waited for at most so long. For programs without a window: a panel asks with
    /// [`outcome`](Self::outcome).
    pub fn wait(&self, longest: Duration) -> Option<T> {
        self.receiver.recv_timeout(longest).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Pending;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    const LONGEST: Duration = Duration::from_secs(5);

    #[test]
    fn a_result_comes_once_and_wakes() {
        let (woken, wake) = channel();
        let pending = Pending::spawn(
            "test",
            || 0,
            || 7,
            move || {
                let _ = woken.send(());
            },
        );
        assert_eq!(pending.wait(LONGEST), Some(7));
        assert!(wake.recv_timeout(LONGEST).is_ok());
        assert_eq!(pending.outcome(), None);
    }

    #[test]
    fn a_panic_is_a_result() {
        let pending = Pending::spawn("test", || 3, || panic!("of the test"), || {});
        assert_eq!(pending.wait(LONGEST), Some(3));
    }
}
