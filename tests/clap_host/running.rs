//! An active instance: its buffers, one for each port, and `process`.
//!
//! Whatever thread plays owns it; nothing in it is shared.

use anyhow::Result;
use clack_host::prelude::*;

use super::host::{Handlers, MAX_FRAMES};
use super::song::{Recording, SLOTS, Song};

/// Left and right.
type Stereo = [Vec<f32>; 2];

/// What belongs to an active instance.
pub(super) struct Running {
    processor: StartedPluginAudioProcessor<Handlers>,
    rate_hz: f64,
    side_chain: Stereo,
    /// The main output, then one for each slot.
    outputs: [Stereo; 1 + SLOTS],
    input_ports: AudioPorts,
    output_ports: AudioPorts,
}

impl Running {
    pub(super) fn new(processor: StartedPluginAudioProcessor<Handlers>, rate_hz: f64) -> Self {
        let buffers = || [vec![0.0; MAX_FRAMES], vec![0.0; MAX_FRAMES]];
        Self {
            processor,
            rate_hz,
            side_chain: buffers(),
            outputs: std::array::from_fn(|_| buffers()),
            input_ports: AudioPorts::with_capacity(2, 1),
            output_ports: AudioPorts::with_capacity(2 * (1 + SLOTS), 1 + SLOTS),
        }
    }

    pub(super) fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    pub(super) fn stop_processing(self) -> StoppedPluginAudioProcessor<Handlers> {
        self.processor.stop_processing()
    }

    pub(super) fn process(
        &mut self,
        song: &Song,
        frames: usize,
        events: &EventBuffer,
    ) -> Result<()> {
        // What is not written must show.
        for channel in self.outputs.iter_mut().flatten() {
            channel.fill(f32::NAN);
        }
        let inputs = self.side_chain.iter_mut().map(|buffer| InputChannel {
            buffer: &mut buffer[..frames],
            is_constant: true,
        });
        let inputs = self.input_ports.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(inputs),
        }]);
        let outputs = self.outputs.iter_mut().map(|port| AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(
                port.iter_mut().map(|buffer| &mut buffer[..frames]),
            ),
        });
        let mut outputs = self.output_ports.with_output_buffers(outputs);
        let transport = song.event(self.rate_hz);
        self.processor.process(
            &inputs,
            &mut outputs,
            &InputEvents::from_buffer(events),
            &mut OutputEvents::void(),
            None,
            Some(&transport),
        )?;
        Ok(())
    }

    /// Adds what the last block gave to a recording.
    pub(super) fn record(&self, frames: usize, recording: &mut Recording) {
        let [main, slots @ ..] = &self.outputs;
        recording.left.extend_from_slice(&main[0][..frames]);
        recording.right.extend_from_slice(&main[1][..frames]);
        for (kept, slot) in recording.slots.iter_mut().zip(slots) {
            for (kept, side) in kept.iter_mut().zip(slot) {
                kept.extend_from_slice(&side[..frames]);
            }
        }
    }
}
