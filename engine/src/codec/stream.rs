//! A decode that is handed one frame of tokens at a time.
//!
//! Worker thread. The work for four frames is the same however long the clip is.

use super::Codec;
use super::chain::ChainStream;

/// Frames that go through the layers together in a stream. Four share one reading of the inner
/// layers' weights, which is a third of the time for the published size; one waits for three at
/// most, 60 ms of sound.
pub(crate) const STREAM_BATCH_FRAMES: usize = 4;
/// The same when nobody waits for the first of them.
pub(super) const WHOLE_BATCH_FRAMES: usize = 32;

/// A decode that is handed one frame of tokens at a time.
#[derive(Debug)]
pub struct DecodeStream<'c> {
    codec: &'c Codec,
    batch_frames: usize,
    /// Latents that wait for their batch to be full.
    latents: Vec<f32>,
    waiting_frames: usize,
    chain: ChainStream<'c>,
}

impl<'c> DecodeStream<'c> {
    pub(super) fn new(codec: &'c Codec, batch_frames: usize) -> Self {
        let chain = codec.decoder.stream();
        Self {
            codec,
            batch_frames,
            latents: Vec::new(),
            waiting_frames: 0,
            chain,
        }
    }

    /// Takes one frame (a token for each codebook) and appends to `out` the audio that
    /// later tokens can't change any more. Audio comes for a few frames at a time, the first
    /// after the fourth. A token that its codebook does not have stands for the last entry.
    pub fn push(&mut self, frame: &[u32], out: &mut Vec<f32>) {
        self.push_tokens(frame.iter().copied(), out);
    }

    pub(super) fn push_tokens(&mut self, frame: impl Iterator<Item = u32>, out: &mut Vec<f32>) {
        self.codec.quantizer.decode(frame, &mut self.latents);
        self.waiting_frames += 1;
        if self.waiting_frames == self.batch_frames {
            self.run(out);
        }
    }

    /// Appends the rest: the stream has then given as many samples as its frames make.
    pub fn finish(mut self, out: &mut Vec<f32>) {
        self.run(out);
        self.chain.finish(out);
    }

    fn run(&mut self, out: &mut Vec<f32>) {
        self.chain.push(&self.latents, out);
        self.latents.clear();
        self.waiting_frames = 0;
    }
}
