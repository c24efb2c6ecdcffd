//! Logits → a token: temperature, then top-k, then top-p, then a draw.
//!
//! Worker thread; pure but for the generator's state. Order and meaning of the filters are
//! those of Hugging Face transformers; the draw is our own, stated here so that a seed means
//! the same on every platform and in every version:
//!
//! - The generator is ChaCha with 8 rounds. Its 32-byte key is the seed, little-endian, and
//!   24 zero bytes; its stream number is 0.
//! - One 32-bit word is taken for each token that is kept, step by step, codebook by
//!   codebook; `u` is its upper 24 bits divided by 2^24. Greedy choice takes none.
//! - The token is the first, in the order of the vocabulary, at which the sum of the
//!   probabilities (in f64) is greater than `u`.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::request::Sampling;

/// The source of chance of one clip.
#[derive(Debug)]
pub struct Chance {
    words: ChaCha8Rng,
    scratch: Scratch,
}

/// What one draw leaves to the next, so that none allocates.
#[derive(Debug, Default)]
struct Scratch {
    /// Tokens that the filters leave, in the order of the vocabulary, with their scaled logits.
    kept: Vec<(u32, f32)>,
    /// Their weights, in proportion to their probabilities.
    weights: Vec<f64>,
    /// Logits as [`rank`]s, and in the lower half what they belong to.
    ranks: Vec<u64>,
}

impl Chance {
    /// Starts the stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self {
            words: ChaCha8Rng::from_seed(key),
            scratch: Scratch::default(),
        }
    }

    /// A number in 0 … 1, 1 excluded.
    pub fn uniform(&mut self) -> f32 {
        (self.words.next_u32() >> 8) as f32 / (1 << 24) as f32
    }
}

/// Takes a token from the logits of one codebook.
pub fn choose(logits: &[f32], sampling: &Sampling, chance: &mut Chance) -> u32 {
    if sampling.greedy {
        return likeliest(logits);
    }
    let u = f64::from(chance.uniform());
    let scratch = &mut chance.scratch;
    let total = scratch.filter(logits, sampling);
    let mut sum = 0.0;
    for (&(token, _), weight) in scratch.kept.iter().zip(&scratch.weights) {
        sum += weight / total;
        if sum > u {
            return token;
        }
    }
    // Rounding may leave the sum a hair below 1.
    scratch.kept.last().map_or(0, |&(token, _)| token)
}

/// The tokens that the filters leave, in the order of the vocabulary, with probabilities
/// that sum to 1.
#[must_use]
pub fn distribution(logits: &[f32], sampling: &Sampling) -> Vec<(u32, f64)> {
    let mut scratch = Scratch::default();
    let total = scratch.filter(logits, sampling);
    let kept = scratch.kept.into_iter().zip(scratch.weights);
    kept.map(|((token, _), weight)| (token, weight / total))
        .collect()
}

/// The first of the largest.
fn likeliest(logits: &[f32]) -> u32 {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, &logit) in (0..).zip(logits) {
        if logit > best.1 {
            best = (token, logit);
        }
    }
    best.0
}

impl Scratch {
    /// Fills `kept` and `weights`; gives the sum of the weights.
    fn filter(&mut self, logits: &[f32], sampling: &Sampling) -> f64 {
        let scaled = logits.iter().map(|logit| logit / sampling.temperature);
        self.kept.clear();
        self.kept.extend((0..).zip(scaled));
        self.keep_top_k(sampling.top_k as usize);
        if sampling.top_p < 1.0 {
            self.keep_top_p(sampling.top_p);
        }
        let max = self
            .kept
            .iter()
            .map(|&(_, logit)| logit)
            .fold(f32::NEG_INFINITY, f32::max);
        self.weights.clear();
        self.weights
            .extend(self.kept.iter().map(|&(_, logit)| weight(logit, max)));
        self.weights.iter().sum()
    }

