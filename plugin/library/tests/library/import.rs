//! Files of other programs: every format gives its samples back, and its hints.
//!
//! `sounds/sweep.mp3` and `sounds/sweep.m4a` are half a second of a sine sweep, made for this test
//! and encoded by LAME and by FFmpeg's ALAC; the other formats are written here.

use std::f64::consts::TAU;
use std::fs;
use std::io::Cursor;
use std::num::{NonZeroU8, NonZeroU32};
use std::path::{Path, PathBuf};

use barline_library::import::{self, ImportError, Imported};
use tempfile::tempdir;

const RATE_HZ: u32 = 44_100;

/// Half a second of a sweep: it is like itself at one place only.
pub(crate) fn sweep() -> Vec<f32> {
    let at = |frame: u32| {
        let time = f64::from(frame) / f64::from(RATE_HZ);
        (0.4 * (TAU * (200.0 * time + 900.0 * time * time)).sin()) as f32
    };
    (0..RATE_HZ / 2).map(at).collect()
}

fn wav(
    spec: hound::WavSpec,
    write: impl FnOnce(&mut hound::WavWriter<&mut Cursor<Vec<u8>>>),
) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a writer");
    write(&mut writer);
    writer.finalize().expect("memory");
    bytes.into_inner()
}

/// Floats by channel as a WAV file.
pub(crate) fn float_wav(channels: &[Vec<f32>]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: channels.len() as u16,
        sample_rate: RATE_HZ,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    wav(spec, |writer| {
        for frame in 0..channels[0].len() {
            for channel in channels {
                writer.write_sample(channel[frame]).expect("memory");
            }
        }
    })
}

fn integer_wav(samples: &[f32], bits: u16) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: bits,
        sample_format: hound::SampleFormat::Int,
    };
    let full = 2f64.powi(i32::from(bits) - 1);
    wav(spec, |writer| {
        for &sample in samples {
            writer
                .write_sample((f64::from(sample) * full).round() as i32)
                .expect("memory");
        }
    })
}

/// A WAV file with one more chunk behind its samples.
fn with_chunk(mut wav: Vec<u8>, name: &[u8; 4], chunk: &[u8]) -> Vec<u8> {
    wav.extend(name);
    wav.extend((chunk.len() as u32).to_le_bytes());
    wav.extend(chunk);
    let bytes = wav.len() as u32 - 8;
    wav[4..8].copy_from_slice(&bytes.to_le_bytes());
    wav
}

fn acid_chunk(flags: u32, beats: u32, tempo_bpm: f32) -> Vec<u8> {
    let mut chunk = flags.to_le_bytes().to_vec();
    chunk.extend([60, 0, 0, 0x80, 0, 0, 0, 0]);
    chunk.extend(beats.to_le_bytes());
    chunk.extend([4, 0, 4, 0]);
    chunk.extend(tempo_bpm.to_bits().to_le_bytes());
    chunk
}

pub(crate) fn flac(samples: &[f32]) -> Vec<u8> {
    use flac_codec::encode::{FlacSampleWriter, Options};
    let samples: Vec<i32> = samples
        .iter()
        .map(|&sample| (f64::from(sample) * 32768.0).round() as i32)
        .collect();
    let options = Options::default()
        .tag("BPM", "97,5")
        .tag("TITLE", "Sweep")
        .tag("INITIALKEY", "Am");
    let mut bytes = Cursor::new(Vec::new());
    let total = samples.len() as u64;
    let mut writer = FlacSampleWriter::new(&mut bytes, options, RATE_HZ, 16u32, 1, Some(total))
        .expect("a writer");
    writer.write(&samples).expect("memory");
    writer.finalize().expect("memory");
    bytes.into_inner()
}

pub(crate) fn ogg(samples: &[f32]) -> Vec<u8> {
    let rate_hz = NonZeroU32::new(RATE_HZ).expect("a rate");
    let channels = NonZeroU8::new(1).expect("a channel");
    let mut builder =
        vorbis_rs::VorbisEncoderBuilder::new_with_serial(rate_hz, channels, Vec::new(), 1);
    let mut encoder = builder.build().expect("an encoder");
    encoder.encode_audio_block([samples]).expect("memory");
    encoder.finish().expect("memory")
}

