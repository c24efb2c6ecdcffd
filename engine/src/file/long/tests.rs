//! Long files in each format, and WAV's 64-bit form on short ones.
//!
//! Test threads.

use vorbis_rs::VorbisDecoder;

use super::*;

const RATE_HZ: u32 = 48_000;
const FRAMES: usize = 30_001;

fn form(format: LongFormat, depth: Depth) -> LongForm {
    LongForm {
        format,
        rate_hz: RATE_HZ,
        channels: 2,
        frames: FRAMES as u64,
        depth,
        quality: 6.0,
        riff_bytes: u32::MAX,
    }
}

fn facts() -> LongFacts {
    LongFacts {
        words: Words {
            title: "dusty <drums>".into(),
            comment: "made of loop.wav".into(),
            rights: "yours".into(),
            software: "Barline 1.2.3".into(),
        },
        tempo_bpm: 97.5,
        beats_per_bar: 4,
        beats: 40,
        key: "F#m".parse().ok(),
        loops: true,
        story: "{\"seed\":7}".into(),
    }
}

fn sound() -> Vec<Vec<f32>> {
    let channel = |hz: f32| {
        let wave = |at: usize| (at as f32 * hz * std::f32::consts::TAU / RATE_HZ as f32).sin();
        (0..FRAMES).map(|at| 0.5 * wave(at)).collect()
    };
    vec![channel(220.0), channel(330.0)]
}

/// Writes the sound in uneven blocks.
fn write(path: &Path, form: LongForm) -> Result<(), FileError> {
    let mut file = LongFile::create(path, form, facts())?;
    let sound = sound();
    for start in (0..FRAMES).step_by(7_001) {
        let end = (start + 7_001).min(FRAMES);
        let block: Vec<Vec<f32>> = sound.iter().map(|c| c[start..end].to_vec()).collect();
        file.write(&block)?;
    }
    let marker = Marker {
        frame: 12_000,
        label: "sweep".into(),
    };
    file.finish(&[marker])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[test]
fn a_short_wav_is_an_ordinary_one() {
    let folder = tempfile::tempdir().expect("a folder");
    for depth in [Depth::Int16, Depth::Int24, Depth::Float32] {
        let path = folder.path().join("long.wav");
        write(&path, form(LongFormat::Wav, depth)).expect("written");
        let bytes = std::fs::read(&path).expect("read");
        assert_eq!(
            (&bytes[..4], &bytes[8..16]),
            (&b"RIFF"[..], &b"WAVEJUNK"[..])
        );
        assert_eq!(word(&bytes, 4) as usize + 8, bytes.len());
        let (rate_hz, channels) = super::super::read(&path).expect("a sound");
        assert_eq!(rate_hz, RATE_HZ);
        let step = if depth == Depth::Float32 {
            0.0
        } else {
            1.0 / 32_768.0
        };
        for (got, wanted) in channels.iter().flatten().zip(sound().iter().flatten()) {
            assert!((got - wanted).abs() <= step);
        }
        assert_eq!(channels[0].len(), FRAMES);
        for id in [
            &b"acid"[..],
            b"smpl",
            b"cue ",
            b"bext",
            b"sweep\0",
            b"STORY",
        ] {
            assert!(bytes.windows(id.len()).any(|part| part == id), "no {id:?}");
        }
    }
}

#[test]
fn a_wav_that_outgrew_32_bits_is_rf64() {
    let folder = tempfile::tempdir().expect("a folder");
    let (short, long) = (
        folder.path().join("short.wav"),
        folder.path().join("long.wav"),
    );
    // One channel of 24 bits and an odd number of frames: padded to an even length.
    let limited = LongForm {
        riff_bytes: 60_000,
        ..form(LongFormat::Wav, Depth::Int24)
    };
    write(&short, form(LongFormat::Wav, Depth::Int24)).expect("written");
    write(&long, limited).expect("written");
    let (riff, rf64) = (
        std::fs::read(short).expect("read"),
        std::fs::read(long).expect("read"),
    );
    assert_eq!(riff.len(), rf64.len());
    assert_eq!(&rf64[..16], b"RF64\xff\xff\xff\xffWAVEds64");
    assert_eq!(word(&rf64, 16), 28);
    let wide = |at: usize| u64::from(word(&rf64, at)) | u64::from(word(&rf64, at + 4)) << 32;
    assert_eq!(wide(20) as usize, rf64.len() - 8);
    assert_eq!(wide(28) as usize, FRAMES * 6);
    assert_eq!(wide(36) as usize, FRAMES);
    assert_eq!(word(&rf64, 44), 0, "a table");
    let data = riff.windows(4).position(|id| id == b"data").expect("data");
    assert_eq!(&rf64[data..data + 8], b"data\xff\xff\xff\xff");
    // But for the sizes they are one file.
    assert_eq!(riff[48..data], rf64[48..data]);
    assert_eq!(riff[data + 8..], rf64[data + 8..]);
}

#[test]
fn flac_holds_the_same_samples() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.flac");
    write(&path, form(LongFormat::Flac, Depth::Int24)).expect("written");
    let (rate_hz, channels) = super::super::read(&path).expect("a sound");
    assert_eq!((rate_hz, channels[1].len()), (RATE_HZ, FRAMES));
    for (got, wanted) in channels.iter().flatten().zip(sound().iter().flatten()) {
        assert!((got - wanted).abs() <= 1.0 / 8_388_608.0);
    }
    let bytes = std::fs::read(&path).expect("read");
    for text in [
        "BPM=97.5",
        "INITIALKEY=F# minor",
        "LOOPLENGTH=30001",
        "{\"seed\":7}",
    ] {
        let found = bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes());
        assert!(found, "no {text}");
    }
    let float = write(&path, form(LongFormat::Flac, Depth::Float32));
    assert!(matches!(float, Err(FileError::Float { .. })));
}

