//! What is in a file, piece by piece, and that it comes back.
//!
//! Test threads.

use super::*;
use crate::event::ClipFacts;
use crate::request::{Length, Precision, Sampling};

fn recipe(rate_hz: u32, depth: Depth, length: Length) -> Recipe {
    Recipe {
        facts: ClipFacts {
            made_at_bpm: None,
            edited: None,
            prompt: "dusty <drums> & \"bass\", 90 bpm, A minor".into(),
            negative: Some("crowd & <noise>".into()),
            model: "starter".into(),
            model_sha256: "ab".repeat(32),
            rights: "yours".into(),
            seed: u64::MAX,
            sampling: Sampling::default(),
            precision: Precision::Q8,
            length,
            key: Some("A minor".into()),
            fitted: None,
            steps: 7,
            generate_seconds: 0.1 + 0.2,
            version: "1.2.3".into(),
        },
        rate_hz,
        depth,
    }
}

const ONE_BAR: Length = Length::Bars {
    bars: 1,
    beats_per_bar: 3,
    tempo_bpm: 90.0,
};

/// Id and body of every chunk; panics where the file breaks RIFF's rules.
fn chunks_of(path: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = std::fs::read(path).expect("a file");
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four"));
    assert_eq!((&bytes[..4], &bytes[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
    assert_eq!(word(4) as usize + 8, bytes.len());
    let (mut at, mut out) = (12, Vec::new());
    while at < bytes.len() {
        let size = word(at + 4) as usize;
        let id = String::from_utf8_lossy(&bytes[at..at + 4]).into_owned();
        out.push((id, bytes[at + 8..at + 8 + size].to_vec()));
        at += 8 + size + size % 2;
    }
    assert_eq!(at, bytes.len());
    out
}

fn body<'a>(chunks: &'a [(String, Vec<u8>)], id: &str) -> &'a [u8] {
    let found = chunks.iter().find(|(name, _)| name == id);
    &found.unwrap_or_else(|| panic!("no {id} chunk")).1
}

#[test]
fn samples_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let left = vec![0.0, 0.5, -1.0, 1.0, -0.25];
    let right = vec![0.1, 2.0, -3.0, f32::NAN, 0.3];
    for (depth, step) in [
        (Depth::Int16, 1.0 / 32_768.0),
        (Depth::Int24, 1.0 / 8_388_608.0),
    ] {
        let path = folder.path().join(format!("{depth:?}.wav"));
        write(
            &path,
            &recipe(44_100, depth, ONE_BAR),
            &[left.clone(), right.clone()],
        )
        .expect("written");
        let mut file = hound::WavReader::open(&path).expect("opened");
        let got: Vec<f32> = file
            .samples::<i32>()
            .map(|s| s.expect("a sample") as f32 * step)
            .collect();
        assert_eq!(got.len(), 10);
        for (frame, pair) in got.chunks(2).enumerate() {
            assert!((pair[0] - left[frame].clamp(-1.0, 1.0 - step)).abs() <= step);
            let want = if right[frame].is_nan() {
                0.0
            } else {
                right[frame].clamp(-1.0, 1.0 - step)
            };
            assert!(
                (pair[1] - want).abs() <= step,
                "{depth:?} {frame}: {} {want}",
                pair[1]
            );
        }
    }
    let path = folder.path().join("float.wav");
    write(
        &path,
        &recipe(32_000, Depth::Float32, ONE_BAR),
        std::slice::from_ref(&left),
    )
    .expect("written");
    let mut file = hound::WavReader::open(&path).expect("opened");
    assert_eq!(file.spec().channels, 1);
    assert_eq!(
        file.samples::<f32>()
            .map(|s| s.expect("a sample"))
            .collect::<Vec<_>>(),
        left
    );
}

#[test]
fn the_audio_is_hounds_to_the_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clip.wav");
    // 24 bits and an odd count: the data chunk has an odd length.
    let samples = vec![0.25f32, -0.5, 0.75];
    let recipe = recipe(48_000, Depth::Int24, ONE_BAR);
    write(&path, &recipe, std::slice::from_ref(&samples)).expect("written");
    let plain = folder.path().join("plain.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 24,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&plain, spec).expect("created");
    for sample in &samples {
        writer
            .write_sample((sample * 8_388_608.0) as i32)
            .expect("written");
    }
    writer.finalize().expect("finished");
    let (ours, hounds) = (
        std::fs::read(&path).expect("ours"),
        std::fs::read(&plain).expect("hound's"),
    );
    assert_eq!(ours[8..hounds.len()], hounds[8..]);
    let chunks = chunks_of(&path);
    assert_eq!(body(&chunks, "data").len(), 9);
    // The same clip again is the same file.
    write(&path, &recipe, std::slice::from_ref(&samples)).expect("written");
    assert_eq!(std::fs::read(&path).expect("ours"), ours);
}

