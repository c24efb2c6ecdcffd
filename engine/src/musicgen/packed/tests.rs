//! The packed decoder against the exact one, on random weights in odd shapes.

use std::num::NonZeroUsize;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::*;
use crate::musicgen::Decoder;

const PACKED: [Precision; 4] = [
    Precision::F32,
    Precision::Bf16,
    Precision::Q8,
    Precision::Q4,
];

/// Sizes that fill nothing: heads of 6, 12 and 20 floats, a width between two blocks, more.
fn odd_shapes() -> Vec<DecoderConfig> {
    let shape = |layers, heads, head_width, inner, codebooks, vocabulary| {
        let config = serde_json::json!({
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "hidden_size": heads * head_width,
            "ffn_dim": inner,
            "num_codebooks": codebooks,
            "vocab_size": vocabulary,
        });
        serde_json::from_value(config).unwrap()
    };
    vec![
        shape(2, 4, 6, 50, 4, 21),
        shape(3, 5, 12, 130, 8, 33),
        shape(1, 1, 20, 64, 1, 16),
        shape(2, 4, 64, 1024, 4, 100),
    ]
}

fn team(members: usize) -> Arc<Team> {
    Arc::new(Team::new(NonZeroUsize::new(members).unwrap()).unwrap())
}

fn states(tokens: usize, width: usize) -> Tensor {
    let values: Vec<f32> = (0..tokens * width)
        .map(|index| (index as f32 * 0.37).sin())
        .collect();
    Tensor::from_vec(values, (tokens, width), &Device::Cpu).unwrap()
}

/// A row with a prompt and one without.
fn guided(config: &DecoderConfig) -> Rows {
    Rows::guided(states(5, config.hidden_size))
}

/// Tokens for a step of a take.
fn tokens(config: &DecoderConfig, step: usize, take: usize) -> Vec<u32> {
    let token = |book: usize| ((step * 7 + take * 13 + book * 5) % (config.vocab_size + 1)) as u32;
    (0..config.num_codebooks).map(token).collect()
}

/// Logits of every row and step of some takes.
fn logits(
    decoder: &PackedDecoder,
    config: &DecoderConfig,
    members: usize,
    rows: &Rows,
    takes: &[usize],
    steps: usize,
) -> Vec<Vec<Vec<f32>>> {
    let mut run = decoder
        .begin(team(members), rows, takes.len(), steps)
        .unwrap();
    let mut all = Vec::new();
    for step in 0..steps {
        let tokens: Vec<u32> = takes
            .iter()
            .flat_map(|&take| tokens(config, step, take))
            .collect();
        run.step(&tokens);
        let count = takes.len() * rows.count();
        all.push((0..count).map(|row| run.logits(row).to_vec()).collect());
    }
    all
}

/// Root of the mean square of the difference over that of what is expected.
fn distance(got: &[f32], expect: &[f32]) -> f64 {
    let square = |x: f32| f64::from(x) * f64::from(x);
    let error: f64 = got.iter().zip(expect).map(|(a, b)| square(a - b)).sum();
    (error / expect.iter().map(|&x| square(x)).sum::<f64>()).sqrt()
}

#[test]
fn it_computes_what_the_exact_decoder_does() {
    const STEPS: usize = 40;
    for config in odd_shapes() {
        let weights = Weights::random(3).unwrap();
        let exact = Decoder::load(&config, &weights).unwrap();
        let mut run = exact.begin(&guided(&config), STEPS).unwrap();
        let exact: Vec<_> = (0..STEPS)
            .map(|step| run.step(&tokens(&config, step, 0)).unwrap())
            .collect();
        for (precision, bound) in PACKED.into_iter().zip([1e-3, 0.02, 0.04, 0.4]) {
            let decoder = PackedDecoder::load(&config, precision, &weights).unwrap();
            let got = logits(&decoder, &config, 2, &guided(&config), &[0], STEPS);
            let mut worst = 0.0_f64;
            for (got, expect) in got.iter().flatten().zip(exact.iter().flatten()) {
                worst = worst.max(distance(got, expect));
            }
            println!("{precision:?} {} wide: {worst:.1e}", config.hidden_size);
            assert!(worst < bound, "{precision:?} {config:?}: {worst}");
        }
    }
}

