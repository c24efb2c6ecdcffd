//! The beats that slots go by: the host's, or an own clock while the host's do not count.
//!
//! Audio thread. The own clock counts frames from an anchor, so that it can't drift.

use crate::clip::ClipInfo;
use crate::settings::Quantise;
use crate::ticks;
use crate::transport::Transport;

/// How far behind a line may lie and still be met now, in frames: more than half of one, which
/// rounding to whole frames makes.
const LATE_FRAMES: f64 = 0.5 + 1.0 / 16.0;

/// Tempo where nobody says one.
const DEFAULT_TEMPO_BPM: f64 = 120.0;

/// Bars that a host can mean, in quarter notes.
const BAR_BEATS: std::ops::RangeInclusive<f64> = 0.125..=128.0;

/// Bars where nobody says.
const DEFAULT_BAR_BEATS: f64 = 4.0;

/// A frame's place in the song.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    /// Quarter notes.
    pub(crate) beats: f64,
    /// Quarter notes a minute.
    pub(crate) tempo_bpm: f64,
    /// Quarter notes in a bar.
    pub(crate) bar_beats: f64,
    /// Where some bar begins.
    pub(crate) bar_start_beats: f64,
    /// The rate, Hz.
    pub(crate) rate_hz: f64,
    /// It is the host's, not the own clock's.
    pub(crate) hosts: bool,
}

/// A line that launches wait for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    /// Frames until it comes; a little below 0 when it is now.
    pub(crate) ahead_frames: f64,
    /// Frames from one such line to the next.
    pub(crate) step_frames: f64,
    /// Its place, exactly.
    pub(crate) beats: f64,
}

impl Line {
    /// Frames until a fade must begin that ends on the line. `whole`: rather on the next than cut
    /// short.
    pub(crate) fn fade_in_frames(&self, fade_frames: f64, whole: bool) -> f64 {
        let ahead = self.ahead_frames - fade_frames;
        if whole && ahead < -1.0 {
            (ahead + self.step_frames).max(0.0)
        } else {
            ahead.max(0.0)
        }
    }
}

impl Moment {
    fn beats_a_frame(&self) -> f64 {
        self.tempo_bpm / (60.0 * self.rate_hz)
    }

    /// Some frames later.
    pub(crate) fn after(&self, frames: usize) -> Self {
        Self {
            beats: self.beats + frames as f64 * self.beats_a_frame(),
            ..*self
        }
    }

    /// The next line of a lattice.
    fn next(&self, start_beats: f64, step_beats: f64) -> Line {
        let frame = self.beats_a_frame();
        let from = self.beats - LATE_FRAMES * frame - start_beats;
        let beats = start_beats + (from / step_beats).ceil() * step_beats;
        Line {
            ahead_frames: (beats - self.beats) / frame,
            step_frames: step_beats / frame,
            beats,
        }
    }

    /// The next beat of loops, which lie on the song's.
    pub(crate) fn beat(&self) -> Line {
        self.next(0.0, 1.0)
    }

    /// The next beat of the host's bar, its end included.
    fn bar_beat(&self) -> Line {
        let bar = self.bar();
        let beat = self.next(bar.beats - self.bar_beats, 1.0);
        if beat.beats > bar.beats { bar } else { beat }
    }

    /// The next bar line.
    pub(crate) fn bar(&self) -> Line {
        self.bars(1.0)
    }

    fn bars(&self, count: f64) -> Line {
        let start = self.bar_start_beats.rem_euclid(self.bar_beats);
        self.next(start, self.bar_beats * count)
    }

    /// The next line that launches wait for.
    pub(crate) fn line(&self, quantise: Quantise) -> Line {
        match quantise {
            Quantise::Off => Line {
                ahead_frames: 0.0,
                step_frames: 0.0,
                beats: self.beats,
            },
            Quantise::Beat => self.bar_beat(),
            Quantise::Bar => self.bar(),
            Quantise::TwoBars => self.bars(2.0),
            Quantise::FourBars => self.bars(4.0),
        }
    }
}

/// The own clock, and what was heard last of any.
pub(crate) struct Clock {
    anchor_beats: f64,
    frames: u64,
    tempo_bpm: f64,
    /// Where the last block ended, by whatever clock went.
    last: Option<Moment>,
    /// The same of a host that rounds its places.
    ticks: Option<ticks::Line>,
}

