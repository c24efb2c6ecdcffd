//! A finished clip and its raw take as text inside a project: FLAC in base64, and back.
//!
//! Session thread. 24 bits, so that a WAV of 24 bits saved after a project was opened again is
//! the one from before but for its last bit; at 16 bits it would not be. A mono take takes
//! about 80 kB a second in the state. The other way, the clip's tokens (0.3 kB a second) decoded
//! on load, needs the very model that made them on every machine that opens the project.
//!
//! The take comes along, to be fitted to another tempo, to the bit as it was fitted the first time (see
//! `barline_engine::fit::raw`): what is heard and exported at another tempo is the same after the
//! project was opened again. The loop comes along too, as its difference from the take: cut anew
//! from it on load, it would sound different after every change to the fit.

use std::io::Cursor;

use barline_engine::fit::raw;
use barline_engine::{Clip, file};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flac_codec::decode::FlacSampleReader;
use flac_codec::metadata::Metadata;

pub use self::prediction::Prediction;
use crate::state::{SavedClip, SavedRaw};

mod prediction;

const BITS: u16 = 24;
/// Full scale of 24-bit samples.
const SCALE: f32 = 8_388_608.0;
/// No clip has more samples than this: ten minutes of stereo at 96 kHz, as when a file is imported. A
/// file that says so is not one of ours.
const MAX_SAMPLES: u64 = 2 * 600 * 96_000;

/// Why a clip can't be kept in the project or taken out of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecallError {
    /// The encoder refused it.
    #[error(
        "the clip cannot be kept in the project ({0}): save it as WAV, or it has to be made again when the project is opened"
    )]
    Encode(String),
    /// What is in the project is not a clip of ours.
    #[error(
        "the clip in the project cannot be read ({0}): generate it again, its prompt and seed are kept"
    )]
    Decode(String),
    /// It was over the limit when the project was saved.
    #[error("the clip did not come along with the project: make it again")]
    Behind,
}

/// Samples of a clip that was kept in a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// Sample rate.
    pub rate_hz: u32,
    /// Samples by channel, 1 or 2, of equal lengths.
    pub channels: Vec<Vec<f32>>,
    /// The take that it was cut from; `None` in projects of before takes were kept.
    pub raw: Option<Vec<Vec<f32>>>,
}

/// Packs a clip.
///
/// # Errors
/// [`RecallError::Encode`] when the encoder refuses it.
pub fn pack(clip: &Clip) -> Result<SavedClip, RecallError> {
    let fitted = whole_numbers(&clip.channels, 1.0);
    let Some(take) = &clip.raw else {
        return Ok(SavedClip {
            flac: Some(encode(clip.rate_hz, &fitted)?),
            raw: None,
            library: None,
            facts: clip.facts.clone(),
        });
    };
    let halvings = raw::halvings(take);
    let scale = raw::scale(halvings);
    let take = whole_numbers(take, scale);
    let prediction = Prediction::of(&clip.facts, clip.rate_hz, scale);
    let pairs = fitted.iter().zip(&take);
    let left: Vec<Vec<i32>> = pairs
        .map(|(channel, take)| prediction.take_from(channel, take))
        .collect();
    Ok(SavedClip {
        flac: Some(encode(clip.rate_hz, &left)?),
        library: None,
        raw: Some(SavedRaw {
            flac: encode(clip.rate_hz, &take)?,
            halvings,
            prediction,
        }),
        facts: clip.facts.clone(),
    })
}

/// Unpacks a clip.
///
/// # Errors
/// [`RecallError::Decode`] when it is not what [`pack`] makes.
pub fn unpack(saved: &SavedClip) -> Result<Recalled, RecallError> {
    let flac = saved.flac.as_ref().ok_or(RecallError::Behind)?;
    let (rate_hz, mut fitted) = decode(flac)?;
    let mut raw = None;
    if let Some(kept) = &saved.raw {
        let (raw_rate_hz, take) = decode(&kept.flac)?;
        if (raw_rate_hz, take.len()) != (rate_hz, fitted.len()) {
            let what = "the take is not the clip's".to_owned();
            return Err(RecallError::Decode(what));
        }
        for (channel, take) in fitted.iter_mut().zip(&take) {
            *channel = kept.prediction.add_to(channel, take);
        }
        raw = Some(samples(&take, raw::scale(kept.halvings)));
    }
    Ok(Recalled {
        rate_hz,
        channels: samples(&fitted, 1.0),
        raw,
    })
}

