//! Long pieces of loops of known sound: where they repeat, where they vary, what they never do.
//!
//! Test threads.

use std::f64::consts::TAU;

use super::*;
use crate::fit::{self, true_peak_db};

const RATE_HZ: u32 = 32_000;
const BARS: u32 = 2;
/// At 120 BPM in 4/4.
const FRAMES: usize = 128_000;

/// Drums and a bass that go on over the join, in two channels; `turn` makes another take of it.
fn take(turn: f64) -> Vec<Vec<f32>> {
    with_attack(turn, 0.001)
}

fn with_attack(turn: f64, attack_seconds: f64) -> Vec<Vec<f32>> {
    let beat = 0.5;
    let channel = |side: f64| {
        let mut samples = vec![0.0f32; FRAMES];
        for (at, sample) in samples.iter_mut().enumerate() {
            let t = at as f64 / f64::from(RATE_HZ);
            let since = t % beat;
            let kick = (-since / 0.05).exp()
                * (1.0 - (-since / attack_seconds).exp())
                * (TAU * 60.0 * since).sin();
            let off = (t + beat / 2.0 + turn * 0.03) % beat;
            let hat = (-off / 0.02).exp() * (TAU * (5_000.0 + 900.0 * turn) * off).sin();
            let bass = (TAU * 110.0 * t).sin() * (0.8 + 0.2 * (TAU * t / 4.0).cos());
            *sample = (0.4 * kick + 0.2 * side * hat + 0.2 * bass) as f32;
        }
        samples
    };
    vec![channel(1.0), channel(0.6)]
}

fn material(takes: usize) -> Material {
    let takes = (0..takes).map(|turn| take(turn as f64)).collect();
    Material::new(takes, RATE_HZ, (BARS, 4), false).expect("a material")
}

fn shape(bars: u64, vary_every_bars: Option<u32>) -> Shape {
    Shape {
        bars,
        vary_every_bars,
        seed: 7,
        fade_in_frames: 0,
        fade_out_frames: 0,
    }
}

/// All of a piece, and what varied in it.
fn whole(material: &Material, shape: Shape) -> (Vec<Vec<f32>>, Vec<Change>) {
    let mut piece = Piece::new(material, shape);
    let mut out = vec![Vec::new(); material.channels()];
    let mut block = Vec::new();
    while piece.next(&mut block) {
        assert!(block[0].len() <= BLOCK_FRAMES);
        for (out, block) in out.iter_mut().zip(&block) {
            out.extend_from_slice(block);
        }
    }
    assert_eq!(out[0].len() as u64, piece.frames());
    let changes = piece.changes().to_vec();
    (out, changes)
}

fn plain_of(material: &Material, take: usize, frames: std::ops::Range<u64>) -> Vec<Vec<f32>> {
    variation::plain(material, take, frames.start, frames.end)
}

/// The sharpest bend of a wave: a click has one beyond all of the music's.
fn bend(samples: &[f32]) -> f32 {
    let bends = samples.windows(3);
    bends.fold(0.0, |most, w| most.max((w[0] - 2.0 * w[1] + w[2]).abs()))
}

#[test]
fn without_variation_it_repeats_to_the_sample() {
    let material = material(1);
    let (out, changes) = whole(&material, shape(7, None));
    assert!(changes.is_empty());
    // Three and a half loops; only the blend into the beginning at the very end differs.
    let blend = material.blend_frames() as usize;
    for (channel, own) in out.iter().zip(&take(0.0)) {
        assert_eq!(channel.len(), FRAMES * 7 / 2);
        let body = &channel[..channel.len() - blend];
        let same = body.iter().zip(own.iter().cycle()).all(|(a, b)| a == b);
        assert!(same, "a repetition differs");
    }
    // In whole loops nothing differs at all.
    let (out, _) = whole(&material, shape(6, None));
    assert!(out[1].chunks(FRAMES).all(|part| part == take(0.0)[1]));
}

