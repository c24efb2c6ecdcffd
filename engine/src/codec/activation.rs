//! ELU, sigmoid and tanh, written so that the compiler can vectorise them.
//!
//! Worker thread. The functions hold no branch and call nothing, so a loop over a slice
//! becomes vector code of whatever width the caller was compiled for.

/// e^x by a power of two and a polynomial; relative error below 2e-7 for |x| ≤ 87, and
/// clamped beyond, where no activation can tell the difference.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// 1.5 × 2^23: adding it rounds to a whole number, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, the first with trailing zeros so that its products are exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = x - whole * LN2_HIGH - whole * LN2_LOW; // |rest| ≤ ln 2 / 2
    // Taylor series to the 7th power: the first term left out is below 6e-9.
    let mut power = 1.0 / 5040.0;
    for factor in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        power = power * rest + factor;
    }
    // The whole number goes into the exponent; what `ROUND` left above it is shifted out.
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    power * scale
}

/// x for positive x, e^x − 1 for the others.
#[inline(always)]
pub(super) fn elu(x: f32) -> f32 {
    let negative = exp(x.min(0.0)) - 1.0;
    if x > 0.0 { x } else { negative }
}

/// 1 / (1 + e^−x).
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent, to 2e-7 absolutely (relative precision near 0 is not needed here).
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    2.0 / (1.0 + exp(-2.0 * x)) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_agree_with_double_precision() {
        for step in -100_000..=100_000 {
            let x = step as f32 * 1e-3;
            let wide = f64::from(x);
            let close = |ours: f32, exact: f64, name: &str| {
                let error = (f64::from(ours) - exact).abs();
                assert!(
                    error < 2.5e-7 * exact.abs().max(1.0),
                    "{name}({x}) is {ours}, not {exact}"
                );
            };
            close(elu(x), if wide > 0.0 { wide } else { wide.exp_m1() }, "elu");
            close(sigmoid(x), 1.0 / (1.0 + (-wide).exp()), "sigmoid");
            close(tanh(x), wide.tanh(), "tanh");
        }
        assert_eq!(elu(f32::NEG_INFINITY), -1.0);
        assert_eq!(elu(f32::INFINITY), f32::INFINITY);
        assert_eq!(elu(0.0), 0.0);
    }
}
