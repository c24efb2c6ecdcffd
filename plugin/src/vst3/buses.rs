//! A block's buses made whole: memory for every channel that the host left out.
//!
//! Room is made while nothing is processed; [`Buses::complete`] runs on the audio thread and never
//! allocates or waits. What the plugin writes into the room nobody hears.

use std::ptr::null_mut;

use barline_player::SLOTS;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    AudioBusBuffers, AudioBusBuffers__type0, ProcessData, SymbolicSampleSizes_,
};

/// The side-chain.
const INPUTS: usize = 1;
/// The main output and the slots'.
const OUTPUTS: usize = 1 + SLOTS;
/// All are stereo.
const SIDES: usize = 2;

type Channels = [*mut f32; SIDES];

/// Buses of a block, with the room for channels that are not there.
pub(super) struct Buses {
    /// Of each channel its own; the inputs' first.
    room: Vec<f32>,
    room_frames: usize,
    channels: [Channels; INPUTS + OUTPUTS],
    buses: [AudioBusBuffers; INPUTS + OUTPUTS],
}

// SAFETY: the pointers are set and used within one call of `process`, under the guard's lock.
unsafe impl Send for Buses {}

impl Default for Buses {
    fn default() -> Self {
        Self {
            room: Vec::new(),
            room_frames: 0,
            channels: [[null_mut(); SIDES]; INPUTS + OUTPUTS],
            buses: [empty(); INPUTS + OUTPUTS],
        }
    }
}

fn empty() -> AudioBusBuffers {
    AudioBusBuffers {
        numChannels: SIDES as i32,
        silenceFlags: 0,
        __field0: AudioBusBuffers__type0 {
            channelBuffers32: null_mut(),
        },
    }
}

impl Buses {
    /// For blocks of so many frames. Allocates.
    pub(super) fn make_room(&mut self, max_frames: usize) {
        self.room = vec![0.0; max_frames * SIDES * (INPUTS + OUTPUTS)];
        self.room_frames = max_frames;
    }

    /// The host said how long its blocks are.
    pub(super) fn has_room(&self) -> bool {
        self.room_frames > 0
    }

    /// Realtime-safe. The host's block with every bus and channel that the plugin has. As it is where
    /// it only hands parameters over; `None` where it is longer than the host said.
    ///
    /// # Safety
    /// `data` is null or a block as VST3 has it. The result is valid until the next call, and no
    /// longer than what `data` points to.
    pub(super) unsafe fn complete(&mut self, data: *mut ProcessData) -> Option<ProcessData> {
        if data.is_null() {
            return None;
        }
        // SAFETY: not null, the host's.
        let data = unsafe { *data };
        let frames = usize::try_from(data.numSamples).ok()?;
        let parameters_only = frames == 0 || data.numOutputs <= 0 || data.outputs.is_null();
        if parameters_only || data.symbolicSampleSize != SymbolicSampleSizes_::kSample32 as i32 {
            return Some(data);
        }
        if frames > self.room_frames {
            return None;
        }
        let mut room = self.room.chunks_exact_mut(self.room_frames);
        let (channels, buses) = (&mut self.channels, &mut self.buses);
        for (index, (channels, bus)) in channels.iter_mut().zip(buses).enumerate() {
            let given = match index.checked_sub(INPUTS) {
                // SAFETY: the host's inputs and how many there are.
                None => unsafe { bus_of(data.inputs, data.numInputs, index) },
                // SAFETY: the host's outputs and how many there are.
                Some(output) => unsafe { bus_of(data.outputs, data.numOutputs, output) },
            };
            *bus = empty();
            for (side, channel) in channels.iter_mut().enumerate() {
                let own = room.next()?;
                // SAFETY: a bus of the host's.
                let there = given.and_then(|given| unsafe { channel_of(given, side) });
                *channel = there.unwrap_or_else(|| {
                    // What is read where the host gives no input is silence.
                    if index < INPUTS {
                        own[..frames].fill(0.0);
                    }
                    own.as_mut_ptr()
                });
            }
            bus.silenceFlags = given.map_or(0, |given| given.silenceFlags);
            bus.__field0.channelBuffers32 = channels.as_mut_ptr();
        }
        let (inputs, outputs) = self.buses.split_at_mut(INPUTS);
        Some(ProcessData {
            numInputs: INPUTS as i32,
            inputs: inputs.as_mut_ptr(),
            numOutputs: OUTPUTS as i32,
            outputs: outputs.as_mut_ptr(),
            ..data
        })
    }
}

/// The bus of that number, if the host gave it.
///
/// # Safety
/// `buses` is null or has `count` of them.
unsafe fn bus_of(buses: *mut AudioBusBuffers, count: i32, index: usize) -> Option<AudioBusBuffers> {
    let there = !buses.is_null() && index < usize::try_from(count).unwrap_or(0);
    // SAFETY: it is one of them.
    there.then(|| unsafe { *buses.add(index) })
}