#[test]
fn bar_lines_stay_on_the_grid_for_hours() {
    // 3 bars that no number of frames divides.
    let takes = vec![vec![vec![0.1; 100_001]]];
    let material = Material::new(takes, RATE_HZ, (3, 4), false).expect("a material");
    for bar in [0, 1, 2, 3, 4, 299_999, 3_000_000] {
        let exact = bar as f64 * 100_001.0 / 3.0;
        let off = material.bar_frame(bar) as f64 - exact;
        assert!(off.abs() <= 0.5, "bar {bar}: {off}");
    }
    assert_eq!(
        Piece::new(&material, shape(300_000, None)).frames(),
        10_000_100_000
    );
}

#[test]
fn variations_differ_end_at_the_bar_and_never_come_twice_in_a_row() {
    let material = material(2);
    let (every, bars) = (4, 120);
    let (out, changes) = whole(&material, shape(bars, Some(every)));
    let lines: Vec<u64> = changes.iter().map(|change| change.bar).collect();
    let wanted: Vec<u64> = (1..bars / u64::from(every))
        .map(|n| n * u64::from(every))
        .collect();
    assert_eq!(lines, wanted, "one before every fourth bar line");
    assert!(
        changes
            .windows(2)
            .all(|two| two[0].variation != two[1].variation)
    );
    let kinds = changes.iter().map(|change| change.variation.to_string());
    let kinds: std::collections::BTreeSet<String> = kinds.collect();
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    let loop_bend = (0..2)
        .map(|turn| bend(&take(turn as f64)[0]))
        .fold(0.0, f32::max);
    let (mut playing, mut line) = (0, 0u64);
    for change in &changes {
        let end = material.bar_frame(change.bar);
        let blend = material.blend_frames();
        let begin = change.variation.begin(&material, change.bar);
        assert_eq!(change.frame, begin);
        // From the bar line before it is the take, to the sample.
        let calm = plain_of(&material, playing, line..begin - blend);
        assert_eq!(out[0][line as usize..(begin - blend) as usize], calm[0]);
        let was = plain_of(&material, playing, begin - blend..end);
        let is = &out[0][(begin - blend) as usize..end as usize];
        assert_ne!(is, was[0], "{change:?} changes nothing");
        if let Variation::Take { take } = change.variation {
            playing = take;
        }
        // And full again on the downbeat.
        line = end;
        let after = plain_of(&material, playing, end..end + 1_000);
        assert_eq!(out[0][end as usize..end as usize + 1_000], after[0]);
        let around = &out[0][(begin - blend) as usize - 4..end as usize + 4];
        assert!(
            bend(around) <= loop_bend * 1.2,
            "{change:?} clicks: {}",
            bend(around)
        );
    }
}

#[test]
fn nothing_is_ever_louder_than_the_loop() {
    let material = material(3);
    let (out, _) = whole(&material, shape(160, Some(4)));
    let most = (0..3)
        .map(|turn| true_peak_db(&take(turn as f64), RATE_HZ))
        .fold(f64::MIN, f64::max);
    let peak = true_peak_db(&out, RATE_HZ);
    assert!(peak <= most + 0.05, "{peak} dB above {most} dB");
    // And no beat has more power than the loudest of the loops.
    let loudest = |samples: &[f32]| {
        let powers = samples.chunks(FRAMES / 8).map(fit_power);
        powers.fold(0.0, f64::max)
    };
    let own = (0..3)
        .map(|turn| loudest(&take(turn as f64)[0]))
        .fold(0.0, f64::max);
    let is = loudest(&out[0]);
    assert!(is <= own * 1.12, "{is} above {own}");
}

fn fit_power(samples: &[f32]) -> f64 {
    material::power(&[samples.to_vec()])
}

#[test]
fn a_take_over_the_limit_is_lowered_as_a_whole() {
    let loud: Vec<Vec<f32>> = take(0.0)
        .into_iter()
        .map(|channel| channel.into_iter().map(|x| 2.0 * x).collect())
        .collect();
    let material = Material::new(vec![loud], RATE_HZ, (BARS, 4), false).expect("a material");
    let (out, _) = whole(&material, shape(40, Some(4)));
    let peak = true_peak_db(&out, RATE_HZ);
    assert!((-1.3..=-0.95).contains(&peak), "{peak} dB");
}

