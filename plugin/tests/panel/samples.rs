//! What a session would publish, around loops that are really synthesised.
//!
//! Test threads.

use std::f32::consts::TAU;
use std::sync::Arc;

use barline_engine::fit::{Fitted, Grid, Loudness, Score};
use barline_engine::{ClipFacts, Length, Precision, Sampling};

use super::rig::Rig;
use crate::view::{
    COLUMNS, ClipView, Doing, Following, How, LibraryView, ModelState, ModelView, Peak, Phase,
    Rights, SlotState, SlotView, Source, TakeId, TakeView, Waiting,
};

const RATE_HZ: f32 = 8_000.0;

/// What a loop is made of.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Sound {
    Drums,
    Bass,
    Chords,
    Pad,
}

/// A loop of four-beat bars at a tempo.
fn synthesise(sound: Sound, bars: u32, tempo_bpm: f32) -> Vec<f32> {
    let beat_frames = 60.0 / tempo_bpm * RATE_HZ;
    let frames = (beat_frames * bars as f32 * 4.0) as usize;
    // A small generator of noise, the same every time.
    let mut noise = 0x2545_F491_u32;
    let mut random = move || {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        noise as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    let after = |beat: f32, every: f32, offset: f32| (beat - offset).rem_euclid(every);
    (0..frames)
        .map(|frame| {
            let beat = frame as f32 / beat_frames;
            let second = frame as f32 / RATE_HZ;
            let bar = (beat / 4.0) as usize;
            let note = [55.0, 65.4, 49.0, 41.2][bar % 4];
            match sound {
                Sound::Drums => {
                    let kick = after(beat, 2.0, if bar % 2 == 1 { 0.5 } else { 0.0 });
                    let snare = after(beat, 2.0, 1.0);
                    let hat = after(beat, 0.5, 0.0);
                    (-kick * 9.0).exp() * (TAU * 46.0 * kick).sin() * 0.85
                        + (-snare * 7.0).exp() * random() * 0.55
                        + (-hat * 24.0).exp() * random() * 0.22
                }
                Sound::Bass => {
                    let step = after(beat, 0.75, 0.0);
                    (-step * 3.0).exp() * (TAU * note * second).sin() * 0.7
                }
                Sound::Chords => {
                    let stab = after(beat, 1.5, 0.5);
                    let chord: f32 = [4.0, 4.76, 5.99]
                        .iter()
                        .map(|ratio| (TAU * note * ratio * second).sin())
                        .sum();
                    (-stab * 2.2).exp() * chord * 0.24
                }
                Sound::Pad => {
                    let swell = 0.35 + 0.3 * (TAU * beat / 16.0 - 1.0).sin();
                    let voices: f32 = [4.0, 4.02, 6.0]
                        .iter()
                        .map(|ratio| (TAU * note * ratio * second).sin())
                        .sum();
                    swell * voices * 0.3
                }
            }
        })
        .collect()
}

fn peaks(sound: Sound, bars: u32, tempo_bpm: f32, columns: usize) -> Arc<[Peak]> {
    let samples = synthesise(sound, bars, tempo_bpm);
    (0..columns)
        .map(|column| {
            let range = column * samples.len() / columns..(column + 1) * samples.len() / columns;
            samples[range]
                .iter()
                .fold((f32::MAX, f32::MIN), |(low, high), &x| {
                    (low.min(x), high.max(x))
                })
        })
        .collect()
}

fn facts(prompt: &str, seed: u64, bars: u32, tempo_bpm: f64, key: &str, total: u8) -> ClipFacts {
    ClipFacts {
        prompt: prompt.to_owned(),
        negative: None,
        edited: None,
        model: "Barline Starter".to_owned(),
        model_sha256: "6f2d".to_owned(),
        rights: "Clips belong to whoever makes them, commercial use included.".to_owned(),
        seed,
        sampling: Sampling::default(),
        precision: Precision::Q8,
        length: Length::Bars {
            bars,
            beats_per_bar: 4,
            tempo_bpm,
        },
        made_at_bpm: None,
        key: Some(key.to_owned()),
        fitted: Some(Fitted {
            grid: Grid::Steady { tempo_bpm },
            start_seconds: 0.1,
            stretch: 1.01,
            join_seconds: 0.05,
            target_lufs: -16.0,
            gain_db: 2.0,
            loudness: Loudness {
                integrated_lufs: Some(-16.0),
                true_peak_db: Some(-1.2),
            },
            key: None,
            score: Score {
                total,
                grid: 97,
                join: 93,
                level: 95,
                silence: 100,
                clipping: 100,
            },
        }),
        steps: 400,
        generate_seconds: 4.2,
        version: "0.1.0".to_owned(),
    }
}

/// A finished clip.
pub(super) fn clip(sound: Sound, prompt: &str, bars: u32, tempo_bpm: f64, key: &str) -> ClipView {
    ClipView {
        peaks: peaks(sound, bars, tempo_bpm as f32, COLUMNS),
        beats: f64::from(bars * 4),
        beats_per_bar: 4,
        tempo_bpm,
        prompt: prompt.to_owned(),
        seed: 48_151,
        facts: Some(facts(prompt, 48_151, bars, tempo_bpm, key, 94)),
    }
}

/// A slot with a finished clip.
pub(super) fn slot(sound: Sound, prompt: &str, bars: u32, tempo_bpm: f64, key: &str) -> SlotView {
    SlotView {
        clip: Some(Arc::new(clip(sound, prompt, bars, tempo_bpm, key))),
        ..SlotView::default()
    }
}

const PROMPTS: [(&str, Sound, &str); 6] = [
    (
        "dusty lo-fi drums with vinyl crackle",
        Sound::Drums,
        "A minor",
    ),
    ("round sub bass, slow glide", Sound::Bass, "A minor"),
    (
        "deep house organ stabs, off the beat",
        Sound::Chords,
        "C major",
    ),
    ("evolving analog pad, wide and dark", Sound::Pad, "F# minor"),
    ("tight funk kit, ghosted snare", Sound::Drums, "E minor"),
    ("rhodes at night, jazz voicings", Sound::Chords, "D minor"),
];

/// A list of takes, of this instance or of the library.
pub(super) fn takes(count: usize, library: bool) -> Arc<[TakeView]> {
    (0..count)
        .map(|at| {
            let (prompt, sound, key) = PROMPTS[at % PROMPTS.len()];
            let bars = [4, 2, 8, 4, 1][at % 5];
            let tempo_bpm = [84.0, 120.0, 124.0, 97.5][at % 4];
            let (made_by, rights, licence) = match at % 4 {
                2 => (
                    "MusicGen Small",
                    Rights::NonCommercial,
                    "CC-BY-NC 4.0: not for anything that is sold",
                ),
                3 => (
                    "pad.wav",
                    Rights::Unknown,
                    "A file of yours: its rights are not known",
                ),
                _ => ("Barline Starter", Rights::Commercial, "Yours, also to sell"),
            };
            TakeView {
                source: if library {
                    Source::Library(format!("{at:04x}"))
                } else {
                    Source::Take(TakeId(at as u64))
                },
                name: prompt.to_owned(),
                prompt: prompt.to_owned(),
                seed: Some(1_000 + at as u64),
                tempo_bpm: Some(tempo_bpm),
                bars: Some(bars),
                key: Some(key.to_owned()),
                score: Some(98 - 7 * (at as u32 % 5)),
                seconds: f64::from(bars) * 240.0 / tempo_bpm,
                made_by: made_by.to_owned(),
                rights,
                licence: licence.to_owned(),
                favourite: at % 3 == 0,
                tags: vec!["loop".to_owned()],
                peaks: peaks(sound, bars, tempo_bpm as f32, 64),
            }
        })
        .collect()
}

/// The shelf in all its states.
pub(super) fn shelf() -> Arc<[ModelView]> {
    let model =
        |id: &str, name: &str, good_at: &str, rights: Rights, state: ModelState| ModelView {
            id: id.to_owned(),
            name: name.to_owned(),
            good_at: good_at.to_owned(),
            licence: match rights {
                Rights::Commercial => "Everything it makes is yours, also to sell.".to_owned(),
                _ => {
                    "CC-BY-NC 4.0: what it makes must not be sold or used in anything that is sold."
                        .to_owned()
                }
            },
            rights,
            state,
            chosen: id == "starter",
            held_bytes: if id == "starter" { 64_000_000 } else { 0 },
            needs_bytes: Some(1_900_000_000),
            offer: None,
            seconds_a_bar: Some(if id == "starter" { 0.4 } else { 6.5 }),
        };
    [
        model(
            "starter",
            "Barline Starter",
            "trying things out: built in, fast, drums and simple loops",
            Rights::Commercial,
            ModelState::Here,
        ),
        model(
            "facebook/musicgen-small",
            "MusicGen Small",
            "sketches on any machine: the fastest of the published models",
            Rights::NonCommercial,
            ModelState::Fetching {
                done_bytes: 812_000_000,
                bytes: 2_360_000_000,
                bytes_per_second: Some(16_500_000.0),
                seconds_left: Some(94.0),
                doing: Doing::Coming,
            },
        ),
        model(
            "facebook/musicgen-medium",
            "MusicGen Medium",
            "long prompts: tidier than small, for about five times the work",
            Rights::NonCommercial,
            ModelState::Missing,
        ),
        model(
            "facebook/musicgen-large",
            "MusicGen Large",
            "the best that is published, for fast machines with much memory",
            Rights::NonCommercial,
            ModelState::Partial(1_300_000_000, Some(6_500_000_000)),
        ),
        model(
            "facebook/musicgen-melody",
            "MusicGen Melody",
            "following a melody that is given as sound",
            Rights::NonCommercial,
            ModelState::NotRun("Its melodies come in a later version".to_owned()),
        ),
    ]
    .into()
}

/// A session in use: five slots, one of them heard.
pub(super) fn playing(rig: &mut Rig) {
    rig.project.prompt = "dusty lo-fi drums with vinyl crackle".into();
    rig.project.genre = Some("lo-fi".into());
    rig.project.energy = Some("calm".into());
    rig.project.key = Some("A minor".into());
    rig.project.instruments = vec!["drums".into()];
    rig.project.negative = "vocals".into();
    for (at, (prompt, sound, key)) in PROMPTS[..5].iter().enumerate() {
        let bars = [4, 4, 2, 8, 4][at];
        rig.snapshot.slots[at] = slot(*sound, prompt, bars, 84.0, key);
    }
    rig.snapshot.slots[0].following = Some(Following {
        made_bpm: 84.0,
        host_bpm: 90.0,
        how: How::PitchKept,
    });
    rig.snapshot.slots[0].flips = true;
    rig.project.slots[3].layered = true;
    rig.project.slots[0].fade_out_beats = 1.0;
    rig.snapshot.takes = takes(7, false);
    rig.snapshot.history = PROMPTS
        .iter()
        .map(|(prompt, ..)| (*prompt).to_owned())
        .collect();
    rig.snapshot.can_undo = true;
    rig.live.set_host(true, Some(90.0), Some(4.0));
    rig.live.set_slot(0, SlotState::Sounding, Some(6.4));
    rig.live.set_slot(3, SlotState::Sounding, Some(22.4));
    rig.live.set_slot(2, SlotState::Waiting, None);
    rig.live.set_peaks([0.71, 0.54]);
}

/// The second of three takes being made, with others waiting.
pub(super) fn generating(rig: &mut Rig) {
    playing(rig);
    let clip = clip(
        Sound::Chords,
        "rhodes at night, jazz voicings",
        4,
        90.0,
        "D minor",
    );
    rig.project.selected = 5;
    rig.project.takes = 3;
    rig.snapshot.slots[5] = SlotView {
        clip: Some(Arc::new(ClipView {
            peaks: clip.peaks[..COLUMNS * 6 / 10].into(),
            facts: None,
            ..clip
        })),
        making: true,
        ..SlotView::default()
    };
    rig.snapshot.phase = Phase::Generating {
        step: 240,
        steps: 400,
        seconds_left: Some(7.2),
        sound_in_seconds: None,
        take: (2, 3),
    };
    let waiting = |prompt: &str, running, own| Waiting {
        prompt: prompt.to_owned(),
        model: "Barline Starter".to_owned(),
        running,
        own,
    };
    rig.snapshot.queue = [
        waiting("rhodes at night, jazz voicings", true, true),
        waiting("rhodes at night, jazz voicings", true, true),
        waiting("warehouse kick, metallic hats", false, false),
        waiting("string ostinato, film score", false, true),
    ]
    .into();
}

/// A library of many takes.
pub(super) fn library() -> LibraryView {
    LibraryView {
        takes: takes(40, true),
        total: 128,
        bytes: 5_340_000_000,
        limit_bytes: 5_000_000_000,
        prune: Some((12, 340_000_000)),
        ..LibraryView::default()
    }
}
