//! A clip on its way from the engine to the player: samples at the model's rate, the picture
//! of them, and at the host's rate the stream while it is made and the whole when it is done.
//!
//! Session thread; allocates.

use std::sync::Arc;

use barline_engine::resample::Resampler;
use barline_engine::{ClipFacts, Length};
use barline_player::{ClipId, ClipInfo, Control};

use crate::state::SavedClip;
use crate::view::{COLUMNS, ClipView, Peak};

/// Input frames that are resampled and handed over in one go.
const CHUNK_FRAMES: usize = 16_384;

/// The slot of the player that the clip goes to.
const SLOT: usize = 0;

/// When a whole clip takes the place of the one that plays.
#[derive(Clone, Copy)]
pub(super) enum Arrival {
    AtOnce,
    OnTheBeat,
}

/// A clip at the model's rate, whole or growing.
pub(super) struct Take {
    /// Rate of the model.
    pub(super) rate_hz: u32,
    /// Samples by channel, 1 or 2.
    pub(super) channels: Vec<Vec<f32>>,
    /// Length when it is whole.
    frames: u64,
    /// Length on the grid.
    length: Length,
    prompt: String,
    seed: u64,
    /// All that the model made, where it is there: what the clip is made from at other tempi.
    pub(super) raw: Option<Vec<Vec<f32>>>,
    /// How it came about; there when it is whole.
    pub(super) facts: Option<ClipFacts>,
    /// The form in which it lies in the project.
    pub(super) saved: Option<Arc<SavedClip>>,
    peaks: Vec<Peak>,
}

impl Take {
    /// An empty clip that will grow.
    pub(super) fn growing(
        rate_hz: u32,
        channels: usize,
        frames: u64,
        length: Length,
        prompt: String,
        seed: u64,
    ) -> Self {
        Self {
            rate_hz,
            channels: vec![Vec::new(); channels],
            frames,
            length,
            prompt,
            seed,
            raw: None,
            facts: None,
            saved: None,
            peaks: Vec::with_capacity(COLUMNS),
        }
    }

    /// A whole clip.
    pub(super) fn whole(rate_hz: u32, channels: Vec<Vec<f32>>, facts: ClipFacts) -> Self {
        let frames = channels.first().map_or(0, Vec::len) as u64;
        let mut take = Self::growing(
            rate_hz,
            channels.len(),
            frames,
            facts.length,
            facts.prompt.clone(),
            facts.seed,
        );
        take.facts = Some(facts);
        take.grow(&channels);
        take
    }

    /// Adds samples at the end.
    pub(super) fn grow(&mut self, more: &[Vec<f32>]) {
        for (channel, more) in self.channels.iter_mut().zip(more) {
            channel.extend_from_slice(more);
        }
        let ready = self.channels.first().map_or(0, Vec::len) as u64;
        while self.peaks.len() < COLUMNS {
            let column = self.peaks.len() as u64;
            let edge = |column: u64| column * self.frames / COLUMNS as u64;
            let (start, end) = (edge(column), edge(column + 1).max(edge(column) + 1));
            if end > ready {
                break;
            }
            let mut peak = (f32::MAX, f32::MIN);
            for channel in &self.channels {
                for sample in &channel[start as usize..end as usize] {
                    peak = (peak.0.min(*sample), peak.1.max(*sample));
                }
            }
            self.peaks.push(peak);
        }
    }

    /// Its own tempo; `None` for a clip without a grid.
    pub(super) fn tempo_bpm(&self) -> Option<f64> {
        self.length.tempo_bpm()
    }

    /// Memory that its samples take.
    pub(super) fn bytes(&self) -> usize {
        self.channels.iter().map(Vec::len).sum::<usize>() * size_of::<f32>()
    }

