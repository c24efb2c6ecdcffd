//! The end of an instance, which must not be the end of its host.
//!
//! Where a parameter changed on another thread than the one that made the instance, as automation does
//! it, nice-plug 0.4.2 tells its worker thread. When that finds the instance gone, it ends itself, and
//! whoever then lets go of the thread panics because it did. A panic that reaches a host ends it.
//!
//! Whatever thread lets go of the instance.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Something whose end may panic: that goes no further.
pub(super) struct Ending<T>(ManuallyDrop<T>);

impl<T> Ending<T> {
    pub(super) fn new(instance: T) -> Self {
        Self(ManuallyDrop::new(instance))
    }
}

impl<T> Deref for Ending<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        // SAFETY: taken once, at its end.
        let instance = unsafe { ManuallyDrop::take(&mut self.0) };
        // What else is in it is dropped all the same, and the thread is gone or about to go.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(instance)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    struct Thread;

    impl Drop for Thread {
        fn drop(&mut self) {
            panic!("ended before");
        }
    }

    #[test]
    fn a_panic_at_the_end_goes_no_further_and_the_rest_is_dropped() {
        let rest = Arc::new(());
        let instance = Ending::new((Thread, rest.clone()));
        assert_eq!(Arc::strong_count(&instance.1), 2);
        drop(instance);
        assert_eq!(Arc::strong_count(&rest), 1);
    }
}