#[test]
fn the_seed_decides() {
    let material = material(2);
    let piece = |seed| {
        let shape = Shape {
            seed,
            ..shape(64, Some(4))
        };
        whole(&material, shape)
    };
    assert!(piece(1) == piece(1));
    assert_ne!(piece(1).1, piece(2).1);
}

#[test]
fn pads_have_no_fills_and_silence_has_nothing() {
    let pad: Vec<f32> = (0..FRAMES)
        .map(|at| (TAU * at as f64 * 440.0 / f64::from(RATE_HZ)).sin() as f32 * 0.3)
        .collect();
    let low = |hz: f64| -> Vec<f32> {
        (0..FRAMES)
            .map(|at| (TAU * at as f64 * hz / f64::from(RATE_HZ)).sin() as f32 * 0.3)
            .collect()
    };
    let mixed: Vec<f32> = pad.iter().zip(low(110.0)).map(|(a, b)| a + b).collect();
    let material = Material::new(vec![vec![mixed]], RATE_HZ, (BARS, 4), true).expect("a material");
    let (_, changes) = whole(&material, shape(40, Some(4)));
    let kinds: Vec<String> = changes.iter().map(|c| c.variation.to_string()).collect();
    assert!(
        kinds.iter().all(|kind| kind == "sweep" || kind == "thin"),
        "{kinds:?}"
    );
    assert!(kinds.len() == 9 && kinds.windows(2).all(|two| two[0] != two[1]));
    // A bass alone, thinned, would be a hole; and what is silent can't vary.
    let bass = Material::new(vec![vec![low(55.0)]], RATE_HZ, (BARS, 4), true).expect("a material");
    let (_, changes) = whole(&bass, shape(40, Some(4)));
    assert_eq!(changes.len(), 9);
    assert!(
        changes
            .iter()
            .all(|c| !matches!(c.variation, Variation::Thin { .. })),
        "{changes:?}"
    );
    let silence = vec![vec![vec![0.0; FRAMES]]];
    let silence = Material::new(silence, RATE_HZ, (BARS, 4), false).expect("a material");
    assert!(whole(&silence, shape(40, Some(4))).1.is_empty());
}

#[test]
fn fades_begin_and_end_in_silence() {
    let material = material(1);
    let faded = Shape {
        fade_in_frames: 32_000,
        fade_out_frames: 64_000,
        ..shape(8, None)
    };
    let (out, _) = whole(&material, faded);
    let (plain, _) = whole(&material, shape(8, None));
    let length = out[0].len();
    assert_eq!((out[0][0], out[0][length - 1]), (0.0, 0.0));
    assert_eq!(
        out[0][32_000..length - 64_000],
        plain[0][32_000..length - 64_000]
    );
    for frame in (0..32_000).chain(length - 64_000..length) {
        assert!(out[0][frame].abs() <= plain[0][frame].abs());
    }
    // Half way it is 6 dB down.
    assert!((out[0][16_000] - 0.5 * plain[0][16_000]).abs() < 1e-4);
}

#[test]
fn the_end_goes_over_into_the_beginning() {
    let material = material(2);
    for bars in [4, 7, 25] {
        let (out, _) = whole(&material, shape(bars, Some(3)));
        let around: Vec<f32> = [&out[0][out[0].len() - 300..], &out[0][..300]].concat();
        let most = (0..2)
            .map(|turn| bend(&take(turn as f64)[0]))
            .fold(0.0, f32::max);
        assert!(
            bend(&around) <= most * 1.2,
            "{bars} bars: {}",
            bend(&around)
        );
        assert_eq!(out[0][..1_000], take(0.0)[0][..1_000]);
    }
}

