//! Floats in memory as vector loads like them.
//!
//! Worker thread.

/// Floats that begin at an address which no vector load straddles a cache line for.
pub(super) struct Aligned {
    floats: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    const LINE_FLOATS: usize = 16;

    pub(super) fn zeros(len: usize) -> Self {
        let floats = vec![0.0; len + Self::LINE_FLOATS - 1];
        let start = floats.as_ptr().align_offset(64).min(Self::LINE_FLOATS - 1);
        Self { floats, start, len }
    }

    pub(super) fn as_mut(&mut self) -> &mut [f32] {
        &mut self.floats[self.start..][..self.len]
    }
}

impl std::ops::Deref for Aligned {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.floats[self.start..][..self.len]
    }
}

impl std::fmt::Debug for Aligned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} floats", self.len())
    }
}
