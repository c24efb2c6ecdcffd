//! Which buses a host wants, as nice-plug takes it: it knows none that are off.
//!
//! Main thread; plain values.

use barline_player::SLOTS;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{SpeakerArr, SpeakerArrangement};

/// A bus that is off.
pub(super) const NO_SPEAKERS: SpeakerArrangement = SpeakerArr::kEmpty;
/// The side-chain; the main output and the slots'.
const COUNTS: [usize; 2] = [1, 1 + SLOTS];

/// The bit of a bus that may be off: all but the main output.
pub(super) fn bit_of(is_input: bool, index: i32) -> Option<u32> {
    let index = usize::try_from(index).ok()?;
    let [inputs, outputs] = COUNTS;
    match (is_input, index) {
        (true, index) if index < inputs => Some(1 << index),
        (false, index) if (1..outputs).contains(&index) => Some(1 << (inputs + index)),
        _ => None,
    }
}

/// Speakers of the inputs and outputs.
pub(super) struct Arrangements {
    /// One more than there are: nice-plug 0.4.2 counts its inputs from the second where none is the
    /// main one.
    inputs: [SpeakerArrangement; COUNTS[0] + 1],
    outputs: [SpeakerArrangement; COUNTS[1]],
}

impl Arrangements {
    /// What a host asks for; `None` unless it is for as many buses as there are.
    ///
    /// # Safety
    /// Each list is null or as long as it says.
    pub(super) unsafe fn read(lists: [(*mut SpeakerArrangement, i32); 2]) -> Option<Self> {
        let mut all = Self {
            inputs: [SpeakerArr::kStereo; COUNTS[0] + 1],
            outputs: [NO_SPEAKERS; COUNTS[1]],
        };
        for ((list, count), own) in lists.into_iter().zip(all.lists()) {
            if list.is_null() || usize::try_from(count) != Ok(own.len()) {
                return None;
            }
            // SAFETY: as long as our own, which was compared.
            own.copy_from_slice(unsafe { std::slice::from_raw_parts(list, own.len()) });
        }
        Some(all)
    }

    fn lists(&mut self) -> [&mut [SpeakerArrangement]; 2] {
        [&mut self.inputs[..COUNTS[0]], &mut self.outputs]
    }

    /// For nice-plug.
    pub(super) fn pointers(&mut self) -> [*mut SpeakerArrangement; 2] {
        [self.inputs.as_mut_ptr(), self.outputs.as_mut_ptr()]
    }

    /// Gives those that may be off their two speakers; which they were, one a bit.
    pub(super) fn switch_on(&mut self) -> u32 {
        let mut off = 0;
        for (list, is_input) in self.lists().into_iter().zip([true, false]) {
            for (index, speakers) in list.iter_mut().enumerate() {
                if let Some(bit) =
                    bit_of(is_input, index as i32).filter(|_| *speakers == NO_SPEAKERS)
                {
                    off |= bit;
                    *speakers = SpeakerArr::kStereo;
                }
            }
        }
        off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_off_is_on_for_those_who_know_no_off() {
        let mut inputs = [NO_SPEAKERS];
        let mut outputs = [NO_SPEAKERS; COUNTS[1]];
        outputs[0] = SpeakerArr::kStereo;
        outputs[3] = SpeakerArr::kMono;
        let lists = [(inputs.as_mut_ptr(), 1), (outputs.as_mut_ptr(), 9)];
        // SAFETY: lists of these lengths.
        let mut wanted = unsafe { Arrangements::read(lists) }.unwrap();
        let off = wanted.switch_on();
        assert_eq!(off, 0b11_1110_1101);
        let [inputs, outputs] = wanted.lists();
        assert_eq!(inputs, [SpeakerArr::kStereo]);
        // What nobody offers stays, to be refused.
        assert_eq!(outputs[3], SpeakerArr::kMono);
        assert_eq!(
            (outputs[0], outputs[8]),
            (SpeakerArr::kStereo, SpeakerArr::kStereo)
        );
    }

    #[test]
    fn the_main_output_is_never_off_and_counts_must_be_right() {
        assert_eq!(bit_of(false, 0), None);
        assert_eq!(
            (bit_of(true, 1), bit_of(false, 9), bit_of(false, -1)),
            (None, None, None)
        );
        let mut inputs = [NO_SPEAKERS];
        let lists = [(inputs.as_mut_ptr(), 1), (inputs.as_mut_ptr(), 1)];
        // SAFETY: lists of these lengths.
        assert!(unsafe { Arrangements::read(lists) }.is_none());
    }
}
