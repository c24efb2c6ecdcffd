//! The loop that sounds, and the one that is to sound from its next bar line on.
//!
//! [`Looper`] is the audio thread's: `process` never allocates, frees, locks or waits. Sounds come
//! and go through two rings; those that were played are freed by the one who sent them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

/// Over this one sound goes over into another, and into silence.
const BLEND_SECONDS: f64 = 0.008;
/// Sounds that may be on their way.
const MOST_COMMANDS: usize = 16;

/// A loop at the device's rate.
pub(super) struct Sound {
    /// Interleaved, as many channels as the device has.
    samples: Vec<f32>,
    channels: usize,
    bars: usize,
}

impl Sound {
    /// From samples by channel (1 or 2) of so many bars. One channel sounds on both sides; channels
    /// of the device beyond the second stay silent.
    pub(super) fn new(channels: &[Vec<f32>], bars: u32, device_channels: usize) -> Self {
        let frames = channels.first().map_or(0, Vec::len);
        let sample = |frame: usize, side: usize| match side {
            0 | 1 => channels[side.min(channels.len() - 1)][frame],
            _ => 0.0,
        };
        let samples = (0..frames)
            .flat_map(|frame| (0..device_channels).map(move |side| sample(frame, side)))
            .collect();
        Self {
            samples,
            channels: device_channels,
            bars: bars.max(1) as usize,
        }
    }

    fn frames(&self) -> usize {
        self.samples.len() / self.channels
    }

    fn frame(&self, at: usize) -> &[f32] {
        &self.samples[at * self.channels..(at + 1) * self.channels]
    }

    /// Frames from `at` to the next bar line that is at least `least` away.
    fn to_bar_line(&self, at: usize, least: usize) -> usize {
        let frames = self.frames();
        let lines = (1..=2 * self.bars).map(|bar| bar * frames / self.bars);
        let mut ahead = lines.filter(|&line| line >= at + least);
        ahead.next().map_or(least, |line| line - at)
    }
}

enum Command {
    Play(Box<Sound>),
    Stop,
}

/// The end that sends sounds; main thread.
pub(super) struct Remote {
    commands: Producer<Command>,
    spent: Consumer<Box<Sound>>,
    volume: Arc<AtomicU32>,
}

impl Remote {
    /// Plays a sound from its beginning: at once, or from the next bar line of the one that sounds.
    pub(super) fn play(&mut self, sound: Sound) {
        self.send(Command::Play(Box::new(sound)));
    }

    /// Silence.
    pub(super) fn stop(&mut self) {
        self.send(Command::Stop);
    }

    /// From 0 to 1.
    pub(super) fn set_volume(&mut self, volume: f32) {
        self.volume.store(volume.to_bits(), Ordering::Relaxed);
    }

    fn send(&mut self, command: Command) {
        while self.spent.pop().is_ok() {}
        // Full only when the device stands still: then nothing is heard of it either.
        let _ = self.commands.push(command);
    }
}

/// The end that sounds; audio thread.
pub(super) struct Looper {
    commands: Consumer<Command>,
    spent: Producer<Box<Sound>>,
    volume: Arc<AtomicU32>,
    playing: Option<Box<Sound>>,
    /// The frame of it that sounds next.
    at: usize,
    /// What takes over in so many frames.
    next: Option<(Box<Sound>, usize)>,
    /// Going down to silence.
    stopping: bool,
    gain: f32,
    channels: usize,
    blend_frames: usize,
}

/// Both ends, for a device.
pub(super) fn looper(rate_hz: u32, channels: usize) -> (Remote, Looper) {
    let (commands, received) = RingBuffer::new(MOST_COMMANDS);
    // All that were sent, and the two that sound.
    let (spent, returned) = RingBuffer::new(MOST_COMMANDS + 2);
    let volume = Arc::new(AtomicU32::new(1f32.to_bits()));
    let remote = Remote {
        commands,
        spent: returned,
        volume: volume.clone(),
    };
    let looper = Looper {
        commands: received,
        spent,
        volume,
        playing: None,
        at: 0,
        next: None,
        stopping: false,
        gain: 0.0,
        channels,
        blend_frames: (BLEND_SECONDS * f64::from(rate_hz)) as usize,
    };
    (remote, looper)
}

impl Looper {
    /// Fills a block of interleaved frames.
    pub(super) fn process(&mut self, out: &mut [f32]) {
        let volume = f32::from_bits(self.volume.load(Ordering::Relaxed));
        for frame in out.chunks_exact_mut(self.channels) {
            self.obey();
            let target = if self.stopping { 0.0 } else { volume };
            let step = 1.0 / (self.blend_frames + 1) as f32;
            self.gain += (target - self.gain).clamp(-step, step);
            if self.stopping && self.gain == 0.0 {
                self.stopping = false;
                self.silence();
            }
            self.sound(frame);
        }
    }

