//! The codec against transformers: `golden/codec/*`, made by `golden/make.py`.

use std::path::{Path, PathBuf};

use barline_engine::EngineError;
use barline_engine::codec::{Codec, CodecConfig};
use barline_engine::weights::Weights;
use serde::Deserialize;

/// Decoded audio may differ by this share of its peak: sums in single precision in another order.
const PEAK_TOLERANCE: f32 = 1e-4;

/// What `golden.json` holds.
#[derive(Deserialize)]
struct Golden {
    decode: Vec<Case>,
    encode: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    codes: Vec<Vec<u32>>,
    /// The tensor in `golden.safetensors`.
    audio: String,
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/codec")
}

fn config(folder: &Path) -> CodecConfig {
    let text = std::fs::read_to_string(folder.join("config.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A codec, its cases, and the audio of each.
fn open(name: &str) -> (Codec, Golden, Weights) {
    let folder = golden().join(name);
    let codec = Codec::load(&config(&folder), &Weights::open(&folder).unwrap(), "").unwrap();
    let text = std::fs::read_to_string(folder.join("golden.json")).unwrap();
    let bytes = std::fs::read(folder.join("golden.safetensors")).unwrap();
    let audio = Weights::from_static("golden.safetensors", bytes.leak()).unwrap();
    (codec, serde_json::from_str(&text).unwrap(), audio)
}

fn audio(tensors: &Weights, case: &Case) -> Vec<f32> {
    let shape = tensors.shape(&case.audio).unwrap().to_vec();
    tensors.f32(&case.audio, &shape).unwrap()
}

fn check_decode(name: &str) {
    let (codec, golden, tensors) = open(name);
    for case in &golden.decode {
        let expected = audio(&tensors, case);
        let ours = codec.decode(&case.codes);
        assert_eq!(ours.len(), expected.len());
        assert_eq!(ours.len(), case.codes[0].len() * codec.samples_per_frame());
        let peak = expected.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        let error = ours
            .iter()
            .zip(&expected)
            .fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
        println!(
            "{name}, {} frames: {:.1e} of the peak",
            case.codes[0].len(),
            error / peak
        );
        assert!(
            error <= PEAK_TOLERANCE * peak,
            "{name} {}: {error} of {peak}",
            case.audio
        );
    }
}

fn check_encode(name: &str) {
    let (codec, golden, tensors) = open(name);
    for case in &golden.encode {
        assert_eq!(
            codec.encode(&audio(&tensors, case)),
            case.codes,
            "{name} {}",
            case.audio
        );
    }
}

/// The stream gives the samples of the whole decode, and gives them early.
fn check_stream(name: &str) {
    let (codec, golden, _) = open(name);
    for case in &golden.decode {
        let whole = codec.decode(&case.codes);
        let frames = case.codes[0].len();
        let mut stream = codec.stream();
        let mut out = Vec::new();
        for frame in 0..frames {
            let tokens: Vec<u32> = case.codes.iter().map(|codebook| codebook[frame]).collect();
            stream.push(&tokens, &mut out);
            assert!(
                frame < 8 || out.len() >= (frame - 7) * codec.samples_per_frame(),
                "late at {frame}"
            );
        }
        stream.finish(&mut out);
        assert_eq!(out, whole, "{name}, {frames} frames");
    }
}

#[test]
fn the_published_layout_decodes_as_in_transformers() {
    check_decode("published");
}

#[test]
fn odd_ratios_and_dilated_units_decode_as_in_transformers() {
    check_decode("odd");
}

#[test]
fn the_old_spelling_of_weight_norm_decodes_as_in_transformers() {
    check_decode("old_names");
}

#[test]
fn encoded_codes_are_those_of_transformers() {
    check_encode("published");
    check_encode("odd");
    check_encode("old_names");
}

#[test]
fn the_joined_stream_is_the_whole_decode_to_the_bit() {
    check_stream("published");
    check_stream("odd");
    check_stream("old_names");
}

#[test]
fn later_tokens_do_not_change_what_the_stream_has_given() {
    let (codec, golden, _) = open("published");
    let codes = &golden.decode.last().unwrap().codes;
    let frame = |at: usize| {
        codes
            .iter()
            .map(|codebook| codebook[at])
            .collect::<Vec<u32>>()
    };
    for cut in [4, 9, 16, 30] {
        let (mut stream, mut given) = (codec.stream(), Vec::new());
        (0..cut).for_each(|at| stream.push(&frame(at), &mut given));
        let mut other: Vec<Vec<u32>> = codes
            .iter()
            .map(|codebook| codebook[..cut].to_vec())
            .collect();
        for codebook in &mut other {
            codebook.extend((0..20).map(|at| (at * 17) % 64));
        }
        assert_eq!(
            given,
            codec.decode(&other)[..given.len()],
            "after {cut} frames"
        );
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_sample() {
    let (codec, golden, _) = open("published");
    let codes = &golden.decode.last().unwrap().codes;
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| codec.decode(codes))
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(5));
}

#[test]
fn nothing_makes_nothing() {
    let (codec, _, _) = open("published");
    assert!(codec.decode(&vec![Vec::new(); 4]).is_empty());
    assert!(codec.decode(&[]).is_empty());
    assert_eq!(codec.encode(&[]), vec![Vec::<u32>::new(); 4]);
    let mut out = Vec::new();
    codec.stream().finish(&mut out);
    assert!(out.is_empty());
}

#[test]
fn tokens_that_no_codebook_has_do_not_panic() {
    let (codec, _, _) = open("published");
    assert_eq!(
        codec.decode(&vec![vec![u32::MAX; 3]; 4]),
        codec.decode(&vec![vec![63; 3]; 4])
    );
}

#[test]
fn a_file_of_another_shape_is_refused() {
    let folder = golden().join("published");
    let weights = Weights::open(&folder).unwrap();
    let fails = |change: fn(&mut CodecConfig)| {
        let mut config = config(&folder);
        change(&mut config);
        Codec::load(&config, &weights, "").unwrap_err()
    };
    assert!(matches!(
        fails(|c| c.num_filters = 1024),
        EngineError::ModelFile { .. }
    ));
    assert!(matches!(
        fails(|c| c.kernel_size = 5),
        EngineError::ModelFile { .. }
    ));
    assert!(matches!(
        fails(|c| c.use_conv_shortcut = true),
        EngineError::ModelFile { .. }
    ));
    assert!(matches!(
        fails(|c| c.num_lstm_layers = 3),
        EngineError::ModelFile { .. }
    ));
    assert!(matches!(
        fails(|c| c.use_causal_conv = true),
        EngineError::Unsupported { .. }
    ));
    let missing = Codec::load(&config(&folder), &weights, "audio_encoder.").unwrap_err();
    assert!(matches!(missing, EngineError::ModelFile { .. }));
}
