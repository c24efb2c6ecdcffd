//! Numbers that a team works on together: every member reads all, each writes a part of its own.
//!
//! All threads of a team. The order is kept by the [`Barrier`](super::team::Barrier): what is
//! written in one phase is read in another.
#![allow(unsafe_code)] // members write into one buffer, at places that only their work tells apart

use std::cell::UnsafeCell;
use std::ops::Range;

/// A buffer of a fixed length.
pub(super) struct Shared<T> {
    cells: Box<[UnsafeCell<T>]>,
}

// SAFETY: all access goes through the two unsafe functions, whose callers see to it that
// nobody reads what another thread writes at the same time.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T: Copy + Default> Shared<T> {
    pub(super) fn new(len: usize) -> Self {
        Self {
            cells: (0..len).map(|_| UnsafeCell::new(T::default())).collect(),
        }
    }

    /// A part to read.
    ///
    /// # Safety
    /// No thread may write to that part while the slice lives.
    pub(super) unsafe fn read(&self, part: Range<usize>) -> &[T] {
        let cells = &self.cells[part];
        // SAFETY: a cell has the layout of what is in it; the caller keeps writers away.
        unsafe { std::slice::from_raw_parts(cells.as_ptr().cast(), cells.len()) }
    }

    /// A part to write.
    ///
    /// # Safety
    /// No other slice of that part may live, on this thread or another, while this one does.
    #[allow(clippy::mut_from_ref)] // what the cells are for
    pub(super) unsafe fn write(&self, part: Range<usize>) -> &mut [T] {
        let cells = &self.cells[part];
        // SAFETY: as in `read`; writing through a shared reference is what cells are for, and
        // the caller keeps all others away.
        unsafe { std::slice::from_raw_parts_mut(UnsafeCell::raw_get(cells.as_ptr()), cells.len()) }
    }

    /// All of it, for the only owner.
    pub(super) fn all(&mut self) -> &mut [T] {
        // SAFETY: `self` is borrowed for writing: no other slice lives.
        unsafe { self.write(0..self.cells.len()) }
    }
}

impl<T> std::fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} shared", self.cells.len())
    }
}