/// The samples of one of its channels, if the host gave them.
///
/// # Safety
/// `bus` is one of 32 bits, and its list of channels null or as long as it says.
unsafe fn channel_of(bus: AudioBusBuffers, side: usize) -> Option<*mut f32> {
    // SAFETY: of 32 bits, as the caller says.
    let list = unsafe { bus.__field0.channelBuffers32 };
    if list.is_null() || side >= usize::try_from(bus.numChannels).unwrap_or(0) {
        return None;
    }
    // SAFETY: within the list.
    let channel = unsafe { *list.add(side) };
    (!channel.is_null()).then_some(channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: usize = 64;

    fn bus(channels: &mut [*mut f32]) -> AudioBusBuffers {
        AudioBusBuffers {
            numChannels: channels.len() as i32,
            silenceFlags: 0,
            __field0: AudioBusBuffers__type0 {
                channelBuffers32: channels.as_mut_ptr(),
            },
        }
    }

    fn block(inputs: &mut [AudioBusBuffers], outputs: &mut [AudioBusBuffers]) -> ProcessData {
        ProcessData {
            processMode: 0,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as i32,
            numSamples: FRAMES as i32,
            numInputs: inputs.len() as i32,
            numOutputs: outputs.len() as i32,
            inputs: inputs.as_mut_ptr(),
            outputs: outputs.as_mut_ptr(),
            inputParameterChanges: null_mut(),
            outputParameterChanges: null_mut(),
            inputEvents: null_mut(),
            outputEvents: null_mut(),
            processContext: null_mut(),
        }
    }

    /// All channels of the outputs, after each was written to with its own number.
    fn written(data: &ProcessData) -> Vec<*mut f32> {
        let mut all = Vec::new();
        for index in 0..OUTPUTS {
            // SAFETY: what `complete` gave.
            let bus = unsafe { bus_of(data.outputs, data.numOutputs, index) }.unwrap();
            for side in 0..SIDES {
                // SAFETY: the same.
                let channel = unsafe { channel_of(bus, side) }.unwrap();
                // SAFETY: room for a block.
                let samples = unsafe { std::slice::from_raw_parts_mut(channel, FRAMES) };
                samples.fill(all.len() as f32);
                all.push(channel);
            }
        }
        for (number, channel) in all.iter().enumerate() {
            // SAFETY: the same.
            let samples = unsafe { std::slice::from_raw_parts(*channel, FRAMES) };
            assert!(samples.iter().all(|sample| *sample == number as f32));
        }
        all
    }

    #[test]
    fn outputs_that_are_off_get_memory_of_their_own() {
        let mut sides = [[0.0f32; FRAMES]; SIDES];
        let mut main = sides.each_mut().map(|side| side.as_mut_ptr());
        let mut none = [null_mut(); SIDES];
        let mut buses = Buses::default();
        buses.make_room(FRAMES);
        // Switched off as JUCE does it, without a list, without channels, and left out altogether.
        let mut off = [bus(&mut main), bus(&mut none), empty(), bus(&mut [])];
        for count in 1..=off.len() {
            let mut data = block(&mut [], &mut off[..count]);
            // SAFETY: a block as VST3 has it.
            let whole = unsafe { buses.complete(&raw mut data) }.unwrap();
            assert_eq!((whole.numInputs, whole.numOutputs), (1, OUTPUTS as i32));
            assert_eq!(written(&whole)[..SIDES], main);
        }
        assert_eq!(sides, [[0.0; FRAMES], [1.0; FRAMES]]);
    }

    #[test]
    fn a_side_chain_that_is_off_is_silent() {
        let mut main = [[0.0f32; FRAMES]; SIDES];
        let mut main = main.each_mut().map(|side| side.as_mut_ptr());
        let mut one = [0.5f32; FRAMES];
        let mut half = [one.as_mut_ptr(), null_mut()];
        let mut buses = Buses::default();
        buses.make_room(FRAMES);
        buses.room.fill(9.0);
        let mut inputs = [bus(&mut half)];
        let mut data = block(&mut inputs, &mut [bus(&mut main)]);
        // SAFETY: a block as VST3 has it.
        let whole = unsafe { buses.complete(&raw mut data) }.unwrap();
        // SAFETY: what `complete` gave.
        let sides = unsafe {
            **(*whole.inputs)
                .__field0
                .channelBuffers32
                .cast::<Channels>()
                .cast::<*mut f32>()
        };
        assert_eq!(sides, 0.5);
        // SAFETY: the same, its other side.
        let silent = unsafe { **(*whole.inputs).__field0.channelBuffers32.add(1) };
        assert_eq!(silent, 0.0);
    }

    #[test]
    fn parameters_alone_are_handed_on_and_blocks_too_long_are_not() {
        let mut buses = Buses::default();
        buses.make_room(FRAMES - 1);
        let mut data = block(&mut [], &mut []);
        // SAFETY: a block without outputs, a block of more frames than there is room, and none.
        let (only, long, none) = unsafe {
            let only = buses.complete(&raw mut data);
            let mut outputs = [empty()];
            let mut data = block(&mut [], &mut outputs);
            (
                only,
                buses.complete(&raw mut data),
                buses.complete(null_mut()),
            )
        };
        assert_eq!(only.unwrap().numOutputs, 0);
        assert!(long.is_none() && none.is_none());
    }
}