#[test]
fn a_loop_says_its_tempo_beats_and_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clip.wav");
    // One bar of three beats at 90 BPM: 2 s.
    let recipe = recipe(1_000, Depth::Int16, ONE_BAR);
    write(&path, &recipe, &[vec![0.1; 2_000]]).expect("written");
    let chunks = chunks_of(&path);
    let words = |id: &str| -> Vec<u32> {
        body(&chunks, id)
            .chunks_exact(4)
            .map(|b| u32::from_le_bytes(b.try_into().expect("four")))
            .collect()
    };
    let acid = body(&chunks, "acid");
    assert_eq!(acid.len(), 24);
    assert_eq!(acid[0], 2 + 4, "a loop with a root that stretches");
    assert_eq!(u16::from_le_bytes([acid[4], acid[5]]), 69, "A");
    assert_eq!(words("acid")[3], 3, "beats");
    assert_eq!(acid[16..20], [4, 0, 3, 0], "3/4");
    assert_eq!(f32::from_bits(words("acid")[5]), 90.0);
    let sampler = words("smpl");
    assert_eq!(sampler.len(), 15);
    assert_eq!(
        (sampler[2], sampler[3], sampler[7]),
        (1_000_000, 69, 1),
        "period, note, loops"
    );
    assert_eq!((sampler[11], sampler[12]), (0, 1_999), "the loop's ends");
    let cues = words("cue ");
    assert_eq!(cues[0], 3);
    assert_eq!([cues[6], cues[12], cues[18]], [0, 667, 1_333]);
    let labels = body(&chunks, "LIST");
    assert_eq!(&labels[..4], b"adtl");
    assert!(labels.windows(4).any(|text| text == b"1.3\0"));
    let info = &chunks
        .iter()
        .find(|(_, b)| b.starts_with(b"INFO"))
        .expect("LIST INFO")
        .1;
    let text = String::from_utf8_lossy(info);
    assert!(text.contains("dusty <drums> & \"bass\"") && text.contains("yours"));
    let broadcast = body(&chunks, "bext");
    assert!(broadcast.starts_with(b"dusty") && broadcast.len() > 602);
    assert!(String::from_utf8_lossy(&broadcast[602..]).contains("F=1000,W=16,M=mono"));
}

#[test]
fn a_clip_without_bars_is_a_one_shot() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clip.wav");
    let mut recipe = recipe(1_000, Depth::Int16, Length::Seconds(2.0));
    recipe.facts.key = None;
    write(&path, &recipe, &[vec![0.1; 2_000]]).expect("written");
    let chunks = chunks_of(&path);
    assert_eq!(body(&chunks, "acid")[0], 1);
    assert!(chunks.iter().all(|(id, _)| id != "smpl" && id != "cue "));
}

#[test]
fn the_recipe_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clip.wav");
    let recipe = recipe(44_100, Depth::Float32, ONE_BAR);
    write(&path, &recipe, &[vec![0.1; 21]]).expect("written");
    assert_eq!(Recipe::read(&path).expect("a recipe"), recipe);
    // An editor escaped the quotes as well.
    let text = String::from_utf8_lossy(body(&chunks_of(&path), "iXML")).into_owned();
    let mut bytes = b"RIFF\0\0\0\0WAVEiXML".to_vec();
    let (head, json) = text.split_once("<RECIPE>").expect("the element");
    let text = format!("{head}<RECIPE>{}", json.replace('"', "&quot;"));
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    std::fs::write(&path, bytes).expect("written");
    assert_eq!(Recipe::read(&path).expect("a recipe"), recipe);
}

#[test]
fn files_of_others_hold_no_recipe() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.wav");
    let none = |path: &Path| matches!(Recipe::read(path), Err(ReadError::NoRecipe { .. }));
    assert!(matches!(Recipe::read(&path), Err(ReadError::Io { .. })));
    for bytes in [
        &b""[..],
        b"RIFF",
        b"not a wave file at all",
        b"RIFF\xff\xff\xff\xffWAVEdata\xff\xff\xff\xff12",
        b"RIFF\x10\0\0\0WAVEiXML\xff\xff\xff\x7f<RECIPE>{}</RECIPE>",
    ] {
        std::fs::write(&path, bytes).expect("written");
        assert!(none(&path), "{bytes:?}");
    }
    std::fs::write(
        &path,
        b"RIFF\0\0\0\0WAVEiXML\x15\0\0\0<RECIPE>{}</RECIPE>  ",
    )
    .expect("written");
    assert!(matches!(
        Recipe::read(&path),
        Err(ReadError::Unreadable { .. })
    ));
}