pub(crate) fn aiff(samples: &[f32]) -> Vec<u8> {
    let mut common = 1u16.to_be_bytes().to_vec();
    common.extend((samples.len() as u32).to_be_bytes());
    common.extend(16u16.to_be_bytes());
    // 44.1 kHz as a float of 80 bits.
    common.extend([0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0]);
    let mut sound = vec![0; 8];
    for &sample in samples {
        sound.extend(((f64::from(sample) * 32768.0).round() as i16).to_be_bytes());
    }
    let mut body = b"AIFF".to_vec();
    for (name, chunk) in [(b"COMM", common), (b"SSND", sound)] {
        body.extend(name);
        body.extend((chunk.len() as u32).to_be_bytes());
        body.extend(chunk);
    }
    let mut bytes = b"FORM".to_vec();
    bytes.extend((body.len() as u32).to_be_bytes());
    bytes.extend(body);
    bytes
}

/// A sound that lies beside the tests.
pub(crate) fn sound(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sounds")
        .join(name)
}

fn read_bytes(name: &str, bytes: &[u8]) -> Result<Imported, ImportError> {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a file");
    import::read(&path)
}

/// The largest difference between two sounds of the same length.
fn difference(one: &[f32], two: &[f32]) -> f32 {
    assert_eq!(one.len(), two.len());
    let pairs = one.iter().zip(two);
    pairs
        .map(|(one, two)| (one - two).abs())
        .fold(0.0, f32::max)
}

#[test]
fn formats_without_loss_give_every_sample_back() {
    let sweep = sweep();
    let check = |name: &str, bytes: &[u8], most: f32| {
        let imported = read_bytes(name, bytes).expect(name);
        assert_eq!(
            (imported.rate_hz, imported.channels.len()),
            (RATE_HZ, 1),
            "{name}"
        );
        assert_eq!(
            (imported.seconds, imported.silenced_samples),
            (0.5, 0),
            "{name}"
        );
        let difference = difference(&imported.channels[0], &sweep);
        assert!(difference <= most, "{name}: {difference}");
    };
    check("float.wav", &float_wav(std::slice::from_ref(&sweep)), 0.0);
    check("16.wav", &integer_wav(&sweep, 16), 0.5001 / 32768.0);
    check("24.wav", &integer_wav(&sweep, 24), 0.51 / 8_388_608.0);
    check("8.wav", &integer_wav(&sweep, 8), 0.5001 / 128.0);
    check("a.flac", &flac(&sweep), 0.5001 / 32768.0);
    check("a.aiff", &aiff(&sweep), 0.5001 / 32768.0);
    check(
        "a.m4a",
        &fs::read(sound("sweep.m4a")).expect("a file"),
        1.0 / 32768.0,
    );
    // The first bytes decide, not the name.
    check("flac.wav", &flac(&sweep), 0.5001 / 32768.0);
    check("no ending", &aiff(&sweep), 0.5001 / 32768.0);
}

#[test]
fn formats_with_loss_keep_their_place_to_the_sample() {
    let sweep = sweep();
    for (name, bytes) in [
        ("a.mp3", fs::read(sound("sweep.mp3")).expect("a file")),
        ("a.ogg", ogg(&sweep)),
    ] {
        let imported = read_bytes(name, &bytes).expect(name);
        let heard = &imported.channels[0];
        // No delay before and no padding behind: a loop stays a loop.
        assert_eq!(heard.len(), sweep.len(), "{name}");
        let likeness = |shift: usize| {
            let pairs = heard[shift..].iter().zip(&sweep);
            let dot: f32 = pairs.map(|(one, two)| one * two).sum();
            dot / sweep.iter().map(|sample| sample * sample).sum::<f32>()
        };
        // LAME makes it a little quieter.
        assert!(likeness(0) > 0.93, "{name}: {}", likeness(0));
        let best = (0..2000).max_by(|&one, &two| likeness(one).total_cmp(&likeness(two)));
        assert_eq!(best, Some(0), "{name}");
    }
}

