//! A filter of second order whose cutoff may move while it runs.
//!
//! Any thread; allocates nothing. The state-variable filter in trapezoidal integration of Andrew
//! Simper, "Solving the continuous SVF equations using trapezoidal integration and equivalent
//! currents" (Cytomic, 2013): stable however fast the cutoff moves.

/// One channel's filter.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Filter {
    first: f64,
    second: f64,
}

/// What a filter does at one cutoff, without a peak at it (Butterworth).
#[derive(Debug, Clone, Copy)]
pub(super) struct Cutoff {
    g: f64,
}

const DAMPING: f64 = std::f64::consts::SQRT_2;

impl Cutoff {
    /// At `hz`, kept under the highest frequency that the rate has.
    pub(super) fn new(hz: f64, rate_hz: u32) -> Self {
        let rate = f64::from(rate_hz);
        Self {
            g: (std::f64::consts::PI * hz.min(0.45 * rate) / rate).tan(),
        }
    }
}

impl Filter {
    /// What is below the cutoff, and what is above it.
    pub(super) fn split(&mut self, sample: f32, cutoff: Cutoff) -> (f32, f32) {
        let Cutoff { g } = cutoff;
        let sample = f64::from(sample);
        let over = sample - self.second;
        let scale = 1.0 / (1.0 + g * (g + DAMPING));
        let band = scale * (self.first + g * over);
        let low = self.second + g * band;
        self.first = 2.0 * band - self.first;
        self.second = 2.0 * low - self.second;
        (low as f32, (sample - DAMPING * band - low) as f32)
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::FRAC_1_SQRT_2;
    use std::f64::consts::TAU;

    use super::*;

    /// Gains of both outputs for a tone, after it has settled.
    fn gains(hz: f64) -> (f32, f32) {
        let rate_hz = 48_000;
        let cutoff = Cutoff::new(1_000.0, rate_hz);
        let mut filter = Filter::default();
        let mut peaks = (0.0f32, 0.0f32);
        for frame in 0..48_000 {
            let tone = (TAU * hz * f64::from(frame) / f64::from(rate_hz)).sin();
            let (low, high) = filter.split(tone as f32, cutoff);
            if frame > 24_000 {
                peaks = (peaks.0.max(low.abs()), peaks.1.max(high.abs()));
            }
        }
        peaks
    }

    #[test]
    fn lows_and_highs_go_their_ways() {
        let near = |a: f32, b: f32| (a - b).abs() < 0.01;
        let (low, high) = gains(100.0);
        assert!(near(low, 1.0) && near(high, 0.01), "{low} {high}");
        // At the cutoff both are 3 dB down.
        let (low, high) = gains(1_000.0);
        assert!(
            near(low, FRAC_1_SQRT_2) && near(high, FRAC_1_SQRT_2),
            "{low} {high}"
        );
        let (low, high) = gains(10_000.0);
        assert!(low < 0.01 && near(high, 1.0), "{low} {high}");
    }
}
