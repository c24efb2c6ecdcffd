//! Where a block goes: the main output, and one for each slot where the host has them.
//!
//! Audio thread; borrowed from the host for a block.

use crate::SLOTS;

/// Left and right of one output.
pub type StereoOut<'a> = (&'a mut [f32], &'a mut [f32]);

/// The buffers of a block.
pub struct Outputs<'a> {
    /// The main output. Its shorter side is the block's length.
    pub main: StereoOut<'a>,
    /// The slots' own outputs. What is longer than the block ends in silence.
    pub slots: [Option<StereoOut<'a>>; SLOTS],
}

impl<'a> Outputs<'a> {
    /// The main output alone.
    #[must_use]
    pub fn stereo(left: &'a mut [f32], right: &'a mut [f32]) -> Self {
        Self {
            main: (left, right),
            slots: [const { None }; SLOTS],
        }
    }
}

impl Outputs<'_> {
    /// Frames of the block.
    pub(crate) fn frames(&self) -> usize {
        self.main.0.len().min(self.main.1.len())
    }

    /// Realtime-safe. Fills all with silence.
    pub(crate) fn silence(&mut self) {
        let slots = self.slots.iter_mut().flatten();
        for (left, right) in slots.chain([&mut self.main]) {
            left.fill(0.0);
            right.fill(0.0);
        }
    }

    /// Realtime-safe. Adds to a slot's own output, where there is one, else to the main one, from
    /// a frame on.
    pub(crate) fn add(&mut self, own: Option<usize>, at: usize, left: &[f32], right: &[f32]) {
        let own = own.and_then(|slot| self.slots.get_mut(slot)?.as_mut());
        let (to_left, to_right) = own.unwrap_or(&mut self.main);
        for (to, from) in [(to_left, left), (to_right, right)] {
            let to = to.iter_mut().skip(at);
            to.zip(from).for_each(|(to, x)| *to += x);
        }
    }

    /// Realtime-safe. The same on the way from one to the other: `shares` is how much goes to the
    /// slot's own output, frame by frame.
    pub(crate) fn share(
        &mut self,
        own: usize,
        at: usize,
        left: &[f32],
        right: &[f32],
        shares: &[f32],
    ) {
        let Some(Some((own_left, own_right))) = self.slots.get_mut(own) else {
            self.add(None, at, left, right);
            return;
        };
        let (main_left, main_right) = &mut self.main;
        for (own, main, from) in [(own_left, main_left, left), (own_right, main_right, right)] {
            let to = own.iter_mut().zip(main.iter_mut()).skip(at);
            for ((own, main), (x, share)) in to.zip(from.iter().zip(shares)) {
                *own += x * share;
                *main += x * (1.0 - share);
            }
        }
    }

    /// Realtime-safe. Shows the block's frames of every output.
    pub(crate) fn each(&mut self, mut show: impl FnMut(&mut [f32], &mut [f32])) {
        let frames = self.frames();
        let slots = self.slots.iter_mut().flatten();
        for (left, right) in slots.chain([&mut self.main]) {
            let frames = frames.min(left.len()).min(right.len());
            if let (Some(left), Some(right)) = (left.get_mut(..frames), right.get_mut(..frames)) {
                show(left, right);
            }
        }
    }
}