/// Samples of 24 bits, the highest of which is `scale`.
fn whole_numbers(channels: &[Vec<f32>], scale: f32) -> Vec<Vec<i32>> {
    let whole = |sample: &f32| (sample / scale * SCALE).round().clamp(-SCALE, SCALE - 1.0) as i32;
    let channels = channels.iter();
    channels
        .map(|channel| channel.iter().map(whole).collect())
        .collect()
}

fn samples(channels: &[Vec<i32>], scale: f32) -> Vec<Vec<f32>> {
    let sample = |whole: &i32| *whole as f32 / SCALE * scale;
    let channels = channels.iter();
    channels
        .map(|channel| channel.iter().map(sample).collect())
        .collect()
}

fn encode(rate_hz: u32, channels: &[Vec<i32>]) -> Result<String, RecallError> {
    let frames = channels.first().map_or(0, Vec::len);
    if frames == 0 || channels.iter().any(|channel| channel.len() != frames) {
        return Err(RecallError::Encode("it is empty".into()));
    }
    let mut flac = Cursor::new(Vec::new());
    // Samples of 24 bits are the same as floats.
    file::encode_flac(&mut flac, rate_hz, BITS, &samples(channels, 1.0), &[])
        .map_err(|error| RecallError::Encode(error.to_string()))?;
    Ok(STANDARD.encode(flac.into_inner()))
}

/// Rate and samples by channel, 1 or 2, of equal lengths.
fn decode(flac: &str) -> Result<(u32, Vec<Vec<i32>>), RecallError> {
    let bytes = STANDARD
        .decode(flac)
        .map_err(|error| RecallError::Decode(error.to_string()))?;
    // flac-codec 1.3.3 panics on some damage instead of saying so (sums that overflow, in debug
    // builds): the clip is lost then, and the instance is not.
    std::panic::catch_unwind(|| read(bytes))
        .unwrap_or_else(|_| Err(RecallError::Decode("it is damaged".into())))
}

fn read(bytes: Vec<u8>) -> Result<(u32, Vec<Vec<i32>>), RecallError> {
    let fail = |what: String| RecallError::Decode(what);
    let mut reader =
        FlacSampleReader::new(Cursor::new(bytes)).map_err(|error| fail(error.to_string()))?;
    let info = reader.metadata();
    let (rate_hz, count) = (info.sample_rate(), usize::from(info.channel_count()));
    let frames = info.total_samples().unwrap_or(0);
    if info.bits_per_sample() != u32::from(BITS)
        || !(1..=2).contains(&count)
        || !(1..=MAX_SAMPLES / count as u64).contains(&frames)
        || !(8_000..=192_000).contains(&rate_hz)
    {
        return Err(fail("it is not in the form that Barline writes".into()));
    }
    // The length in the header is not to be trusted with memory: the vectors grow.
    let mut samples = Vec::new();
    reader
        .read_to_end(&mut samples)
        .map_err(|error| fail(error.to_string()))?;
    let channels: Vec<Vec<i32>> = (0..count)
        .map(|channel| samples.iter().skip(channel).step_by(count))
        .map(|channel| channel.copied().collect())
        .collect();
    if channels
        .iter()
        .any(|channel| channel.len() as u64 != frames)
    {
        return Err(fail("it is cut off".into()));
    }
    Ok((rate_hz, channels))
}

#[cfg(test)]
pub(crate) mod tests {
    use barline_engine::{ClipFacts, Length, Precision, Sampling};

    use super::*;

    /// Facts of a clip that nobody made, for the tests of the whole crate.
    pub(crate) fn facts() -> ClipFacts {
        ClipFacts {
            made_at_bpm: None,
            edited: None,
            prompt: "drums, 120 bpm".into(),
            negative: None,
            model: "starter".into(),
            model_sha256: "00".into(),
            rights: "yours".into(),
            seed: 7,
            sampling: Sampling::default(),
            precision: Precision::Q8,
            length: Length::Bars {
                bars: 1,
                beats_per_bar: 4,
                tempo_bpm: 120.0,
            },
            key: None,
            fitted: None,
            steps: 100,
            generate_seconds: 1.0,
            version: "0.1.0".into(),
        }
    }

    fn clip(channels: Vec<Vec<f32>>) -> Clip {
        Clip {
            rate_hz: 32_000,
            channels,
            codes: Vec::new(),
            frame_rate_hz: 50.0,
            raw: None,
            facts: facts(),
        }
    }

    /// Loud, quiet, silent, beyond full scale, of a length that fills no block.
    fn hard_channel(seed: f32) -> Vec<f32> {
        (0..10_007)
            .map(|i| {
                let t = i as f32 * 0.05 + seed;
                match i / 2_000 {
                    0 => 0.0,
                    1 => t.sin() * 1e-6,
                    2 => t.sin() * 1.2,
                    3 => (t * t).sin() * 0.9,
                    _ => t.sin() * 0.3,
                }
            })
            .collect()
    }

