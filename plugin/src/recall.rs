//! A finished clip as text inside a project: FLAC in base64, and back.
//!
//! Session thread. 24 bits, so that a WAV of 24 bits saved after a project was opened again is
//! the one from before but for its last bit; at 16 bits it would not be. A mono loop takes
//! about 80 kB a second in the state. The other way, the clip's tokens (0.3 kB a second) decoded
//! on load, needs the very model that made them on every machine that opens the project.

use std::io::Cursor;

use barline_engine::{Clip, file};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flac_codec::decode::FlacSampleReader;
use flac_codec::metadata::Metadata;

use crate::state::SavedClip;

const BITS: u16 = 24;
/// Full scale of 24-bit samples.
const SCALE: f32 = 8_388_608.0;
/// No clip is longer than this; a file that says so is not one of ours.
const MAX_FRAMES: u64 = 192_000 * 600;

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
}

/// Samples of a clip that was kept in a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// Sample rate.
    pub rate_hz: u32,
    /// Samples by channel, 1 or 2, of equal lengths.
    pub channels: Vec<Vec<f32>>,
}

/// Packs a clip.
///
/// # Errors
/// [`RecallError::Encode`] when the encoder refuses it.
pub fn pack(clip: &Clip) -> Result<SavedClip, RecallError> {
    let fail = |what: String| RecallError::Encode(what);
    let frames = clip.frames();
    if frames == 0 || clip.channels.iter().any(|channel| channel.len() != frames) {
        return Err(fail("it is empty".into()));
    }
    let mut flac = Cursor::new(Vec::new());
    file::encode_flac(&mut flac, clip.rate_hz, BITS, &clip.channels, &[])
        .map_err(|error| fail(error.to_string()))?;
    Ok(SavedClip {
        flac: STANDARD.encode(flac.into_inner()),
        facts: clip.facts.clone(),
    })
}

/// Unpacks a clip.
///
/// # Errors
/// [`RecallError::Decode`] when it is not what [`pack`] makes.
pub fn unpack(saved: &SavedClip) -> Result<Recalled, RecallError> {
    let fail = |what: String| RecallError::Decode(what);
    let bytes = STANDARD
        .decode(&saved.flac)
        .map_err(|error| fail(error.to_string()))?;
    let mut reader =
        FlacSampleReader::new(Cursor::new(bytes)).map_err(|error| fail(error.to_string()))?;
    let info = reader.metadata();
    let (rate_hz, count) = (info.sample_rate(), usize::from(info.channel_count()));
    let frames = info.total_samples().unwrap_or(0);
    if info.bits_per_sample() != u32::from(BITS)
        || !(1..=2).contains(&count)
        || !(1..=MAX_FRAMES).contains(&frames)
        || !(8_000..=192_000).contains(&rate_hz)
    {
        return Err(fail("it is not in the form that Barline writes".into()));
    }
    // The length in the header is not to be trusted with memory: the vectors grow.
    let mut samples = Vec::new();
    reader
        .read_to_end(&mut samples)
        .map_err(|error| fail(error.to_string()))?;
    let channels: Vec<Vec<f32>> = (0..count)
        .map(|channel| samples.iter().skip(channel).step_by(count))
        .map(|channel| channel.map(|sample| *sample as f32 / SCALE).collect())
        .collect();
    if channels
        .iter()
        .any(|channel| channel.len() as u64 != frames)
    {
        return Err(fail("it is cut off".into()));
    }
    Ok(Recalled { rate_hz, channels })
}

#[cfg(test)]
pub(crate) mod tests {
    use barline_engine::{ClipFacts, Length, Sampling};

    use super::*;

    /// Facts of a clip that nobody made, for the tests of the whole crate.
    pub(crate) fn facts() -> ClipFacts {
        ClipFacts {
            made_at_bpm: None,
            prompt: "drums, 120 bpm".into(),
            model: "starter".into(),
            model_sha256: "00".into(),
            rights: "yours".into(),
            seed: 7,
            sampling: Sampling::default(),
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

    #[test]
    fn damage_is_an_error() {
        let good = pack(&clip(vec![hard_channel(0.0)])).unwrap();
        let cut = good.flac[..good.flac.len() / 2].to_owned();
        let wav = STANDARD.encode(b"RIFF....WAVE");
        for flac in [cut, wav, String::new(), "not base64!".to_owned()] {
            let bad = SavedClip {
                flac,
                ..good.clone()
            };
            assert!(matches!(unpack(&bad), Err(RecallError::Decode(_))));
        }
        assert!(pack(&clip(vec![Vec::new()])).is_err());
    }
}
