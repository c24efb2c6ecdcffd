//! A small FLAC encoder: 24 bits, fixed predictors, Rice codes.
//!
//! Session thread. The format is RFC 9639. The encoders that can be had for Rust choose Rice
//! parameters for 16 bits; loud 24-bit noise makes them slow and the result longer than the
//! samples. This one counts every code's bits exactly and falls back to plain samples, so that
//! a block is never longer than that.

/// Bits of a sample.
pub(crate) const BITS: u32 = 24;
/// Samples of a channel in a block.
const BLOCK: usize = 4096;
/// The finest division of a block into parts with a Rice parameter each: 64 of 64 samples.
const FINEST: u32 = 6;
/// Rice parameters that are tried; residuals of 24-bit samples need no more.
const PARAMETERS: usize = 28;

/// Encodes samples by channel (1 to 8, equal lengths, 24 bits).
pub(crate) fn encode(channels: &[Vec<i32>], rate_hz: u32) -> Vec<u8> {
    let frames = channels.first().map_or(0, Vec::len);
    let mut out = Bits::default();
    for byte in *b"fLaC" {
        out.put(u64::from(byte), 8);
    }
    // STREAMINFO, the last block of metadata, 34 bytes; frame sizes and MD5 are left unknown.
    out.put(0x80, 8);
    out.put(34, 24);
    out.put(BLOCK as u64, 16);
    out.put(BLOCK as u64, 16);
    out.put(0, 48);
    out.put(u64::from(rate_hz), 20);
    out.put(channels.len() as u64 - 1, 3);
    out.put(u64::from(BITS) - 1, 5);
    out.put(frames as u64, 36);
    for _ in 0..4 {
        out.put(0, 32);
    }
    let mut bytes = out.bytes;
    for (number, start) in (0..frames).step_by(BLOCK).enumerate() {
        let end = frames.min(start + BLOCK);
        bytes.extend(frame(channels, start..end, number as u32));
    }
    bytes
}

/// One block of all channels, with its header and check sums.
fn frame(channels: &[Vec<i32>], range: std::ops::Range<usize>, number: u32) -> Vec<u8> {
    let mut out = Bits::default();
    out.put(0x3FFE << 2, 16);
    // Block size in 16 bits further on, sample rate as in STREAMINFO.
    out.put(0b0111_0000, 8);
    out.put(channels.len() as u64 - 1, 4);
    out.put(0b1100, 4);
    // The number as in UTF-8: the coding of `char` serves below its gaps.
    let coded = char::from_u32(number).unwrap_or_default();
    for byte in coded.encode_utf8(&mut [0; 4]).bytes() {
        out.put(u64::from(byte), 8);
    }
    out.put(range.len() as u64 - 1, 16);
    let header_sum = crc(&out.bytes, 8, 0x07);
    out.put(u64::from(header_sum), 8);
    for channel in channels {
        subframe(&channel[range.clone()], &mut out);
    }
    out.align();
    let sum = crc(&out.bytes, 16, 0x8005);
    out.put(u64::from(sum), 16);
    out.bytes
}

/// One channel of a block, in the shortest form there is.
fn subframe(samples: &[i32], out: &mut Bits) {
    let sample = |value: i32| u64::from(value as u32 & ((1 << BITS) - 1));
    if samples.iter().all(|value| *value == samples[0]) {
        out.put(0, 8);
        out.put(sample(samples[0]), BITS);
        return;
    }
    let (order, residual) = predict(samples);
    let codes = Codes::choose(&residual, samples.len(), order);
    if codes.bits + order as u64 * u64::from(BITS) >= samples.len() as u64 * u64::from(BITS) {
        out.put(0b10, 8);
        samples
            .iter()
            .for_each(|value| out.put(sample(*value), BITS));
        return;
    }
    out.put((0b1000 | order as u64) << 1, 8);
    samples[..order]
        .iter()
        .for_each(|value| out.put(sample(*value), BITS));
    codes.write(&residual, samples.len(), order, out);
}

/// The order of the fixed predictor (differences of differences) that leaves the least, and
/// what it leaves, each value folded to be positive.
fn predict(samples: &[i32]) -> (usize, Vec<u32>) {
    let mut best = (0, Vec::new(), u64::MAX);
    let mut rest: Vec<i64> = samples.iter().map(|value| i64::from(*value)).collect();
    for order in 0..=4.min(samples.len() - 1) {
        if order > 0 {
            rest = rest.windows(2).map(|pair| pair[1] - pair[0]).collect();
        }
        let folded: Vec<u32> = rest.iter().map(|v| ((v << 1) ^ (v >> 63)) as u32).collect();
        let size = folded.iter().map(|value| u64::from(*value)).sum();
        if size < best.2 {
            best = (order, folded, size);
        }
    }
    (best.0, best.1)
}

/// How a block's residual is cut into parts, and the Rice parameter of each.
struct Codes {
    partition_order: u32,
    parameters: Vec<u32>,
    bits: u64,
}

