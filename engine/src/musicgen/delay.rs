//! The delay pattern: which token of which frame a step makes.
//!
//! Any thread; pure arithmetic. Codebook `k` runs `k` steps behind the first, so that a step
//! can look at the coarser codebooks of a frame when it makes the finer ones:
//!
//! ```text
//! mono, 4 codebooks, 5 frames (number: the frame whose token the step makes; · nothing)
//!
//!   step         0  1  2  3  4  5  6  7
//!   codebook 0   0  1  2  3  4  ·  ·  ·
//!   codebook 1   ·  0  1  2  3  4  ·  ·
//!   codebook 2   ·  ·  0  1  2  3  4  ·
//!   codebook 3   ·  ·  ·  0  1  2  3  4     frame 0 is whole after step 3
//! ```
//!
//! In the stereo layout the codebooks of left and right alternate (L0 R0 L1 R1 …) and a
//! pair shares its delay. What a step reads is what the step before made; where that is
//! nothing, and at step 0, it reads the start token.

/// The pattern of one clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DelayPattern {
    codebooks: usize,
    channels: usize,
    frames: usize,
}

impl DelayPattern {
    /// A pattern for `frames` frames of `codebooks` codebooks over `channels` channels.
    #[must_use]
    pub fn new(codebooks: usize, channels: usize, frames: usize) -> Self {
        Self {
            codebooks,
            channels,
            frames,
        }
    }

    /// Steps that the last codebook runs behind the first.
    #[must_use]
    pub fn longest_delay(&self) -> usize {
        self.delay(self.codebooks.saturating_sub(1))
    }

    /// Steps in all.
    #[must_use]
    pub fn steps(&self) -> usize {
        if self.frames == 0 {
            0
        } else {
            self.frames + self.longest_delay()
        }
    }

    /// The frame whose token `step` makes for `codebook`, if it makes one.
    #[must_use]
    pub fn made(&self, step: usize, codebook: usize) -> Option<usize> {
        step.checked_sub(self.delay(codebook))
            .filter(|&frame| frame < self.frames)
    }

    /// The frame whose token `step` reads for `codebook`; `None` stands for the start token.
    #[must_use]
    pub fn read(&self, step: usize, codebook: usize) -> Option<usize> {
        self.made(step.checked_sub(1)?, codebook)
    }

    /// The frame that is whole once `step` is done.
    #[must_use]
    pub fn completed(&self, step: usize) -> Option<usize> {
        self.made(step, self.codebooks.checked_sub(1)?)
    }

    fn delay(&self, codebook: usize) -> usize {
        codebook / self.channels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws the frames that the steps make, one line for each codebook.
    fn table(pattern: DelayPattern) -> String {
        let cell = |step, codebook| match pattern.made(step, codebook) {
            Some(frame) => frame.to_string(),
            None => "·".into(),
        };
        let row = |codebook| {
            (0..pattern.steps())
                .map(|step| cell(step, codebook))
                .collect::<Vec<_>>()
                .join(" ")
        };
        (0..pattern.codebooks)
            .map(row)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn codebooks_run_one_step_behind_each_other() {
        let expect = "0 1 2 3 4 · · ·\n· 0 1 2 3 4 · ·\n· · 0 1 2 3 4 ·\n· · · 0 1 2 3 4";
        assert_eq!(table(DelayPattern::new(4, 1, 5)), expect);
    }

    #[test]
    fn a_stereo_pair_shares_its_delay() {
        let expect = "0 1 2 · \n0 1 2 · \n· 0 1 2\n· 0 1 2".replace(" \n", "\n");
        assert_eq!(table(DelayPattern::new(4, 2, 3)), expect);
    }

    #[test]
    fn clips_shorter_than_the_delay_are_made_too() {
        assert_eq!(
            table(DelayPattern::new(4, 1, 1)),
            "0 · · ·\n· 0 · ·\n· · 0 ·\n· · · 0"
        );
        assert_eq!(DelayPattern::new(4, 1, 0).steps(), 0);
    }

    #[test]
    fn a_step_reads_what_the_step_before_made() {
        let pattern = DelayPattern::new(8, 2, 7);
        for codebook in 0..8 {
            assert_eq!(pattern.read(0, codebook), None);
            for step in 1..pattern.steps() {
                assert_eq!(
                    pattern.read(step, codebook),
                    pattern.made(step - 1, codebook)
                );
            }
        }
    }

    #[test]
    fn frames_are_completed_in_order_and_all_of_them() {
        for (codebooks, channels, frames) in [(4, 1, 9), (8, 2, 9), (1, 1, 3), (2, 2, 2), (4, 1, 2)]
        {
            let pattern = DelayPattern::new(codebooks, channels, frames);
            let done: Vec<_> = (0..pattern.steps())
                .filter_map(|step| pattern.completed(step))
                .collect();
            assert_eq!(done, (0..frames).collect::<Vec<_>>());
        }
    }
}