/// What a block goes by.
pub(crate) struct Step {
    /// Its first frame; `None` while all stands.
    pub(crate) moment: Option<Moment>,
    /// Another clock goes on for the one before: beats to add to what was anchored to it.
    pub(crate) shift_beats: f64,
    /// Where it is by a host that rounds its places.
    pub(crate) ticks: Option<ticks::Line>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            anchor_beats: 0.0,
            frames: 0,
            tempo_bpm: DEFAULT_TEMPO_BPM,
            last: None,
            ticks: None,
        }
    }

    /// Realtime-safe. Forgets where it was.
    pub(crate) fn stop(&mut self) {
        self.last = None;
        self.ticks = None;
    }

    /// Realtime-safe. Where the coming block is. `own`: without the host's beats an own clock goes,
    /// at the tempo and in the bars of that clip, from beat 0 at frame `zero` when it starts.
    pub(crate) fn step(
        &self,
        transport: &Transport,
        sync: bool,
        own: Option<&ClipInfo>,
        zero: usize,
        rate_hz: f64,
    ) -> Step {
        let host = transport.grid().filter(|_| transport.playing && sync);
        let ticks = host.and_then(|(beats, tempo_bpm)| {
            ticks::Line::through(self.ticks, beats, tempo_bpm, transport.song_frame, rate_hz)
        });
        let moment = match host {
            Some((beats, tempo_bpm)) => Some(Moment {
                beats: ticks.map_or(beats, |line| line.place(rate_hz)),
                tempo_bpm,
                bar_beats: bar_beats(transport.beats_per_bar),
                bar_start_beats: bar_start(transport.bar_start_beats),
                rate_hz,
                hosts: true,
            }),
            None => own.map(|lead| {
                let tempo_bpm = own_tempo(lead, rate_hz);
                let lead_in = zero as f64 * tempo_bpm / (60.0 * rate_hz);
                Moment {
                    beats: self.own_beats(rate_hz).unwrap_or(-lead_in),
                    tempo_bpm,
                    bar_beats: bar_beats(Some(lead.beats_per_bar)),
                    bar_start_beats: 0.0,
                    rate_hz,
                    hosts: false,
                }
            }),
        };
        let other = self
            .last
            .zip(moment)
            .filter(|(last, now)| last.hosts != now.hosts);
        Step {
            moment,
            shift_beats: other.map_or(0.0, |(last, now)| now.beats - last.beats),
            ticks,
        }
    }

    fn own_beats(&self, rate_hz: f64) -> Option<f64> {
        let last = self.last?;
        let gone = self.frames as f64 * self.tempo_bpm / (60.0 * rate_hz);
        Some(if last.hosts {
            last.beats
        } else {
            self.anchor_beats + gone
        })
    }

    /// Realtime-safe. The block is over.
    pub(crate) fn advance(
        &mut self,
        moment: Option<Moment>,
        ticks: Option<ticks::Line>,
        frames: usize,
        rate_hz: f64,
    ) {
        self.ticks = ticks.map(|line| line.after(frames, rate_hz));
        if let Some(now) = moment.filter(|now| !now.hosts) {
            let goes_on = self.last.is_some_and(|last| !last.hosts);
            if !goes_on || now.tempo_bpm != self.tempo_bpm {
                (self.anchor_beats, self.frames) = (now.beats, 0);
                self.tempo_bpm = now.tempo_bpm;
            }
            self.frames += frames as u64;
        }
        self.last = moment.map(|now| now.after(frames));
    }
}

/// A clip's own tempo, such that its loop is exactly its frames where it nearly is.
fn own_tempo(info: &ClipInfo, rate_hz: f64) -> f64 {
    let frames = info.beats * 60.0 * rate_hz / info.tempo_bpm;
    if (frames - info.frames as f64).abs() < 1.0 {
        info.beats * 60.0 * rate_hz / info.frames as f64
    } else {
        info.tempo_bpm
    }
}

fn bar_beats(beats: Option<f64>) -> f64 {
    beats
        .filter(|beats| BAR_BEATS.contains(beats))
        .unwrap_or(DEFAULT_BAR_BEATS)
}

fn bar_start(beats: Option<f64>) -> f64 {
    beats.filter(|beats| beats.abs() < 1e9).unwrap_or(0.0)
}