    /// Hands a whole clip to the player, in place of the one that plays.
    pub(super) fn load(&self, id: ClipId, rate_hz: u32, arrival: Arrival, control: &mut Control) {
        let Some(facts) = &self.facts else {
            return;
        };
        let channels = facts.at_rate(&self.channels, self.rate_hz, rate_hz);
        if let [left, rest @ ..] = &channels[..] {
            // A mono clip goes to both sides. Facts that describe no clip give none to play.
            let right = rest.first().unwrap_or(left);
            let info = self.info(id, rate_hz);
            let _ = match arrival {
                Arrival::AtOnce => control.load(SLOT, info, left, right),
                Arrival::OnTheBeat => control.swap(SLOT, info, left, right),
            };
        }
    }

    /// What the panel sees of it.
    pub(super) fn view(&self) -> ClipView {
        let (beats, beats_per_bar, tempo_bpm) = grid(self.length);
        ClipView {
            peaks: self.peaks.clone().into(),
            beats,
            beats_per_bar,
            tempo_bpm,
            prompt: self.prompt.clone(),
            seed: self.seed,
            facts: self.facts.clone(),
        }
    }

    fn info(&self, id: ClipId, rate_hz: u32) -> ClipInfo {
        let (beats, beats_per_bar, tempo_bpm) = grid(self.length);
        ClipInfo {
            id,
            frames: self.length.frames(rate_hz),
            beats,
            tempo_bpm,
            beats_per_bar: f64::from(beats_per_bar),
        }
    }
}

/// Quarter notes, quarter notes in a bar, and tempo. A clip without a grid is one bar of four.
fn grid(length: Length) -> (f64, u32, f64) {
    match length {
        Length::Bars {
            bars,
            beats_per_bar,
            tempo_bpm,
        } => (
            f64::from(bars) * f64::from(beats_per_bar),
            beats_per_bar,
            tempo_bpm,
        ),
        Length::Seconds(seconds) => (4.0, 4, 240.0 / seconds),
    }
}

/// The stream of a take that is still made to the player, where it can be heard until the
/// whole clip takes its place.
pub(super) struct Feed {
    /// The player's name for it.
    pub(super) id: ClipId,
    resampler: Option<Resampler>,
    /// Frames of the take that went in.
    taken_frames: usize,
    total_frames: u64,
    out: Vec<Vec<f32>>,
}

impl Feed {
    /// Begins a clip in the player. `None` when its facts describe no clip that can be played.
    pub(super) fn begin(
        take: &Take,
        id: ClipId,
        rate_hz: u32,
        control: &mut Control,
    ) -> Option<Self> {
        let info = take.info(id, rate_hz);
        control.begin(SLOT, info).ok()?;
        let count = take.channels.len();
        Some(Self {
            id,
            resampler: Some(Resampler::new(take.rate_hz, rate_hz, count)),
            taken_frames: 0,
            total_frames: info.frames,
            out: vec![Vec::new(); count],
        })
    }

    /// Hands over what the take has and the player does not.
    pub(super) fn pump(&mut self, take: &Take, control: &mut Control) {
        let ready = take.channels.first().map_or(0, Vec::len);
        while let Some(resampler) = &mut self.resampler
            && self.taken_frames < ready
        {
            let end = ready.min(self.taken_frames + CHUNK_FRAMES);
            let part: Vec<Vec<f32>> = take
                .channels
                .iter()
                .map(|channel| channel[self.taken_frames..end].to_vec())
                .collect();
            resampler.push(&part, &mut self.out);
            self.taken_frames = end;
            self.hand_over(control);
        }
        if ready as u64 >= take.frames
            && let Some(resampler) = self.resampler.take()
        {
            resampler.finish(self.total_frames, &mut self.out);
            self.hand_over(control);
        }
    }

    /// A mono clip goes to both sides.
    fn hand_over(&mut self, control: &mut Control) {
        if let [left, rest @ ..] = &self.out[..] {
            let right = rest.first().unwrap_or(left);
            // It fails only for a clip that gave way to another, which is then the one to hear.
            let _ = control.push(self.id, left, right);
        }
        self.out.iter_mut().for_each(Vec::clear);
    }
}