    #[test]
    fn a_clip_survives_to_24_bits() {
        for channels in [
            vec![hard_channel(0.0)],
            vec![hard_channel(0.0), hard_channel(1.0)],
        ] {
            let clip = clip(channels);
            let back = unpack(&pack(&clip).unwrap()).unwrap();
            assert_eq!(
                (back.rate_hz, back.channels.len()),
                (32_000, clip.channels.len())
            );
            for (a, b) in clip
                .channels
                .iter()
                .flatten()
                .zip(back.channels.iter().flatten())
            {
                assert!(
                    (a.clamp(-1.0, 1.0) - b).abs() <= 1.0 / SCALE,
                    "{a} became {b}"
                );
            }
            // What came back is kept to the bit from then on.
            let again = Clip {
                channels: back.channels.clone(),
                ..clip
            };
            assert_eq!(unpack(&pack(&again).unwrap()).unwrap(), back);
        }
    }

    /// A loop that is the take from a frame on, louder; or, stretched, anything.
    fn with_take(stretch: f64, take: Vec<f32>) -> Clip {
        let gain_db = 3.52;
        let gain = 10f32.powf(gain_db as f32 / 20.0);
        let mut take = vec![take];
        raw::round(&mut take);
        let channel = take[0][320..8_320].iter().map(|x| x * gain).collect();
        let fitted = serde_json::json!({
            "grid": "Free", "start_seconds": 0.01, "stretch": stretch, "join_seconds": 0.0,
            "target_lufs": -14.0, "gain_db": gain_db, "key": null,
            "loudness": { "integrated_lufs": -14.0, "true_peak_db": -1.0 },
            "score": { "total": 1, "grid": 1, "join": 1, "level": 1, "silence": 1, "clipping": 1 },
        });
        Clip {
            raw: Some(take),
            facts: ClipFacts {
                fitted: Some(serde_json::from_value(fitted).unwrap()),
                ..facts()
            },
            ..clip(vec![channel])
        }
    }

    #[test]
    fn a_take_comes_back_to_the_bit_and_its_loop_with_it() {
        let quiet = |channel: Vec<f32>| channel.iter().map(|x| x * 0.5).collect();
        for stretch in [1.0, 1.03] {
            for take in [hard_channel(0.0), quiet(hard_channel(1.0))] {
                let clip = with_take(stretch, take);
                let saved = pack(&clip).unwrap();
                let back = unpack(&saved).unwrap();
                assert_eq!(back.raw, clip.raw);
                for (a, b) in clip.channels[0].iter().zip(&back.channels[0]) {
                    assert!(
                        (a.clamp(-1.0, 1.0) - b).abs() <= 1.0 / SCALE,
                        "{a} became {b}"
                    );
                }
            }
        }
        // What the take says of the loop is not kept twice.
        let size = |stretch| {
            let saved = pack(&with_take(stretch, hard_channel(0.3))).unwrap();
            saved.flac.as_ref().unwrap().len()
        };
        assert!(
            size(1.0) < size(1.03) / 2,
            "{} of {}",
            size(1.0),
            size(1.03)
        );
    }

    #[test]
    fn damage_is_an_error() {
        let good = pack(&clip(vec![hard_channel(0.0)])).unwrap();
        let cut = good.flac.clone().unwrap()[..1000].to_owned();
        let wav = STANDARD.encode(b"RIFF....WAVE");
        for flac in [cut, wav, String::new(), "not base64!".to_owned()] {
            let bad = SavedClip {
                flac: Some(flac),
                ..good.clone()
            };
            assert!(matches!(unpack(&bad), Err(RecallError::Decode(_))));
        }
        assert!(pack(&clip(vec![Vec::new()])).is_err());
        let whole = pack(&with_take(1.0, hard_channel(0.0))).unwrap();
        let damaged = |damage: fn(&mut SavedRaw)| {
            let mut bad = whole.clone();
            damage(bad.raw.as_mut().unwrap());
            assert!(matches!(unpack(&bad), Err(RecallError::Decode(_))));
        };
        damaged(|raw| raw.flac.truncate(raw.flac.len() / 2));
        damaged(|raw| raw.flac.clear());
        let stereo = pack(&clip(vec![hard_channel(0.0), hard_channel(1.0)])).unwrap();
        let mut bad = whole.clone();
        bad.flac = stereo.flac;
        assert!(matches!(unpack(&bad), Err(RecallError::Decode(_))));
    }
}
