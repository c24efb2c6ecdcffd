//! Numbers in memory as vector loads like them.
//!
//! Worker thread.

/// Numbers of 32 bits that begin at an address which no vector load straddles a cache line for.
pub(super) struct Aligned<T> {
    numbers: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    const LINE: usize = 64 / size_of::<T>();

    pub(super) fn zeros(len: usize) -> Self {
        let numbers = vec![T::default(); len + Self::LINE - 1];
        let start = numbers.as_ptr().align_offset(64).min(Self::LINE - 1);
        Self {
            numbers,
            start,
            len,
        }
    }

    pub(super) fn as_mut(&mut self) -> &mut [T] {
        &mut self.numbers[self.start..][..self.len]
    }
}

impl<T> std::ops::Deref for Aligned<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.numbers[self.start..][..self.len]
    }
}

impl<T> std::fmt::Debug for Aligned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} numbers", self.len)
    }
}
