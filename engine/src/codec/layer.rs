//! One layer of the codec, and one stream through it.
//!
//! Worker thread. A layer takes the rows that it has enough context for and appends what it
//! makes of them to the rows that wait for the next.

use super::lstm::{Lstm, LstmState};
use super::window::{Span, Window};

/// A layer whose rows are made of a window of rows each.
pub(super) trait Windowed: std::fmt::Debug + Send + Sync {
    /// How windows lie on the rows.
    fn span(&self) -> Span;

    /// Floats of the rows that it makes.
    fn outputs(&self) -> usize;

    /// Rows that it makes of a window.
    fn rows_per_window(&self) -> usize {
        1
    }

    /// Rows too many at the start of the first window's and at the end of the last's.
    fn trim(&self) -> (usize, usize) {
        (0, 0)
    }

    /// Writes the rows of `windows` windows, the first of which begins with `rows`.
    fn compute(&self, rows: &[f32], windows: usize, out: &mut [f32]);
}

/// A loaded layer.
#[derive(Debug)]
pub(super) enum Layer {
    Windowed(Box<dyn Windowed>),
    Lstm(Lstm),
}

/// A layer, the rows that wait for it and what it knows of the rows before.
#[derive(Debug)]
pub(super) enum LayerStream<'c> {
    Windowed(&'c dyn Windowed, Window),
    Lstm(&'c Lstm, LstmState),
}

impl Layer {
    pub(super) fn stream(&self) -> LayerStream<'_> {
        match self {
            Self::Windowed(layer) => LayerStream::Windowed(&**layer, Window::new(layer.span())),
            Self::Lstm(layer) => LayerStream::Lstm(layer, layer.state()),
        }
    }
}

impl LayerStream<'_> {
    /// Where rows are appended.
    pub(super) fn input(&mut self) -> &mut Vec<f32> {
        match self {
            Self::Windowed(_, window) => window.input(),
            Self::Lstm(_, state) => state.input(),
        }
    }

    /// Appends to `out` what can be made of the rows that wait.
    pub(super) fn advance(&mut self, out: &mut Vec<f32>) {
        match self {
            Self::Windowed(layer, window) => {
                advance(*layer, window, out);
            }
            Self::Lstm(layer, state) => layer.advance(state, out),
        }
    }

    /// The same, knowing that no more rows will come.
    pub(super) fn finish(&mut self, out: &mut Vec<f32>) {
        match self {
            Self::Windowed(layer, window) => {
                window.finish();
                if advance(*layer, window, out) {
                    out.truncate(out.len() - layer.trim().1 * layer.outputs());
                }
            }
            Self::Lstm(layer, state) => layer.advance(state, out),
        }
    }
}

/// Says whether there were windows.
fn advance(layer: &dyn Windowed, window: &mut Window, out: &mut Vec<f32>) -> bool {
    let first = window.at_start();
    let (rows, windows) = window.ready();
    if windows == 0 {
        return false;
    }
    let at = out.len();
    out.resize(
        at + windows * layer.rows_per_window() * layer.outputs(),
        0.0,
    );
    layer.compute(rows, windows, &mut out[at..]);
    window.take(windows);
    if first {
        out.drain(at..at + layer.trim().0 * layer.outputs());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::conv_transpose::ConvTranspose;
    use super::super::matrix::tests::noise;
    use super::super::parameters::Parameters;
    use super::super::parameters::tests::file;
    use super::super::store::CodecPrecision;
    use super::*;

    /// PyTorch's `ConvTranspose1d` of ELU(x), trimmed by transformers' rule, written as
    /// naively as possible.
    fn naive_transpose(
        rows: &[f32],
        weights: &[f32],
        [inputs, outputs, ratio]: [usize; 3],
    ) -> Vec<f64> {
        let (count, kernel) = (rows.len() / inputs, 2 * ratio);
        let mut out = vec![0.0; ((count - 1) * ratio + kernel) * outputs];
        for row in 0..count {
            for input in 0..inputs {
                let x = f64::from(rows[row * inputs + input]);
                let x = if x < 0.0 { x.exp_m1() } else { x };
                for output in 0..outputs {
                    for tap in 0..kernel {
                        let weight = weights[(input * outputs + output) * kernel + tap];
                        out[(row * ratio + tap) * outputs + output] += x * f64::from(weight);
                    }
                }
            }
        }
        let surplus = kernel - ratio;
        let right = surplus / 2;
        out.truncate(out.len() - right * outputs);
        out.split_off((surplus - right) * outputs)
    }

    #[test]
    fn transposed_convolutions_are_trimmed_as_in_transformers() {
        for ratio in 1..=9 {
            let sizes @ [inputs, outputs, _] = [3, 2, ratio];
            let weights = noise(ratio as u64, inputs * outputs * 2 * ratio);
            let weights_file = file(&[
                ("conv.weight", &[inputs, outputs, 2 * ratio], &weights),
                ("conv.bias", &[outputs], &vec![0.0; outputs]),
            ]);
            let parameters = Parameters::new(&weights_file, "", CodecPrecision::Single);
            let layer = ConvTranspose::load(&parameters, inputs, outputs, ratio).unwrap();
            let layer = Layer::Windowed(Box::new(layer));
            for count in [1, 2, 3, 10] {
                let rows = noise(5, count * inputs);
                let expected = naive_transpose(&rows, &weights, sizes);
                assert_eq!(expected.len(), count * ratio * outputs);
                let (mut stream, mut ours) = (layer.stream(), Vec::new());
                for row in rows.chunks(inputs) {
                    stream.input().extend_from_slice(row);
                    stream.advance(&mut ours);
                }
                stream.finish(&mut ours);
                assert_eq!(ours.len(), expected.len());
                for (ours, expected) in ours.iter().zip(expected) {
                    assert!((f64::from(*ours) - expected).abs() < 1e-5, "ratio {ratio}");
                }
            }
        }
    }
}