#[test]
fn hints_are_read_from_every_place() {
    let sweep = sweep();
    let mp3 = import::read(&sound("sweep.mp3")).expect("sound");
    assert_eq!((mp3.title.as_str(), mp3.tempo_bpm), ("Sweep", Some(97.5)));
    assert_eq!(mp3.key.as_deref(), Some("Am"));
    let flac = read_bytes("a.flac", &flac(&sweep)).expect("sound");
    assert_eq!((flac.title.as_str(), flac.tempo_bpm), ("Sweep", Some(97.5)));
    assert_eq!(flac.key.as_deref(), Some("Am"));
    let plain = integer_wav(&sweep, 16);
    let acid = |flags, beats, tempo| {
        let bytes = with_chunk(plain.clone(), b"acid", &acid_chunk(flags, beats, tempo));
        let imported = read_bytes("a loop.wav", &bytes).expect("sound");
        assert_eq!(imported.title, "a loop");
        (imported.tempo_bpm, imported.beats)
    };
    assert_eq!(acid(0, 1, 120.0), (Some(120.0), Some(1)));
    // Rounded by whoever wrote it: the beats and the length are exact.
    assert_eq!(acid(0, 1, 119.7), (Some(120.0), Some(1)));
    assert_eq!(acid(0, 4, 97.5), (Some(97.5), Some(4)));
    assert_eq!(acid(1, 4, 120.0), (None, None));
    assert_eq!(acid(0, 0, 120.0), (None, None));
    assert_eq!(acid(0, 4, f32::NAN), (None, None));
    let named = read_bytes("drums_87.5bpm_Am.wav", &plain).expect("sound");
    assert_eq!(named.tempo_bpm, Some(87.5));
    assert_eq!(
        read_bytes("drums.wav", &plain).expect("sound").tempo_bpm,
        None
    );
}

#[test]
fn what_is_no_number_becomes_silence_and_is_told() {
    let mut odd = sweep();
    (odd[10], odd[11], odd[12]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY);
    let imported = read_bytes("odd.wav", &float_wav(&[odd])).expect("sound");
    assert_eq!(imported.silenced_samples, 3);
    assert_eq!(imported.channels[0][10..13], [0.0; 3]);
    assert!(imported.channels[0].iter().all(|sample| sample.is_finite()));
}

#[test]
fn many_channels_become_two() {
    let sweep = sweep();
    let silence = vec![0.0; sweep.len()];
    let mut channels = vec![silence; 6];
    channels[1] = sweep;
    let imported = read_bytes("surround.wav", &float_wav(&channels)).expect("sound");
    assert_eq!(imported.channels.len(), 2);
    assert!(imported.channels[1].iter().any(|sample| sample.abs() > 0.1));
    assert!(imported.channels[0].iter().all(|&sample| sample == 0.0));
}

#[test]
fn what_gives_no_sound_is_one_message() {
    let folder = tempdir().expect("a folder");
    let check = |result: Result<Imported, ImportError>, word: &str| {
        let text = result.expect_err(word).to_string();
        assert!(text.contains(word) && !text.contains('\n'), "{text}");
    };
    check(import::read(folder.path()), "is no file");
    check(
        import::read(&folder.path().join("missing.wav")),
        "cannot read",
    );
    check(
        read_bytes("text.wav", b"just some text that is no sound"),
        "convert it",
    );
    check(read_bytes("nothing.wav", b""), "convert it");
    check(
        read_bytes("empty.wav", &integer_wav(&[], 16)),
        "has no sound",
    );
    let whole = integer_wav(&sweep(), 16);
    check(
        read_bytes("cut.wav", &whole[..whole.len() / 2]),
        "ends early",
    );
    let whole = flac(&sweep());
    check(read_bytes("cut.flac", &whole[..whole.len() / 2]), "damaged");
    let whole = aiff(&sweep());
    check(
        read_bytes("cut.aiff", &whole[..whole.len() / 2]),
        "ends early",
    );
    let whole = fs::read(sound("sweep.m4a")).expect("a file");
    check(read_bytes("cut.m4a", &whole[..whole.len() / 2]), "cut.m4a");
    let long = hound::WavSpec {
        channels: 1,
        sample_rate: 4000,
        bits_per_sample: 8,
        sample_format: hound::SampleFormat::Int,
    };
    let long = wav(long, |writer| {
        for _ in 0..4000 * 601 {
            writer.write_sample(0i8).expect("memory");
        }
    });
    check(read_bytes("long.wav", &long), "too long");
}

#[cfg(unix)]
#[test]
fn a_pipe_does_not_hang_the_import() {
    let folder = tempdir().expect("a folder");
    let pipe = folder.path().join("pipe.wav");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if made.is_ok_and(|status| status.success()) {
        let error = import::read(&pipe).expect_err("a pipe");
        assert!(matches!(error, ImportError::NoFile { .. }), "{error}");
    }
}
