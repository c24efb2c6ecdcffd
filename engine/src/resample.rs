//! A clip, or the stream of one, at another sample rate.
//!
//! Any thread but the audio thread (it allocates). The command line and the plugin use
//! the same stream, so that a WAV and what a host hears are the same samples: the result
//! does not depend on how the input was cut into pieces.

use audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{Fft, FixedSync, Indexing, Resampler as _};

/// Least frames of one transform; long enough for a steep filter, short enough for 30 ms of delay.
const MIN_CHUNK_FRAMES: usize = 1024;

/// Converts a stream from one rate to another, without delay and without drift.
#[derive(Debug)]
pub struct Resampler {
    /// `None` when the rates are equal.
    fft: Option<Fft<f32>>,
    from_hz: u32,
    to_hz: u32,
    /// Input that waits for a whole chunk, by channel.
    pending: Vec<Vec<f32>>,
    /// Output frames of the filter's delay that are still to be thrown away.
    skip_frames: usize,
    /// Output frames given out so far.
    given_frames: u64,
}

impl Resampler {
    /// A stream of `channels` channels from `from_hz` to `to_hz`.
    ///
    /// # Panics
    /// When a rate or the number of channels is 0: callers check both.
    #[must_use]
    pub fn new(from_hz: u32, to_hz: u32, channels: usize) -> Self {
        assert!(
            from_hz > 0 && to_hz > 0 && channels > 0,
            "rates and channels are positive"
        );
        let fft = (from_hz != to_hz).then(|| {
            let step = (from_hz / gcd(from_hz, to_hz)) as usize;
            // An even number of steps makes the filter's delay a whole number of frames
            // on both sides; an odd one would move 44.1 kHz clips by half a sample.
            let chunk = step * MIN_CHUNK_FRAMES.div_ceil(step).next_multiple_of(2);
            Fft::new(
                from_hz as usize,
                to_hz as usize,
                chunk,
                channels,
                FixedSync::Both,
            )
            .unwrap_or_else(|error| unreachable!("rates and sizes are positive: {error}"))
        });
        let skip_frames = fft.as_ref().map_or(0, Fft::output_delay);
        let pending = vec![Vec::new(); channels];
        Self {
            fft,
            from_hz,
            to_hz,
            pending,
            skip_frames,
            given_frames: 0,
        }
    }

    /// The frames at the new rate that `frames` frames at the old one make, to the nearest.
    #[must_use]
    pub fn output_frames(&self, frames: u64) -> u64 {
        (frames * u64::from(self.to_hz) + u64::from(self.from_hz) / 2) / u64::from(self.from_hz)
    }

    /// Takes samples by channel (equal lengths) and appends to `out` what is ready.
    pub fn push(&mut self, channels: &[Vec<f32>], out: &mut [Vec<f32>]) {
        for (pending, channel) in self.pending.iter_mut().zip(channels) {
            pending.extend_from_slice(channel);
        }
        let chunk = self.fft.as_ref().map_or(1, Fft::input_frames_next);
        let whole = self.pending[0].len() / chunk * chunk;
        self.convert(whole, chunk, u64::MAX, out);
    }

    /// Appends the rest: the whole stream then has exactly `total_frames` frames, cut or
    /// filled with silence where the input was longer or shorter.
    pub fn finish(mut self, total_frames: u64, out: &mut [Vec<f32>]) {
        let chunk = self.fft.as_ref().map_or(1, Fft::input_frames_next);
        while self.given_frames < total_frames {
            let padded = self.pending[0].len().next_multiple_of(chunk).max(chunk);
            for pending in &mut self.pending {
                pending.resize(padded, 0.0);
            }
            self.convert(padded, chunk, total_frames, out);
        }
        for channel in out {
            // Earlier pushes may have given out more than the caller now wants.
            channel.truncate(
                channel.len() - (self.given_frames.saturating_sub(total_frames)) as usize,
            );
        }
    }

    /// Converts the first `frames` of what is pending, giving out no more than `limit` in all.
    fn convert(&mut self, frames: usize, chunk: usize, limit: u64, out: &mut [Vec<f32>]) {
        let mut done = 0;
        while done < frames {
            let (made, consumed) = match &mut self.fft {
                None => {
                    let all = self
                        .pending
                        .iter()
                        .map(|p| p[done..frames].to_vec())
                        .collect();
                    (all, frames - done)
                }
                Some(fft) => {
                    let channels = self.pending.len();
                    let size = fft.output_frames_next();
                    let mut made = vec![vec![0.0; size]; channels];
                    let input =
                        SequentialSliceOfVecs::new(&self.pending, channels, self.pending[0].len());
                    let output = SequentialSliceOfVecs::new_mut(&mut made, channels, size);
                    let (Ok(input), Ok(mut output)) = (input, output) else {
                        unreachable!("the buffers have the sizes that they were made with")
                    };
                    let at = Indexing::new().input_offset(done);
                    if let Err(error) = fft.process_into_buffer(&input, &mut output, Some(&at)) {
                        unreachable!("the buffers have the sizes that were asked for: {error}");
                    }
                    (made, chunk)
                }
            };
            self.give(&made, limit, out);
            done += consumed;
        }
        for pending in &mut self.pending {
            pending.drain(..frames);
        }
    }

