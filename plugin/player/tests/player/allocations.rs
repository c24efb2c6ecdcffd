//! An allocator that counts, for each thread, what happens inside [`forbidden`].

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static FOUND: Cell<u32> = const { Cell::new(0) };
    /// Bytes that this thread allocated less those it freed.
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

/// Keeps the counter from being optimised away in builds without thread locals at exit.
static CALLS: AtomicIsize = AtomicIsize::new(0);

struct Counting;

fn note(bytes: isize) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    let _ = BYTES.try_with(|sum| sum.set(sum.get() + bytes));
    let watched = WATCHED.try_with(Cell::get).unwrap_or(false);
    if watched {
        let _ = FOUND.try_with(|found| found.set(found.get() + 1));
    }
}

// SAFETY: everything is passed on to the system's allocator as it came; the counting touches
// only constant-initialised thread locals, which never allocate.
#[allow(unsafe_code, reason = "a global allocator can't be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(-(layout.size() as isize));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size as isize - layout.size() as isize);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs what the audio thread would, and stops the test if it allocates or frees.
pub(crate) fn forbidden<T>(run: impl FnOnce() -> T) -> T {
    FOUND.set(0);
    WATCHED.set(true);
    let result = run();
    WATCHED.set(false);
    let found = FOUND.get();
    assert_eq!(
        found, 0,
        "the audio thread allocated or freed {found} times"
    );
    result
}

/// Bytes that live more after `run` than before, by this thread's count.
pub(crate) fn bytes_kept(run: impl FnOnce()) -> isize {
    let before = BYTES.get();
    run();
    BYTES.get() - before
}

#[test]
fn the_guard_sees_allocations() {
    let caught = std::panic::catch_unwind(|| forbidden(|| drop(std::hint::black_box(vec![1, 2]))));
    WATCHED.set(false);
    assert!(caught.is_err());
    assert_eq!(bytes_kept(|| drop(std::hint::black_box(Box::new(7)))), 0);
    let mut kept = None;
    assert_eq!(bytes_kept(|| kept = Some(Box::new(7_u64))), 8);
    assert_eq!(bytes_kept(|| drop(kept.take())), -8);
}
