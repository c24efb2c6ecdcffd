//! Negative prompts and prompts of several parts, on the small models of the goldens.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use barline_engine::model::Model;
use barline_engine::musicgen::packed::Team;
use barline_engine::{ModelSource, Precision, Sampling};

const FRAMES: usize = 24;

fn model(name: &str, precision: Precision) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden/models")
        .join(name);
    Model::load(&ModelSource::Folder(folder), Some(precision)).unwrap()
}

fn team() -> Arc<Team> {
    Arc::new(Team::new(NonZeroUsize::new(2).unwrap()).unwrap())
}

fn guided(guidance: f32) -> Sampling {
    Sampling {
        guidance,
        ..Sampling::default()
    }
}

/// Codes of some takes, `[take][codebook][frame]`.
fn codes(
    model: &Model,
    prompt: &str,
    negative: Option<&str>,
    takes: &[(Sampling, u64)],
) -> Vec<Vec<Vec<u32>>> {
    let mut generation = model
        .generate(prompt, negative, FRAMES, takes, &team())
        .unwrap();
    for _ in 0..generation.steps() {
        generation.step().unwrap();
    }
    let frames = |take| (0..FRAMES).map(move |frame| (take, frame));
    (0..takes.len())
        .map(|take| {
            let mut codes = Vec::new();
            for (take, frame) in frames(take) {
                codes.push(generation.frame(take, frame).collect());
            }
            codes
        })
        .collect()
}

#[test]
fn guidance_leads_away_from_the_negative_prompt() {
    for name in ["mono", "stereo"] {
        for precision in Precision::ALL {
            let model = model(name, precision);
            let make = |negative, guidance| {
                let takes = [(guided(guidance), 5)];
                codes(&model, "dusty drums", negative, &takes)
            };
            let plain = make(None, 3.0);
            let without = make(Some("piano"), 3.0);
            assert_ne!(plain, without, "{name} {precision}");
            assert_eq!(without, make(Some("piano"), 3.0), "{name} {precision}");
            // Away from itself is nowhere, however far.
            let nowhere = make(None, 1.0);
            assert_eq!(
                make(Some("dusty drums"), 3.0),
                nowhere,
                "{name} {precision}"
            );
            assert_eq!(
                make(Some("dusty drums"), 9.0),
                nowhere,
                "{name} {precision}"
            );
        }
    }
}

#[test]
fn a_take_with_a_negative_prompt_and_parts_is_the_same_alone_or_not() {
    let prompt = "dusty drums::2, piano, 90 bpm";
    for precision in [Precision::Exact, Precision::F32, Precision::Q8] {
        let model = model("mono", precision);
        let takes = [(guided(3.0), 1), (guided(1.0), 2), (guided(5.0), 3)];
        let together = codes(&model, prompt, Some("vocals"), &takes);
        for (take, together) in takes.iter().zip(&together) {
            let alone = codes(&model, prompt, Some("vocals"), std::slice::from_ref(take));
            assert_eq!(alone[0], *together, "{precision} {take:?}");
        }
    }
}

#[test]
fn parts_of_a_prompt_are_blended() {
    for precision in [Precision::Exact, Precision::F32, Precision::Q8] {
        let model = model("mono", precision);
        let make = |prompt: &str| codes(&model, prompt, None, &[(guided(3.0), 8)]);
        let (drums, piano) = (make("drums, 90 bpm"), make("piano, 90 bpm"));
        // One part is the prompt itself, whatever its weight.
        assert_eq!(make("drums::7, 90 bpm"), drums, "{precision}");
        let half = make("drums::1, piano::1, 90 bpm");
        assert!(half != drums && half != piano, "{precision}");
        assert_eq!(half, make("drums::4, piano::4, 90 bpm"), "{precision}");
        // The same twice is the same once, up to the rounding of shares that are powers of two.
        assert_eq!(make("drums::3, drums::1, 90 bpm"), drums, "{precision}");
        // All but nothing of the other.
        let alike = make("drums::20, piano::0.05, 90 bpm");
        let same = |a: &[Vec<u32>], b: &[Vec<u32>]| a.iter().zip(b).filter(|(a, b)| a == b).count();
        assert!(same(&alike[0], &drums[0]) > same(&half[0], &drums[0]));
    }
}