#[test]
fn a_failure_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let recipe = recipe(44_100, Depth::Int24, ONE_BAR);
    let path = folder.path().join("no/such/folder.wav");
    let error = write(&path, &recipe, &[vec![0.0]]).expect_err("no folder");
    assert!(error.to_string().contains("folder.wav"));
    // A folder stands where the file should go.
    let path = folder.path().join("taken");
    std::fs::create_dir_all(path.join("full")).expect("a folder");
    assert!(write(&path, &recipe, &[vec![0.0]]).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 1);
}

/// What a format of the name's ending gives back of two channels.
fn there_and_back(name: &str, depth: Depth) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    let wave = |hz: f32| -> Vec<f32> {
        (0..44_101)
            .map(|n| (n as f32 * hz * std::f32::consts::TAU / 44_100.0).sin() * 0.8)
            .collect()
    };
    let channels = [wave(220.0), wave(331.0)];
    let recipe = recipe(44_100, depth, ONE_BAR);
    write(&path, &recipe, &channels).expect("written");
    let (rate_hz, found) = read(&path).expect("samples");
    assert_eq!((rate_hz, found.len(), found[0].len()), (44_100, 2, 44_101));
    let step = match depth {
        Depth::Int16 => 0.5 / 32_768.0,
        Depth::Int24 => 0.5 / 8_388_608.0,
        Depth::Float32 => 0.0,
    };
    for (was, is) in channels.iter().flatten().zip(found.iter().flatten()) {
        assert!((was - is).abs() <= step * 1.001, "{name}: {is}, not {was}");
    }
    assert_eq!(Recipe::read(&path).expect("a recipe"), recipe);
    let bytes = std::fs::read(&path).expect("a file");
    write(&path, &recipe, &channels).expect("written");
    assert_eq!(std::fs::read(&path).expect("a file"), bytes, "{name}");
    // Cut off, it is an error and no panic.
    for length in [0, 3, 11, 40, 500, bytes.len() / 2] {
        std::fs::write(&path, &bytes[..length]).expect("written");
        let _ = Recipe::read(&path);
        let _ = read(&path);
    }
}

#[test]
fn every_format_comes_back() {
    there_and_back("clip.wav", Depth::Int24);
    there_and_back("clip.flac", Depth::Int16);
    there_and_back("clip.FLAC", Depth::Int24);
    there_and_back("clip.aif", Depth::Int16);
    there_and_back("clip.aiff", Depth::Int24);
    there_and_back("clip.aiff", Depth::Float32);
}

#[test]
fn flac_has_no_floats() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clip.flac");
    let recipe = recipe(44_100, Depth::Float32, ONE_BAR);
    let error = write(&path, &recipe, &[vec![0.1; 9]]).expect_err("floats");
    assert!(error.to_string().contains("16 or 24 bits"), "{error}");
    assert!(!path.exists());
}

#[test]
fn an_aiff_loop_says_its_beats_meter_and_scale() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clip.aiff");
    // One bar of three beats at 90 BPM in A minor: 2 s.
    let recipe = recipe(1_000, Depth::Int16, ONE_BAR);
    write(&path, &recipe, &[vec![0.1; 2_000]]).expect("written");
    let bytes = std::fs::read(&path).expect("a file");
    let size = u32::from_be_bytes(bytes[4..8].try_into().expect("four"));
    assert_eq!(size as usize + 8, bytes.len());
    let after = |id: &[u8]| {
        let at = bytes.windows(4).position(|bytes| bytes == id);
        &bytes[at.expect("the chunk") + 8..]
    };
    assert_eq!(
        after(b"basc")[..18],
        [0, 0, 0, 1, 0, 0, 0, 3, 0, 57, 0, 1, 0, 3, 0, 4, 0, 0]
    );
    assert_eq!(after(b"INST")[..2], [69, 0]);
    let markers = after(b"MARK");
    assert_eq!(markers[..2], [0, 4], "three beats and the end");
    assert_eq!(markers[2..12], [0, 1, 0, 0, 0, 0, 3, b'1', b'.', b'1']);
}
