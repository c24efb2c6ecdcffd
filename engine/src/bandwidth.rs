//! How fast this machine reads its memory: what bounds every step of a large model.
//!
//! Any thread but the audio thread; busy for about a tenth of a second on as many as it is told.

use std::hint::black_box;
use std::time::Instant;

use memmap2::MmapMut;

use crate::error::EngineError;
use crate::musicgen::packed::Isa;

/// More than any processor's cache.
const BUFFER_BYTES: usize = 512 << 20;
/// Readings; the median counts.
const READINGS: usize = 5;

/// A buffer to read again and again.
#[derive(Debug)]
pub struct Probe {
    /// In large pages, where the system has them, as the weights of a model are.
    buffer: MmapMut,
}

impl Probe {
    /// Makes the buffer.
    ///
    /// # Errors
    /// [`EngineError::Memory`] when the system has no room for it.
    pub fn new() -> Result<Self, EngineError> {
        let mut buffer = MmapMut::map_anon(BUFFER_BYTES).map_err(|_| EngineError::Memory {
            mib: BUFFER_BYTES as u64 >> 20,
        })?;
        #[cfg(target_os = "linux")]
        let _ = buffer.advise(memmap2::Advice::HugePage);
        // Pages that were never written to would be one and the same page.
        for (index, line) in buffer.as_chunks_mut::<64>().0.iter_mut().enumerate() {
            line[0] = index as u8;
        }
        Ok(Self { buffer })
    }

    /// Bytes of the buffer.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Reads the buffer once, with so many threads.
    pub fn read(&self, isa: Isa, threads: usize) {
        std::thread::scope(|scope| {
            for part in self.buffer.chunks(BUFFER_BYTES.div_ceil(threads.max(1))) {
                scope.spawn(move || black_box(isa.read(part)));
            }
        });
    }

    /// Reads the buffer with so many threads. Gives 10^9 bytes a second, the median of five.
    #[must_use]
    pub fn gigabytes_per_second(&self, threads: usize) -> f64 {
        let isa = Isa::best();
        let mut rates: Vec<f64> = (0..READINGS)
            .map(|_| {
                let start = Instant::now();
                self.read(isa, threads);
                BUFFER_BYTES as f64 / start.elapsed().as_secs_f64() / 1e9
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        rates[READINGS / 2]
    }
}
