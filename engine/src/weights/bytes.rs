//! The bytes of a file of tensors: mapped, in the binary, or in memory.
//!
//! Worker thread.

#[derive(Debug)]
pub(super) enum Bytes {
    Mapped(memmap2::Mmap),
    Static(&'static [u8]),
    Owned(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Static(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Bytes {
    /// Lets the system have the memory of a part that has been read: a model that is being
    /// loaded would else take it twice. Who asks again gets it from the file.
    pub(super) fn forget(&self, part: std::ops::Range<usize>) {
        #[cfg(unix)]
        if let Self::Mapped(map) = self {
            let advice = memmap2::UncheckedAdvice::DontNeed;
            // SAFETY: what is dropped of a file's map that nobody writes to is read again from
            // the file. An error is no harm: it was a wish.
            #[allow(unsafe_code)]
            let _ = unsafe { map.unchecked_advise_range(advice, part.start, part.len()) };
        }
        #[cfg(not(unix))]
        let _ = part;
    }
}
