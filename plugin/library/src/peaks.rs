//! A take's outline for lists: the lowest and the highest sample of each of a few columns.
//!
//! Any thread. Pure.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Columns of an outline.
pub const COLUMNS: usize = 128;

/// Lowest and highest sample of every column, −127 to 127 for ±1; louder is cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peaks {
    /// `[lowest, highest]`, [`COLUMNS`] of them, or none when there is no sound.
    pub columns: Vec<[i8; 2]>,
}

impl Peaks {
    /// Of samples by channel, ±1 full scale; the channels share the outline.
    #[must_use]
    pub fn of(channels: &[Vec<f32>]) -> Self {
        let frames = channels.iter().map(Vec::len).max().unwrap_or(0);
        let mut outline = Outline::new(frames as u64);
        for frame in 0..frames {
            for channel in channels {
                outline.put(frame as u64, channel.get(frame).copied().unwrap_or(0.0));
            }
        }
        outline.finish()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// As bytes, two a column.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let pairs = self.columns.iter().flatten();
        pairs.map(|&value| value as u8).collect()
    }

    /// From [`Peaks::to_bytes`]; an odd last byte is passed over.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let pairs = bytes.chunks_exact(2).take(COLUMNS);
        Self {
            columns: pairs.map(|pair| [pair[0] as i8, pair[1] as i8]).collect(),
        }
    }
}

/// In JSON a string of hexadecimal digits, four a column: short enough to lie beside the facts.
impl Serialize for Peaks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = self
            .to_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        serializer.serialize_str(&digits)
    }
}

impl<'de> Deserialize<'de> for Peaks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let bytes = digits.as_bytes().chunks_exact(2).map(|pair| {
            let text = std::str::from_utf8(pair).unwrap_or_default();
            u8::from_str_radix(text, 16)
        });
        // Digits that are none are no reason to lose a take: it only has no outline.
        let bytes = bytes.collect::<Result<Vec<u8>, _>>().unwrap_or_default();
        Ok(Self::from_bytes(&bytes))
    }
}

/// An outline while its samples go by.
pub(crate) struct Outline {
    frames: u64,
    columns: Vec<[f32; 2]>,
}

impl Outline {
    /// For a sound of so many frames.
    pub(crate) fn new(frames: u64) -> Self {
        let columns = if frames == 0 { 0 } else { COLUMNS };
        Self {
            frames,
            columns: vec![[f32::INFINITY, f32::NEG_INFINITY]; columns],
        }
    }

    /// One sample of a frame.
    pub(crate) fn put(&mut self, frame: u64, sample: f32) {
        if self.frames == 0 || sample.is_nan() {
            return;
        }
        let column = (u128::from(frame) * COLUMNS as u128 / u128::from(self.frames)) as usize;
        if let Some([low, high]) = self.columns.get_mut(column) {
            *low = low.min(sample);
            *high = high.max(sample);
        }
    }

    /// All columns; one that no frame fell into repeats the one before it.
    pub(crate) fn finish(self) -> Peaks {
        let scaled = |sample: f32| (sample.clamp(-1.0, 1.0) * 127.0).round() as i8;
        let mut last = [0, 0];
        let columns = self.columns.iter().map(|&[low, high]| {
            if low <= high {
                last = [scaled(low), scaled(high)];
            }
            last
        });
        Peaks {
            columns: columns.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, Peaks};

    #[test]
    fn an_outline_has_the_extremes_of_every_column() {
        let mut left = vec![0.0; COLUMNS * 10];
        let mut right = left.clone();
        left[35] = 1.5;
        right[36] = -0.5;
        let peaks = Peaks::of(&[left, right]);
        assert_eq!(peaks.columns.len(), COLUMNS);
        assert_eq!(peaks.columns[3], [-64, 127]);
        assert_eq!(peaks.columns[4], [0, 0]);
    }

    #[test]
    fn a_sound_shorter_than_the_outline_fills_it() {
        let peaks = Peaks::of(&[vec![1.0, -1.0]]);
        assert_eq!(peaks.columns[0], [127, 127]);
        assert_eq!(peaks.columns[63], [127, 127]);
        assert_eq!(peaks.columns[127], [-127, -127]);
        assert!(Peaks::of(&[]).is_empty());
    }

    #[test]
    fn json_gives_back_what_it_took() {
        let peaks = Peaks::of(&[(0..1000).map(|n| (n as f32 * 0.7).sin()).collect()]);
        let text = serde_json::to_string(&peaks).expect("a string");
        assert_eq!(serde_json::from_str::<Peaks>(&text).expect("peaks"), peaks);
        let odd = serde_json::from_str::<Peaks>("\"zz\u{e4}1\"").expect("no peaks");
        assert!(odd.is_empty());
    }
}