impl Codes {
    /// The shortest of all divisions and parameters.
    fn choose(residual: &[u32], frames: usize, order: usize) -> Self {
        // The first part lacks the samples that the predictor starts from, and must have some.
        let finest = FINEST.min(frames.trailing_zeros());
        let finest = (0..=finest)
            .rev()
            .find(|p| frames >> p > order)
            .unwrap_or(0);
        // For each part and parameter the bits of all its codes; coarser parts are sums.
        let mut costs: Vec<[u64; PARAMETERS]> = parts(residual, frames, order, finest)
            .map(|part| {
                let mut cost = [0; PARAMETERS];
                for (k, bits) in cost.iter_mut().enumerate() {
                    *bits = part.iter().map(|v| u64::from(v >> k) + k as u64 + 1).sum();
                }
                cost
            })
            .collect();
        let mut best: Option<Self> = None;
        for partition_order in (0..=finest).rev() {
            let mut bits = 6;
            let mut parameters = Vec::with_capacity(costs.len());
            for cost in &costs {
                let least = cost.iter().enumerate().min_by_key(|(_, bits)| **bits);
                let (k, part_bits) = least.unwrap_or((0, &0));
                parameters.push(k as u32);
                bits += part_bits + 5;
            }
            if best.as_ref().is_none_or(|best| bits < best.bits) {
                best = Some(Self {
                    partition_order,
                    parameters,
                    bits,
                });
            }
            costs = costs
                .chunks(2)
                .map(|pair| {
                    let mut sum = pair[0];
                    for other in &pair[1..] {
                        sum.iter_mut().zip(other).for_each(|(a, b)| *a += b);
                    }
                    sum
                })
                .collect();
        }
        best.unwrap_or(Self {
            partition_order: 0,
            parameters: vec![0],
            bits: u64::MAX >> 1,
        })
    }

    fn write(&self, residual: &[u32], frames: usize, order: usize, out: &mut Bits) {
        // Rice codes with parameters of five bits.
        out.put(0b01, 2);
        out.put(u64::from(self.partition_order), 4);
        let parts = parts(residual, frames, order, self.partition_order);
        for (part, &k) in parts.zip(&self.parameters) {
            out.put(u64::from(k), 5);
            for value in part {
                let mut zeros = value >> k;
                while zeros >= 32 {
                    out.put(0, 32);
                    zeros -= 32;
                }
                out.put(1, zeros + 1);
                out.put(u64::from(value & ((1 << k) - 1)), k);
            }
        }
    }
}

/// The residual in 2^`partition_order` parts; the first is shorter by `order`.
fn parts(
    residual: &[u32],
    frames: usize,
    order: usize,
    partition_order: u32,
) -> impl Iterator<Item = &[u32]> {
    let size = frames >> partition_order;
    (0..1usize << partition_order).map(move |n| {
        let start = (n * size).saturating_sub(order);
        &residual[start..(n + 1) * size - order]
    })
}

/// Bits, the highest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Bits that fill no byte yet.
    rest: u64,
    count: u32,
}

impl Bits {
    /// Appends the lowest `count` bits of `value`, 48 at most.
    fn put(&mut self, value: u64, count: u32) {
        self.rest = self.rest << count | value;
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.rest >> self.count) as u8);
        }
        self.rest &= (1 << self.count) - 1;
    }

    /// Fills the last byte with zeros.
    fn align(&mut self) {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
    }
}

/// The check sum of `width` bits with this polynomial.
fn crc(bytes: &[u8], width: u32, polynomial: u32) -> u32 {
    let top = 1 << (width - 1);
    let mask = (1 << width) - 1;
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << (width - 8), |sum: u32, _| {
            (if sum & top != 0 {
                sum << 1 ^ polynomial
            } else {
                sum << 1
            }) & mask
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: i32 = 1 << (BITS - 1);

    /// Through another's decoder and back; says how many bytes it took.
    fn check(channels: &[Vec<i32>]) -> usize {
        let bytes = encode(channels, 32_000);
        let mut reader = claxon::FlacReader::new(bytes.as_slice()).unwrap();
        assert_eq!(reader.streaminfo().samples, Some(channels[0].len() as u64));
        let back: Vec<i32> = reader.samples().map(Result::unwrap).collect();
        let frames = 0..channels[0].len();
        let want: Vec<i32> = frames
            .flat_map(|n| channels.iter().map(move |c| c[n]))
            .collect();
        assert!(back == want);
        bytes.len()
    }

    /// Noise of an amplitude, the same every time.
    fn noise(frames: usize, amplitude: i32) -> Vec<i32> {
        let mut state = 1u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as i32 - FULL
        };
        (0..frames)
            .map(|_| (i64::from(draw()) * i64::from(amplitude) / i64::from(FULL)) as i32)
            .collect()
    }

    #[test]
    fn any_length_comes_back() {
        for frames in [1, 2, 3, 5, 63, 64, 65, 4095, 4096, 4097, 8192, 10_007] {
            check(&[noise(frames, 1000)]);
            check(&[noise(frames, FULL - 1), noise(frames, 3)]);
        }
    }

    #[test]
    fn the_loudest_and_the_most_sudden_come_back_and_stay_short() {
        let frames = 20_000;
        let raw = frames * 3;
        let limit = raw + raw / 100;
        assert!(check(&[noise(frames, FULL - 1)]) < limit);
        let square = (0..frames)
            .map(|n| if n % 7 < 3 { FULL - 1 } else { -FULL })
            .collect();
        assert!(check(&[square]) < limit);
        let mut hit = vec![0; frames];
        hit[9_000..9_050].copy_from_slice(&noise(50, FULL - 1));
        assert!(check(&[hit]) < raw / 20);
        let sine: Vec<i32> = (0..frames)
            .map(|n| ((n as f64 * 0.05).sin() * 4e6) as i32)
            .collect();
        assert!(check(&[sine]) < raw / 2);
        assert!(check(&[vec![-7; frames]]) < 200);
    }
}