    /// Drops what is below the `top_k`-th largest; tokens that tie with it stay. 0 keeps all.
    fn keep_top_k(&mut self, top_k: usize) {
        if top_k == 0 || top_k >= self.kept.len() {
            return;
        }
        self.ranks.clear();
        self.ranks
            .extend(self.kept.iter().map(|&(_, logit)| u64::from(rank(logit))));
        let place = self.ranks.len() - top_k;
        let (_, &mut threshold, _) = self.ranks.select_nth_unstable(place);
        let threshold = logit(threshold as u32);
        self.kept.retain(|&(_, logit)| logit >= threshold);
    }

    /// Drops the least likely tokens whose probabilities together are no more than `1 - top_p`;
    /// the likeliest always stays.
    fn keep_top_p(&mut self, top_p: f32) {
        self.ranks.clear();
        let ranked = (0..).zip(&self.kept);
        self.ranks
            .extend(ranked.map(|(at, &(_, logit))| u64::from(rank(logit)) << 32 | at));
        // As whole numbers: several times as fast as pairs with a comparison of their own.
        self.ranks.sort_unstable();
        let of = |ranked: u64| logit((ranked >> 32) as u32);
        let Some(&last) = self.ranks.last() else {
            return;
        };
        let max = of(last);
        self.weights.clear();
        self.weights
            .extend(self.ranks.iter().map(|&ranked| weight(of(ranked), max)));
        let total: f64 = self.weights.iter().sum();
        let allowed = f64::from(1.0 - top_p) * total;
        let mut sum = 0.0;
        let dropped = self.weights.iter().take_while(|&weight| {
            sum += weight;
            sum <= allowed
        });
        let dropped = dropped.count().min(self.ranks.len() - 1);
        // What stays is in its old order again by its places.
        let stay = &mut self.ranks[dropped..];
        stay.iter_mut().for_each(|ranked| *ranked &= 0xFFFF_FFFF);
        stay.sort_unstable();
        for (to, &from) in stay.iter().enumerate() {
            self.kept[to] = self.kept[from as usize];
        }
        self.kept.truncate(stay.len());
    }
}

/// In proportion to the probability of a token.
fn weight(logit: f32, max: f32) -> f64 {
    f64::from(logit - max).exp()
}

/// A whole number in the order of [`f32::total_cmp`].
fn rank(logit: f32) -> u32 {
    let bits = logit.to_bits();
    if bits >> 31 == 1 {
        !bits
    } else {
        bits | 1 << 31
    }
}