#[test]
fn ogg_is_as_long_and_sounds_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, again) = (
        folder.path().join("long.ogg"),
        folder.path().join("again.ogg"),
    );
    write(&path, form(LongFormat::Ogg, Depth::Int24)).expect("written");
    write(&again, form(LongFormat::Ogg, Depth::Int24)).expect("written");
    let bytes = std::fs::read(&path).expect("read");
    assert!(
        bytes == std::fs::read(&again).expect("read"),
        "two files of one piece"
    );
    let mut decoder = VorbisDecoder::<&[u8]>::new(bytes.as_slice()).expect("an Ogg file");
    for text in ["INITIALKEY=F# minor", "TITLE=dusty <drums>"] {
        let found = bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes());
        assert!(found, "no {text}");
    }
    let mut out = vec![Vec::new(); 2];
    while let Some(block) = decoder.decode_audio_block().expect("decoded") {
        for (out, samples) in out.iter_mut().zip(block.samples()) {
            out.extend_from_slice(samples);
        }
    }
    assert_eq!(out[0].len(), FRAMES);
    let power =
        |samples: &mut dyn Iterator<Item = f32>| samples.map(|x| f64::from(x * x)).sum::<f64>();
    let sound = sound();
    for (out, sound) in out.iter().zip(&sound) {
        let noise = power(&mut out.iter().zip(sound).map(|(a, b)| a - b));
        let signal = power(&mut sound.iter().copied());
        assert!(noise < 0.01 * signal, "{noise} of {signal}");
    }
}

#[test]
fn what_is_not_finished_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    for format in [LongFormat::Wav, LongFormat::Flac, LongFormat::Ogg] {
        let path = folder.path().join("long");
        let made = LongFile::create(&path, form(format, Depth::Int16), facts());
        let mut file = made.expect("begun");
        file.write(&sound()).expect("written");
        let there = || std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(there(), 1);
        drop(file);
        assert_eq!(there(), 0, "{format:?}");
    }
}

#[test]
fn a_disk_that_is_too_small_is_known_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let endless = LongForm {
        frames: 1 << 50,
        ..form(LongFormat::Wav, Depth::Int24)
    };
    let refused = LongFile::create(&folder.path().join("long.wav"), endless, facts()).err();
    assert!(
        matches!(refused, Some(FileError::NoRoom { .. })),
        "{refused:?}"
    );
    let odd = LongForm {
        rate_hz: 384_000,
        frames: 1,
        ..form(LongFormat::Ogg, Depth::Int24)
    };
    let refused = LongFile::create(&folder.path().join("long.ogg"), odd, facts()).err();
    assert!(
        matches!(refused, Some(FileError::Refused { .. })),
        "{refused:?}"
    );
}
