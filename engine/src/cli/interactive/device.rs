//! The default audio device, by cpal.
//!
//! Main thread; the closure that fills its buffers is the audio thread's and does nothing but run
//! the [`Looper`] and convert its samples.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use barline_engine::{Clip, Length};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{ErrorKind, FromSample, SampleFormat, SizedSample, Stream, StreamConfig};

use super::looper::{Looper, Remote, Sound, looper};

/// Frames that are made at once.
const PART_FRAMES: usize = 256;
/// The last sound may go down to silence before the device is closed.
const FADE: Duration = Duration::from_millis(30);

/// A device that plays.
pub(super) struct Device {
    remote: Remote,
    rate_hz: u32,
    channels: usize,
    lost: Arc<AtomicBool>,
    /// Plays as long as it is there.
    _stream: Stream,
}

impl Device {
    /// Opens the system's default device at its own rate.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(super) fn open() -> Result<Self, String> {
        let device = cpal::default_host()
            .default_output_device()
            .ok_or("there is no audio device")?;
        let config = device
            .default_output_config()
            .map_err(|error| format!("the audio device cannot be used: {error}"))?;
        let (format, config) = (config.sample_format(), StreamConfig::from(config));
        let (rate_hz, channels) = (config.sample_rate, usize::from(config.channels));
        let (remote, looper) = looper(rate_hz, channels);
        let lost = Arc::new(AtomicBool::new(false));
        let stream = match format {
            SampleFormat::F32 => stream::<f32>(&device, config, looper, lost.clone()),
            SampleFormat::I16 => stream::<i16>(&device, config, looper, lost.clone()),
            SampleFormat::I32 => stream::<i32>(&device, config, looper, lost.clone()),
            SampleFormat::U8 => stream::<u8>(&device, config, looper, lost.clone()),
            SampleFormat::U16 => stream::<u16>(&device, config, looper, lost.clone()),
            SampleFormat::F64 => stream::<f64>(&device, config, looper, lost.clone()),
            other => return Err(format!("the audio device wants samples of {other}")),
        }
        .map_err(|error| format!("the audio device cannot be used: {error}"))?;
        Ok(Self {
            remote,
            rate_hz,
            channels,
            lost,
            _stream: stream,
        })
    }

    /// Plays a loop: at once, or from the next bar line of the one that sounds.
    pub(super) fn play(&mut self, clip: &Clip) {
        let bars = match clip.facts.length {
            Length::Bars { bars, .. } => bars,
            Length::Seconds(_) => 1,
        };
        let channels = clip.at_rate(self.rate_hz);
        self.remote.play(Sound::new(&channels, bars, self.channels));
    }

    /// Silence.
    pub(super) fn stop(&mut self) {
        self.remote.stop();
    }

    /// From 0 to 1.
    pub(super) fn set_volume(&mut self, volume: f32) {
        self.remote.set_volume(volume);
    }

    /// Whether it is gone.
    pub(super) fn lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.stop();
        std::thread::sleep(FADE);
    }
}

fn stream<T: SizedSample + FromSample<f32>>(
    device: &cpal::Device,
    config: StreamConfig,
    mut looper: Looper,
    lost: Arc<AtomicBool>,
) -> Result<Stream, cpal::Error> {
    let mut part = vec![0.0f32; PART_FRAMES * usize::from(config.channels)];
    let fill = move |out: &mut [T], _: &cpal::OutputCallbackInfo| {
        for out in out.chunks_mut(part.len()) {
            let part = &mut part[..out.len()];
            looper.process(part);
            for (out, &sample) in out.iter_mut().zip(&*part) {
                *out = T::from_sample(sample);
            }
        }
    };
    let failed = move |error: cpal::Error| {
        let passing = [
            ErrorKind::DeviceChanged,
            ErrorKind::Xrun,
            ErrorKind::RealtimeDenied,
        ];
        if !passing.contains(&error.kind()) {
            lost.store(true, Ordering::Release);
        }
    };
    let stream = device.build_output_stream(config, fill, failed, None)?;
    stream.play()?;
    Ok(stream)
}