/// The logit of a rank.
fn logit(rank: u32) -> f32 {
    f32::from_bits(if rank >> 31 == 1 {
        rank & !(1 << 31)
    } else {
        !rank
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Sampling = Sampling {
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        guidance: 1.0,
        greedy: false,
    };

    fn tokens(logits: &[f32], sampling: Sampling) -> Vec<u32> {
        distribution(logits, &sampling)
            .iter()
            .map(|&(token, _)| token)
            .collect()
    }

    #[test]
    fn the_stream_of_a_seed_is_fixed() {
        // Words of ChaCha8 with an all-zero key, as published with the eSTREAM test vectors.
        let mut zero = Chance::new(0);
        let expect = [0x2fef_003e_u32, 0xd640_5f89, 0xe8b8_5b7f, 0xa1a5_091f];
        assert_eq!([(); 4].map(|()| zero.words.next_u32()), expect);
        assert_eq!(
            Chance::new(0).uniform(),
            (expect[0] >> 8) as f32 / 16_777_216.0
        );
        assert_ne!(Chance::new(1).uniform(), Chance::new(2).uniform());
        let mut seventh = Chance::new(7);
        assert!((0..10_000).all(|_| (0.0..1.0).contains(&seventh.uniform())));
    }

    #[test]
    fn draws_follow_the_distribution() {
        let logits = [0.7_f32, 0.1, 0.2].map(f32::ln);
        let mut chance = Chance::new(3);
        let mut count = [0_u32; 3];
        for _ in 0..20_000 {
            count[choose(&logits, &PLAIN, &mut chance) as usize] += 1;
        }
        for (count, expect) in count.into_iter().zip([14_000.0, 2_000.0, 4_000.0]) {
            assert!(
                (f64::from(count) - expect).abs() < 250.0,
                "{count} of {expect}"
            );
        }
    }

    #[test]
    fn greedy_takes_the_first_of_the_largest_and_no_chance() {
        let greedy = Sampling {
            greedy: true,
            ..PLAIN
        };
        let mut chance = Chance::new(0);
        assert_eq!(choose(&[0.0, 3.0, 3.0, -1.0], &greedy, &mut chance), 1);
        assert_eq!(chance.uniform(), Chance::new(0).uniform());
    }

    #[test]
    fn filters_keep_ties_and_the_likeliest() {
        let logits = [1.0, 2.0, 2.0, 0.0];
        assert_eq!(tokens(&logits, Sampling { top_k: 1, ..PLAIN }), [1, 2]);
        assert_eq!(
            tokens(&logits, Sampling { top_k: 9, ..PLAIN }),
            [0, 1, 2, 3]
        );
        assert_eq!(
            tokens(
                &logits,
                Sampling {
                    top_p: 0.0,
                    ..PLAIN
                }
            )
            .len(),
            1
        );
        assert_eq!(
            tokens(
                &[5.0, 0.0, -5.0],
                Sampling {
                    top_p: 0.9,
                    ..PLAIN
                }
            ),
            [0]
        );
    }

    #[test]
    fn a_low_temperature_sharpens() {
        let of = |temperature| {
            distribution(
                &[1.0, 0.0],
                &Sampling {
                    temperature,
                    ..PLAIN
                },
            )[0]
            .1
        };
        assert!((of(1.0) - 0.731_058).abs() < 1e-6);
        assert!(of(0.1) > 0.9999 && of(10.0) < 0.53);
    }

    /// The filters written as plainly as possible.
    fn plain(logits: &[f32], sampling: &Sampling) -> Vec<(u32, f64)> {
        let mut all: Vec<(u32, f32)> = (0..)
            .zip(logits.iter().map(|logit| logit / sampling.temperature))
            .collect();
        all.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        let top_k = sampling.top_k as usize;
        if top_k > 0 && top_k < all.len() {
            let threshold = all[all.len() - top_k].1;
            all.retain(|&(_, logit)| logit >= threshold);
        }
        let max = all[all.len() - 1].1;
        if sampling.top_p < 1.0 {
            let total: f64 = all.iter().map(|&(_, logit)| weight(logit, max)).sum();
            let allowed = f64::from(1.0 - sampling.top_p) * total;
            let mut sum = 0.0;
            while all.len() > 1 && sum + weight(all[0].1, max) <= allowed {
                sum += weight(all.remove(0).1, max);
            }
        }
        all.sort_by_key(|&(token, _)| token);
        let total: f64 = all.iter().map(|&(_, logit)| weight(logit, max)).sum();
        all.into_iter()
            .map(|(token, logit)| (token, weight(logit, max) / total))
            .collect()
    }

    #[test]
    fn filters_are_the_plain_ones_to_the_bit() {
        let mut noise = Chance::new(11);
        for round in 0..60 {
            // Rounded, so that there are ties and both zeros.
            let logits: Vec<f32> = (0..300)
                .map(|_| (noise.uniform() * 16.0 - 8.0).round() * 0.5)
                .collect();
            let sampling = Sampling {
                temperature: [0.5, 1.0, 1.3][round % 3],
                top_k: [0, 1, 50, 250][round % 4],
                top_p: [1.0, 0.9, 0.3, 0.0, 0.999][round % 5],
                ..PLAIN
            };
            assert_eq!(distribution(&logits, &sampling), plain(&logits, &sampling));
        }
    }
}
