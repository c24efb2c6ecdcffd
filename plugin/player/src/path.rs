//! Places between samples, one after the other.
//!
//! Audio thread; plain values. Places are whole numbers, 2^-32 of a sample: they break into sample,
//! phase and rest without a rounding to the wrong side, and without the long way that broken numbers
//! take to whole ones. Over the longest span of samples the last place is wrong by 2^-22 of a sample,
//! the next path begins anew.

/// Of a sample.
const BITS: u32 = 32;

/// Of the rest that a mix is made of: as many as a narrow number holds.
const MIX_BITS: u32 = 24;

/// Where they begin, and how far it is from one to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    at: u64,
    step: u64,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    /// Whole samples before it.
    pub(crate) samples: usize,
    /// Whole phases from that sample.
    pub(crate) phase: usize,
    /// The share of the way to the next phase.
    pub(crate) mix: f32,
}

impl Path {
    /// From `at` samples on, in steps of as many; both 0 or more.
    pub(crate) fn new(at: f64, step: f64) -> Self {
        let fixed = |samples: f64| (samples * (1_u64 << BITS) as f64) as u64;
        Self {
            at: fixed(at),
            step: fixed(step),
        }
    }

    /// Whole samples before the place that so many follow each other to.
    pub(crate) fn samples(&self, places: usize) -> usize {
        let way = self.step.wrapping_mul(places as u64);
        (self.at.wrapping_add(way) >> BITS) as usize
    }

    /// The next place, where a sample has so many phases.
    #[inline(always)]
    pub(crate) fn next(&mut self, phases: u32) -> Place {
        let at = self.at;
        self.at = at.wrapping_add(self.step);
        let phase = u64::from(at as u32) * u64::from(phases);
        let rest = phase as u32 >> (BITS - MIX_BITS);
        Place {
            samples: (at >> BITS) as usize,
            phase: (phase >> BITS) as usize,
            mix: rest as i32 as f32 * (1.0 / (1_u32 << MIX_BITS) as f32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_where_broken_numbers_have_them() {
        for (at, step) in [(0.0, 1.0), (0.999_999, 0.37), (0.25, 3.3), (0.5, 1e-7)] {
            let mut path = Path::new(at, step);
            for i in 0..300 {
                let want = at + f64::from(i) * step;
                assert!(path.samples(0) as f64 <= want);
                let place = path.next(170);
                let phases = place.phase as f64 + f64::from(place.mix);
                let got = place.samples as f64 + phases / 170.0;
                assert!((got - want).abs() < 1e-6, "{at} + {i} × {step}: {place:?}");
                assert!(place.phase < 170 && (0.0..1.0).contains(&place.mix));
            }
        }
        assert_eq!(Path::new(0.5, 0.75).samples(2), 2);
    }

    #[test]
    fn what_nobody_plays_at_is_somewhere() {
        for wild in [f64::MAX, f64::INFINITY, f64::NAN, -1.0, 5e-324] {
            let mut path = Path::new(0.5, wild);
            assert_eq!(path.next(256).samples, 0);
            path.next(256);
        }
    }
}