#[test]
fn takes_that_do_not_go_together_are_refused() {
    let shorter = take(1.0).into_iter().map(|c| c[1..].to_vec()).collect();
    let refused = Material::new(vec![take(0.0), shorter], RATE_HZ, (BARS, 4), false);
    assert_eq!(refused.err(), Some(Mismatch::Length { take: 2 }));
    let mono = vec![take(1.0)[0].clone()];
    let refused = Material::new(vec![take(0.0), mono], RATE_HZ, (BARS, 4), false);
    assert_eq!(refused.err(), Some(Mismatch::Length { take: 2 }));
    let refused = Material::new(vec![], RATE_HZ, (BARS, 4), false);
    assert_eq!(refused.err(), Some(Mismatch::Empty));
}

fn asked(tempo_bpm: Option<f64>, bars: Option<u32>) -> Asked {
    Asked {
        tempo_bpm,
        bars,
        beats_per_bar: 4,
        frames: None,
    }
}

#[test]
fn a_seamless_file_is_taken_as_it_is() {
    // A strict meter would say 240, which is the same grid.
    let adopted = adopt(&take(0.0), RATE_HZ, &asked(Some(120.0), None)).expect("a loop");
    assert_eq!((adopted.bars, adopted.fitted), (2, None));
    assert!((adopted.tempo_bpm - 120.0).abs() < 1e-9);
    assert!(adopted.channels == take(0.0));
    // An attack on the first frame is no click.
    let sharp = with_attack(0.0, 1e-9);
    let adopted = adopt(&sharp, RATE_HZ, &asked(Some(120.0), None)).expect("a loop");
    assert_eq!(adopted.fitted, None);
    // What is cut off in the middle of a wave is one.
    let cut: Vec<Vec<f32>> = (0..2)
        .map(|channel| {
            let low = |at| (TAU * 55.1 * at as f64 / f64::from(RATE_HZ)).sin() as f32;
            let with = |(at, x): (usize, &f32)| 0.5 * x + 0.4 * low(at);
            take(0.0)[channel].iter().enumerate().map(with).collect()
        })
        .collect();
    let adopted = adopt(&cut, RATE_HZ, &asked(Some(120.0), None)).expect("a loop");
    assert!(adopted.fitted.is_some());
}

#[test]
fn a_file_that_is_no_loop_is_cut_and_joined() {
    // Five bars and a bit, from the loop's.
    let longer: Vec<Vec<f32>> = take(0.0)
        .iter()
        .map(|channel| channel.iter().copied().cycle().take(330_000).collect())
        .collect();
    let adopted = adopt(&longer, RATE_HZ, &asked(Some(120.0), None)).expect("a loop");
    assert_eq!((adopted.bars, adopted.channels[0].len()), (4, 2 * FRAMES));
    let seam = fit::seam(&adopted.channels, RATE_HZ, 16).expect("a seam");
    assert!(seam.unheard(), "{seam:?}");
    let adopted = adopt(&longer, RATE_HZ, &asked(Some(120.0), Some(2))).expect("a loop");
    assert_eq!((adopted.bars, adopted.channels[0].len()), (2, FRAMES));
}

#[test]
fn what_cannot_become_a_loop_is_refused() {
    let refuse = |channels: &[Vec<f32>], asked: Asked| adopt(channels, RATE_HZ, &asked).err();
    let hum: Vec<f32> = (0..FRAMES)
        .map(|at| (at as f32 * 0.05).sin() * 0.2)
        .collect();
    assert_eq!(refuse(&[hum], asked(None, None)), Some(NotALoop::NoTempo));
    let short: Vec<Vec<f32>> = take(0.0).iter().map(|c| c[..40_000].to_vec()).collect();
    assert_eq!(
        refuse(&short, asked(Some(120.0), None)),
        Some(NotALoop::TooShort(1))
    );
    assert_eq!(
        refuse(&take(0.0), asked(Some(120.0), Some(3))),
        Some(NotALoop::TooShort(3))
    );
    let three = vec![vec![0.0; 64]; 3];
    assert_eq!(
        refuse(&three, asked(None, None)),
        Some(NotALoop::Channels(3))
    );
}