/// Two parts of a prompt and a negative one, of other lengths.
#[test]
fn rows_with_texts_of_their_own_are_computed_as_the_exact_decoder_does() {
    const STEPS: usize = 24;
    for config in odd_shapes() {
        let weights = Weights::random(5).unwrap();
        let texts = [5, 19, 2].map(|tokens| states(tokens, config.hidden_size));
        let rows = Rows::new(texts.to_vec(), false);
        let exact = Decoder::load(&config, &weights).unwrap();
        let exactly = |rows: &Rows| {
            let mut run = exact.begin(rows, STEPS).unwrap();
            let step = |step| run.step(&tokens(&config, step, 0)).unwrap();
            (0..STEPS).map(step).collect::<Vec<_>>()
        };
        let expect = exactly(&rows);
        for (precision, bound) in PACKED.into_iter().zip([1e-3, 0.02, 0.04, 0.4]) {
            let decoder = PackedDecoder::load(&config, precision, &weights).unwrap();
            let got = logits(&decoder, &config, 2, &rows, &[0], STEPS);
            let mut worst = 0.0_f64;
            for (got, expect) in got.iter().flatten().zip(expect.iter().flatten()) {
                worst = worst.max(distance(got, expect));
            }
            println!("{precision:?} {} wide: {worst:.1e}", config.hidden_size);
            assert!(worst < bound, "{precision:?} {config:?}: {worst}");
            // A row is what it is alone, and with other takes.
            let together = logits(&decoder, &config, 3, &rows, &[3, 0, 1], STEPS);
            for (row, text) in texts.iter().enumerate() {
                let alone = Rows::conditional(text.clone());
                let alone = logits(&decoder, &config, 1, &alone, &[0], STEPS);
                for step in 0..STEPS {
                    assert_eq!(got[step][row], alone[step][0], "{precision:?} row {row}");
                    assert_eq!(together[step][row * 3 + 1], alone[step][0]);
                }
            }
        }
        let second = exactly(&Rows::conditional(texts[1].clone()));
        for (together, alone) in expect.iter().zip(&second) {
            assert!(distance(&together[1], &alone[0]) < 1e-5);
        }
    }
}

#[test]
fn a_take_is_the_same_alone_or_not_on_any_threads_and_processor() {
    const STEPS: usize = 20;
    for config in odd_shapes() {
        let weights = Weights::random(4).unwrap();
        for precision in PACKED {
            let load = || PackedDecoder::load(&config, precision, &weights).unwrap();
            let best = load();
            let alone = |take| logits(&best, &config, 1, &guided(&config), &[take], STEPS);
            let takes = [0, 1, 2, 3, 4];
            let together = logits(&best, &config, 3, &guided(&config), &takes, STEPS);
            for take in takes {
                for (together, alone) in together.iter().zip(alone(take)) {
                    assert_eq!(together[take], alone[0], "{precision:?} take {take}");
                    assert_eq!(together[takes.len() + take], alone[1], "without a prompt");
                }
            }
            let unguided = logits(
                &best,
                &config,
                2,
                &Rows::conditional(states(5, config.hidden_size)),
                &[2],
                STEPS,
            );
            for (unguided, guided) in unguided.iter().zip(alone(2)) {
                assert_eq!(unguided[0], guided[0]);
            }
            for isa in Isa::all() {
                let other = load().with_isa(isa);
                let other = logits(&other, &config, 2, &guided(&config), &[0], STEPS);
                assert_eq!(other, alone(0), "{precision:?} {isa:?}");
            }
        }
    }
}

#[test]
fn packed_weights_are_off_by_half_a_step_at_most() {
    use super::matrix::{Format, Matrix};
    let weights: Vec<f32> = (0..37 * 150)
        .map(|index| ((index * index % 1009) as f32 / 504.5 - 1.0) * (index % 7) as f32)
        .collect();
    for (format, step) in [
        (Format::F32, 0.0),
        (Format::Bf16, 1.0 / 128.0),
        (Format::Q8, 1.01 / 127.0),
        (Format::Q4, 1.01 / 6.6),
    ] {
        let matrix = Matrix::new(format, 37, 150, 0);
        let mut packed = pack::Packed::zeros(matrix.bytes().len()).unwrap();
        matrix.pack(&weights, packed.as_mut());
        let unpacked = matrix.unpack(&packed);
        for (row, (got, expect)) in unpacked.chunks(150).zip(weights.chunks(150)).enumerate() {
            for (got, expect) in got.chunks(32).zip(expect.chunks(32)) {
                let largest = expect.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
                for (got, expect) in got.iter().zip(expect) {
                    let off = (got - expect).abs();
                    // Steps of numbers as they are, of the group's largest else; the 4 bits'
                    // scale may leave out the last of a step at the ends.
                    let bound = match format {
                        Format::F32 | Format::Bf16 => expect.abs() * step / 2.0,
                        Format::Q8 => largest * step / 2.0,
                        Format::Q4 => largest * step,
                    };
                    assert!(off <= bound, "{format:?} row {row}: {got} {expect}");
                }
            }
        }
    }
}
