//! Samples between samples.
//!
//! Audio thread; pure arithmetic.

/// The weights of six neighbours (two before, three after) at `t` of the way from the third to
/// the fourth: Lagrange's polynomial of the fifth degree, which goes through every sample. At
/// `t` = 0 the weights are exactly 0 0 1 0 0 0.
pub(crate) fn weights(t: f32) -> [f32; 6] {
    let (a, b, c, d, e, f) = (t + 2.0, t + 1.0, t, t - 1.0, t - 2.0, t - 3.0);
    let (ab, ef) = (a * b, e * f);
    let (cd, de) = (c * d, d * e);
    [
        -b * cd * ef / 120.0,
        a * cd * ef / 24.0,
        -ab * d * ef / 12.0,
        ab * c * ef / 12.0,
        -ab * cd * f / 24.0,
        ab * c * de / 120.0,
    ]
}

/// The value that the weights make of the six samples.
pub(crate) fn apply(weights: &[f32; 6], samples: &[f32; 6]) -> f32 {
    weights.iter().zip(samples).map(|(w, x)| w * x).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_through_the_samples() {
        assert_eq!(
            weights(0.0),
            [0.0, 0.0, 1.0, 0.0, 0.0, 0.0].map(|w: f32| w + 0.0)
        );
        let near_one = weights(1.0);
        assert!((near_one[3] - 1.0).abs() < 1e-6, "{near_one:?}");
    }

    #[test]
    fn a_fifth_degree_curve_is_exact() {
        let curve = |x: f64| 0.1 * x.powi(5) - 0.3 * x.powi(4) + x.powi(3) - x * x + 0.5 * x - 0.2;
        let samples: [f32; 6] = std::array::from_fn(|i| curve(i as f64 - 2.0) as f32);
        for i in 0..=16 {
            let t = i as f64 / 16.0;
            let got = f64::from(apply(&weights(t as f32), &samples));
            assert!(
                (got - curve(t)).abs() < 1e-5,
                "t {t}: {got} for {}",
                curve(t)
            );
        }
    }
}
