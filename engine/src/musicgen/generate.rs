//! Clips of one prompt, step by step: tokens in the delay pattern, guidance, sampling.
//!
//! Worker thread. A step is the unit of cancelling: nothing here runs longer than one.

use crate::error::EngineError;
use crate::musicgen::delay::DelayPattern;
use crate::musicgen::language_model::Run;
use crate::musicgen::sampling::{Chance, choose};
use crate::request::Sampling;

/// Takes of one prompt in the making. Each comes out as if it were made alone.
#[derive(Debug)]
pub struct Generation<'m> {
    run: Run<'m>,
    pattern: DelayPattern,
    start_token: u32,
    takes: Vec<Take>,
    /// Of the parts of the prompt, a row each.
    shares: Vec<f32>,
    guided: bool,
    step: usize,
    tokens: Vec<u32>, // [take][codebook], of the step
    logits: Vec<f32>, // [codebook × vocabulary], of a take
}

#[derive(Debug)]
struct Take {
    sampling: Sampling,
    chance: Chance,
    codes: Vec<Vec<u32>>, // by codebook, un-delayed
}

impl<'m> Generation<'m> {
    /// Starts on a decoder that has been begun for so many takes, with the rows that they need: one
    /// for each part of the prompt, whose `shares` sum to 1, and, if any guidance scale is
    /// other than 1, one more that guidance leads away from.
    #[must_use]
    pub fn new(
        run: Run<'m>,
        pattern: DelayPattern,
        codebooks: usize,
        start_token: u32,
        shares: Vec<f32>,
        takes: &[(Sampling, u64)],
    ) -> Self {
        let take = |&(sampling, seed): &(Sampling, u64)| Take {
            sampling,
            chance: Chance::new(seed),
            codes: vec![Vec::with_capacity(pattern.steps()); codebooks],
        };
        Self {
            run,
            start_token,
            shares,
            guided: takes.iter().any(|(sampling, _)| sampling.is_guided()),
            takes: takes.iter().map(take).collect(),
            pattern,
            step: 0,
            tokens: Vec::with_capacity(takes.len() * codebooks),
            logits: Vec::new(),
        }
    }

    /// Steps in all: the frames and the delay of the last codebook.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.pattern.steps() as u32
    }

    /// Steps until the first frame is whole.
    #[must_use]
    pub fn first_frame_step(&self) -> u32 {
        self.pattern.longest_delay() as u32
    }

    /// How many threads work on the next steps, where the decoder lets that change.
    pub fn set_threads(&self, threads: usize) {
        self.run.set_threads(threads);
    }

    /// Runs one step. Gives the frame (un-delayed) that this step completed in all takes, to be
    /// read with [`Generation::frame`]; `None` while the delay pattern fills.
    ///
    /// # Errors
    /// [`EngineError::Internal`]. Must not be called more than [`Generation::steps`] times.
    pub fn step(&mut self) -> Result<Option<usize>, EngineError> {
        self.read_tokens();
        self.run.step(&self.tokens)?;
        let count = self.takes.len();
        for (row, take) in self.takes.iter_mut().enumerate() {
            self.logits.clear();
            self.logits.extend_from_slice(self.run.logits(row));
            // A prompt without parts is left as it is, to the bit.
            if self.shares.len() > 1 {
                self.logits.fill(0.0);
                for (part, &share) in self.shares.iter().enumerate() {
                    blend(&mut self.logits, self.run.logits(part * count + row), share);
                }
            }
            if self.guided {
                guide(
                    &mut self.logits,
                    self.run.logits(self.shares.len() * count + row),
                    take.sampling.guidance,
                );
            }
            if self.logits.iter().any(|logit| !logit.is_finite()) {
                let what = format!("the model computed no number at step {}", self.step);
                return Err(EngineError::Internal { what });
            }
            // A codebook that is done or has not begun makes nothing and takes no chance.
            let vocabulary = self.logits.len() / take.codes.len();
            for (codebook, logits) in self.logits.chunks_exact(vocabulary).enumerate() {
                if self.pattern.made(self.step, codebook).is_some() {
                    let token = choose(logits, &take.sampling, &mut take.chance);
                    take.codes[codebook].push(token);
                }
            }
        }
        let done = self.pattern.completed(self.step);
        self.step += 1;
        Ok(done)
    }

    /// The tokens of a take's frame, one for each codebook.
    pub fn frame(&self, take: usize, frame: usize) -> impl Iterator<Item = u32> {
        self.takes[take].codes.iter().map(move |codes| codes[frame])
    }

    fn read_tokens(&mut self) {
        self.tokens.clear();
        for take in &self.takes {
            let token = |(codebook, codes): (usize, &Vec<u32>)| {
                self.pattern
                    .read(self.step, codebook)
                    .map_or(self.start_token, |frame| codes[frame])
            };
            self.tokens.extend(take.codes.iter().enumerate().map(token));
        }
    }
}

/// Adds a part of the prompt. As the shares sum to 1, it is the same whether logits are weighed or
/// the directions that guidance takes from them.
fn blend(sum: &mut [f32], part: &[f32], share: f32) {
    for (sum, part) in sum.iter_mut().zip(part) {
        *sum += share * part;
    }
}

/// Classifier-free guidance: away from the row without the prompt, towards the prompt's.
fn guide(prompt: &mut [f32], blank: &[f32], scale: f32) {
    for (with, without) in prompt.iter_mut().zip(blank) {
        *with = without + (*with - without) * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guidance_goes_beyond_the_prompt() {
        for (scale, expect) in [(3.0, [4.0, -2.0]), (1.0, [2.0, 0.0])] {
            let mut logits = [2.0, 0.0];
            guide(&mut logits, &[1.0, 1.0], scale);
            assert_eq!(logits, expect);
        }
    }
}
