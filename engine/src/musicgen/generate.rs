//! One clip, step by step: tokens in the delay pattern, guidance, sampling.
//!
//! Worker thread. A step is the unit of cancelling: nothing here runs longer than one.

use crate::error::EngineError;
use crate::musicgen::decoder::DecoderRun;
use crate::musicgen::delay::DelayPattern;
use crate::musicgen::sampling::{Chance, choose};
use crate::request::Sampling;

/// One clip in the making.
#[derive(Debug)]
pub struct Generation<'m> {
    run: DecoderRun<'m>,
    pattern: DelayPattern,
    start_token: u32,
    sampling: Sampling,
    chance: Chance,
    step: usize,
    codes: Vec<Vec<u32>>, // by codebook, un-delayed
}

impl<'m> Generation<'m> {
    /// Starts on a decoder that has been begun with the rows that the guidance scale needs.
    #[must_use]
    pub fn new(
        run: DecoderRun<'m>,
        pattern: DelayPattern,
        codebooks: usize,
        start_token: u32,
        sampling: &Sampling,
        seed: u64,
    ) -> Self {
        Self {
            run,
            pattern,
            start_token,
            sampling: *sampling,
            chance: Chance::new(seed),
            step: 0,
            codes: vec![Vec::new(); codebooks],
        }
    }

    /// Steps in all: the frames and the delay of the last codebook.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.pattern.steps() as u32
    }

    /// Runs one step. Gives the frame of tokens (one for each codebook, un-delayed) that
    /// this step completed, `None` while the delay pattern fills.
    ///
    /// # Errors
    /// [`EngineError::Internal`]. Must not be called more than [`Generation::steps`] times.
    pub fn step(&mut self) -> Result<Option<Vec<u32>>, EngineError> {
        let logits = guide(self.run.step(&self.input())?, self.sampling.guidance);
        if logits.iter().any(|logit| !logit.is_finite()) {
            let what = format!("the model computed no number at step {}", self.step);
            return Err(EngineError::Internal { what });
        }
        // A codebook that is done or has not begun makes nothing and takes no chance.
        let vocabulary = logits.len() / self.codes.len();
        for (codebook, logits) in logits.chunks_exact(vocabulary).enumerate() {
            if self.pattern.made(self.step, codebook).is_some() {
                self.codes[codebook].push(choose(logits, &self.sampling, &mut self.chance));
            }
        }
        let done = self.pattern.completed(self.step);
        self.step += 1;
        Ok(done.map(|frame| self.codes.iter().map(|codes| codes[frame]).collect()))
    }

    fn input(&self) -> Vec<u32> {
        let token = |(codebook, codes): (usize, &Vec<u32>)| {
            self.pattern
                .read(self.step, codebook)
                .map_or(self.start_token, |frame| codes[frame])
        };
        self.codes.iter().enumerate().map(token).collect()
    }
}

/// Classifier-free guidance: away from the row without a prompt, towards the prompt's.
fn guide(rows: Vec<Vec<f32>>, scale: f32) -> Vec<f32> {
    let mut rows = rows.into_iter();
    let prompt = rows.next().unwrap_or_default();
    match rows.next() {
        Some(blank) => prompt
            .iter()
            .zip(&blank)
            .map(|(with, without)| without + (with - without) * scale)
            .collect(),
        None => prompt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guidance_goes_beyond_the_prompt() {
        assert_eq!(
            guide(vec![vec![2.0, 0.0], vec![1.0, 1.0]], 3.0),
            [4.0, -2.0]
        );
        assert_eq!(guide(vec![vec![2.0, 0.0], vec![1.0, 1.0]], 1.0), [2.0, 0.0]);
        assert_eq!(guide(vec![vec![2.0, 0.0]], 3.0), [2.0, 0.0]);
    }
}