    fn give(&mut self, made: &[Vec<f32>], limit: u64, out: &mut [Vec<f32>]) {
        let size = made[0].len();
        let start = self.skip_frames.min(size);
        self.skip_frames -= start;
        let room = limit.saturating_sub(self.given_frames);
        let end = start + usize::try_from(room).map_or(size - start, |room| room.min(size - start));
        for (channel, samples) in out.iter_mut().zip(made) {
            channel.extend_from_slice(&samples[start..end]);
        }
        self.given_frames += (end - start) as u64;
    }
}

/// A whole clip at another rate, `total_frames` long.
#[must_use]
pub fn resample(
    channels: &[Vec<f32>],
    from_hz: u32,
    to_hz: u32,
    total_frames: u64,
) -> Vec<Vec<f32>> {
    let mut out = vec![Vec::new(); channels.len()];
    let mut stream = Resampler::new(from_hz, to_hz, channels.len());
    stream.push(channels, &mut out);
    stream.finish(total_frames, &mut out);
    out
}

/// A whole loop at another rate, `total_frames` long: as [`resample`], but around the join, where
/// its end and its beginning sound into one another as they do when it is repeated.
#[must_use]
pub fn resample_loop(
    channels: &[Vec<f32>],
    from_hz: u32,
    to_hz: u32,
    total_frames: u64,
) -> Vec<Vec<f32>> {
    if from_hz == to_hz || channels.first().is_none_or(Vec::is_empty) {
        return resample(channels, from_hz, to_hz, total_frames);
    }
    // So many frames before the loop that they are a whole number at both rates.
    let step = (from_hz / gcd(from_hz, to_hz)) as usize;
    let lead = step * MIN_CHUNK_FRAMES.div_ceil(step);
    let lead_out = lead as u64 * u64::from(to_hz) / u64::from(from_hz);
    let around = |channel: &Vec<f32>| -> Vec<f32> {
        let length = channel.len();
        let first = length - lead % length;
        let frames = length + 2 * lead;
        (0..frames)
            .map(|at| channel[(first + at) % length])
            .collect()
    };
    let padded: Vec<Vec<f32>> = channels.iter().map(around).collect();
    let mut out = resample(&padded, from_hz, to_hz, total_frames + lead_out);
    for channel in &mut out {
        channel.drain(..lead_out as usize);
    }
    out
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate_hz: u32, frames: usize) -> Vec<f32> {
        let step = std::f64::consts::TAU * 440.0 / f64::from(rate_hz);
        (0..frames)
            .map(|n| (step * n as f64).sin() as f32)
            .collect()
    }

    #[test]
    fn a_sine_keeps_its_phase_at_every_host_rate() {
        for to_hz in [
            22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000,
        ] {
            let total = u64::from(to_hz) / 2;
            let out = resample(&[sine(32_000, 16_000)], 32_000, to_hz, total);
            assert_eq!(out[0].len() as u64, total);
            let want = sine(to_hz, out[0].len());
            // The ends ring, because the sine starts and stops there.
            let middle = out[0].len() / 4..out[0].len() * 3 / 4;
            let worst = middle
                .map(|n| (out[0][n] - want[n]).abs())
                .fold(0.0, f32::max);
            assert!(worst < 1e-3, "{to_hz} Hz: {worst}");
        }
    }

    #[test]
    fn the_cut_of_the_input_does_not_matter() {
        let input = [
            sine(32_000, 10_000),
            sine(32_000, 10_000).into_iter().rev().collect(),
        ];
        let whole = resample(&input, 32_000, 44_100, 13_781);
        for size in [1, 7, 640, 1920, 9_999] {
            let mut out = vec![Vec::new(); 2];
            let mut stream = Resampler::new(32_000, 44_100, 2);
            for start in (0..10_000).step_by(size) {
                let end = (start + size).min(10_000);
                stream.push(
                    &[input[0][start..end].to_vec(), input[1][start..end].to_vec()],
                    &mut out,
                );
            }
            stream.finish(13_781, &mut out);
            assert_eq!(out, whole, "pieces of {size}");
        }
    }

    #[test]
    fn a_loop_has_no_ends() {
        // A hundred periods fill the loop: repeated, it is an endless sine.
        for to_hz in [44_100, 48_000, 96_000] {
            let frames = 32_000 * 100 / 440;
            let hz = 32_000.0 * 100.0 / frames as f64;
            let wave = |rate_hz: u32, frames: usize| -> Vec<f32> {
                let step = std::f64::consts::TAU * hz / f64::from(rate_hz);
                (0..frames)
                    .map(|n| (step * n as f64).sin() as f32)
                    .collect()
            };
            let total = (frames as f64 * f64::from(to_hz) / 32_000.0).round() as u64;
            let out = resample_loop(&[wave(32_000, frames)], 32_000, to_hz, total);
            assert_eq!(out[0].len() as u64, total);
            let want = wave(to_hz, out[0].len());
            let worst = out[0].iter().zip(&want).map(|(a, b)| (a - b).abs());
            let worst = worst.fold(0.0, f32::max);
            assert!(worst < 1e-3, "{to_hz} Hz: {worst}");
        }
    }

    #[test]
    fn the_length_is_exact() {
        for (to_hz, total) in [
            (48_000, 1),
            (48_000, 15_001),
            (32_000, 9_000),
            (32_000, 11_000),
        ] {
            assert_eq!(
                resample(&[sine(32_000, 10_000)], 32_000, to_hz, total)[0].len() as u64,
                total
            );
        }
    }
}