    /// Takes what was sent, unless something is just going over into something else.
    fn obey(&mut self) {
        let blending = matches!(self.next, Some((_, left)) if left <= self.blend_frames);
        if self.stopping || blending {
            return;
        }
        match self.commands.pop() {
            Ok(Command::Play(sound)) if sound.frames() == 0 => self.free(sound),
            Ok(Command::Play(sound)) => match &self.playing {
                None => {
                    (self.at, self.gain) = (0, 0.0);
                    self.playing = Some(sound);
                }
                Some(playing) => {
                    let left = playing.to_bar_line(self.at, self.blend_frames + 1);
                    if let Some((replaced, _)) = self.next.replace((sound, left)) {
                        self.free(replaced);
                    }
                }
            },
            Ok(Command::Stop) => self.stopping = self.playing.is_some(),
            Err(_) => {}
        }
    }

    /// One frame of what sounds.
    fn sound(&mut self, frame: &mut [f32]) {
        let Some(playing) = &self.playing else {
            frame.fill(0.0);
            return;
        };
        frame.copy_from_slice(playing.frame(self.at));
        self.at = (self.at + 1) % playing.frames();
        let mut over = false;
        if let Some((next, left)) = &mut self.next {
            if *left <= self.blend_frames {
                // What rings into the beginning of the next, so that its first beat stays whole.
                let frames = next.frames();
                let lead = next.frame((frames - *left % frames) % frames);
                let share = 1.0 - *left as f32 / (self.blend_frames + 1) as f32;
                for (sample, lead) in frame.iter_mut().zip(lead) {
                    *sample += share * (lead - *sample);
                }
            }
            *left -= 1;
            over = *left == 0;
        }
        for sample in frame {
            *sample *= self.gain;
        }
        if over
            && let Some((next, _)) = self.next.take()
            && let Some(before) = self.playing.replace(next)
        {
            self.at = 0;
            self.free(before);
        }
    }

    fn silence(&mut self) {
        if let Some(playing) = self.playing.take() {
            self.free(playing);
        }
        if let Some((next, _)) = self.next.take() {
            self.free(next);
        }
    }

    /// Gives a sound back. There is room for as many as can be on their way.
    fn free(&mut self, sound: Box<Sound>) {
        let _ = self.spent.push(sound);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 1_000;
    /// 8 ms.
    const BLEND: usize = 8;

    /// Two bars of 100 frames, of one value.
    fn sound(value: f32) -> Sound {
        Sound::new(&[vec![value; 200]], 2, 2)
    }

    fn left(looper: &mut Looper, frames: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; frames * 2];
        looper.process(&mut out);
        assert!(out.chunks(2).all(|pair| pair[0] == pair[1]), "mono on both");
        out.chunks(2).map(|pair| pair[0]).collect()
    }

    #[test]
    fn the_next_loop_begins_at_the_bar_line() {
        let (mut remote, mut looper) = looper(RATE_HZ, 2);
        assert_eq!(left(&mut looper, 10), [0.0; 10]);
        remote.play(sound(0.5));
        let out = left(&mut looper, 130);
        assert!(out[0] > 0.0 && out[0] < 0.1, "a start without a click");
        assert!(out[BLEND + 1..].iter().all(|&x| x == 0.5));
        // At frame 130 of 200: the next bar line is at 200.
        remote.play(Sound::new(&[(0..100).map(|x| x as f32).collect()], 1, 2));
        let out = left(&mut looper, 300);
        assert!(out[..70 - BLEND].iter().all(|&x| x == 0.5));
        assert!(out[70 - BLEND..70].windows(2).all(|two| two[1] > two[0]));
        assert!(out[69] < 99.0 && out[69] > 80.0, "its own end leads in");
        let bar: Vec<f32> = (0..100).map(|x| x as f32).collect();
        assert_eq!(out[70..170], bar);
        assert_eq!(out[170..270], bar);
    }

    #[test]
    fn a_bar_line_that_is_too_near_is_left_to_pass() {
        let (mut remote, mut looper) = looper(RATE_HZ, 2);
        remote.play(sound(0.5));
        left(&mut looper, 195);
        remote.play(sound(-0.5));
        let out = left(&mut looper, 120);
        assert!(out[..105 - BLEND].iter().all(|&x| x == 0.5));
        assert!(out[105..].iter().all(|&x| x == -0.5));
    }

    #[test]
    fn the_last_of_several_is_played_and_all_come_back() {
        let (mut remote, mut looper) = looper(RATE_HZ, 2);
        for value in [0.1, 0.2, 0.3, 0.4] {
            remote.play(sound(value));
        }
        let out = left(&mut looper, 150);
        assert_eq!((out[50], out[110]), (0.1, 0.4));
        assert_eq!(remote.spent.slots(), 3, "what is not played any more");
        remote.stop();
        let out = left(&mut looper, 20);
        assert!(out[..BLEND].windows(2).all(|two| two[1] < two[0]));
        assert_eq!(out[BLEND + 2..], [0.0; 20 - BLEND - 2]);
        assert_eq!(remote.spent.slots(), 1);
        // And it can be started again.
        remote.play(sound(0.7));
        assert_eq!(left(&mut looper, 30)[20], 0.7);
    }

    #[test]
    fn volume_moves_without_a_step() {
        let (mut remote, mut looper) = looper(RATE_HZ, 2);
        remote.play(sound(1.0));
        left(&mut looper, 50);
        remote.set_volume(0.25);
        let out = left(&mut looper, 50);
        assert!(out.windows(2).all(|two| (two[1] - two[0]).abs() < 0.12));
        assert_eq!(out[49], 0.25);
    }
}
