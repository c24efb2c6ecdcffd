//! Rows that wait for a convolution: a queue with padded ends.
//!
//! Worker thread. A convolution over time sees windows of `reach` rows, `stride` rows apart.
//! The queue says how many windows are settled, which is what makes a stream of the codec
//! possible: a row is dropped as soon as no window and no mirror image needs it.

/// What lies beyond the ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pad {
    /// The signal mirrored at its first and at its last row (which are not repeated).
    Reflect,
    /// Zeros.
    Zero,
}

/// How windows lie on the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    /// Floats of a row.
    pub(super) channels: usize,
    /// Rows of a window.
    pub(super) reach: usize,
    /// Rows from a window to the next.
    pub(super) stride: usize,
    /// Rows of padding in front.
    pub(super) left: usize,
    /// Rows of padding behind, when the rows are a whole number of strides.
    pub(super) right: usize,
    /// What the padding holds.
    pub(super) pad: Pad,
}

impl Span {
    /// A convolution with mirrored ends that makes one row of every `stride` rows: the
    /// padding is the surplus of the window, the larger half of it in front.
    pub(super) fn reflect(channels: usize, reach: usize, stride: usize) -> Self {
        let surplus = reach - stride;
        let right = surplus / 2;
        Self {
            channels,
            reach,
            stride,
            left: surplus - right,
            right,
            pad: Pad::Reflect,
        }
    }
}

/// The rows of one stream that wait for one layer.
#[derive(Debug)]
pub(super) struct Window {
    span: Span,
    /// Rows from padded position `base` on. Whoever feeds the layer appends here.
    rows: Vec<f32>,
    /// Padded position (0 is the first row of the left padding) of the first row held.
    base: usize,
    /// Padded position of the first row of the next window.
    next: usize,
    /// Whether the left padding has been put in front.
    padded: bool,
}

impl Window {
    pub(super) fn new(span: Span) -> Self {
        Self {
            span,
            rows: Vec::new(),
            base: span.left,
            next: 0,
            padded: false,
        }
    }

    /// Where rows are appended.
    pub(super) fn input(&mut self) -> &mut Vec<f32> {
        &mut self.rows
    }

    /// Whether no window has been taken yet.
    pub(super) fn at_start(&self) -> bool {
        self.next == 0
    }

    /// The rows from the next window on and how many windows can be taken.
    pub(super) fn ready(&mut self) -> (&[f32], usize) {
        let Span {
            channels,
            reach,
            stride,
            left,
            pad,
            ..
        } = self.span;
        if !self.padded {
            // The mirror image of the start needs the rows that it mirrors.
            if pad == Pad::Reflect && self.received() <= left {
                return (&[], 0);
            }
            self.pad_left();
        }
        let end = self.base + self.rows.len() / channels;
        let windows = (end + stride).saturating_sub(self.next + reach) / stride;
        (&self.rows[(self.next - self.base) * channels..], windows)
    }

    /// Marks windows as done and drops the rows that nothing will look at again.
    pub(super) fn take(&mut self, windows: usize) {
        let Span {
            channels,
            stride,
            right,
            pad,
            ..
        } = self.span;
        self.next += windows * stride;
        // The mirror image of the end may reach behind the next window.
        let mirrored = if pad == Pad::Reflect {
            right + stride
        } else {
            0
        };
        let base = self.next.saturating_sub(mirrored);
        if base > self.base {
            self.rows.drain(..(base - self.base) * channels);
            self.base = base;
        }
    }

    /// Says that no row will follow: puts the padding behind the last one.
    pub(super) fn finish(&mut self) {
        let Span {
            channels,
            stride,
            left,
            right,
            pad,
            ..
        } = self.span;
        let received = self.received();
        if received == 0 {
            return;
        }
        let right = right + received.next_multiple_of(stride) - received;
        // Shorter than its padding, a signal is prolonged by zeros before it is mirrored,
        // and cut back after: what transformers' `EncodecConv1d._pad1d` does.
        let longest = left.max(right);
        let mirrored = if received > longest {
            received
        } else {
            longest + 1
        };
        if !self.padded {
            self.pad_left();
        }
        for position in received..received + right {
            if pad == Pad::Zero || position < mirrored {
                self.rows.resize(self.rows.len() + channels, 0.0);
            } else {
                self.push_copy(2 * (mirrored - 1) - position, received);
            }
        }
    }

    fn received(&self) -> usize {
        self.base + self.rows.len() / self.span.channels - self.span.left
    }

    /// Puts the padding in front; rows that the signal does not have count as zeros.
    fn pad_left(&mut self) {
        let Span {
            channels,
            left,
            pad,
            ..
        } = self.span;
        let received = self.received();
        let mut padded = Vec::with_capacity(left * channels + self.rows.len());
        for row in (1..=left).rev() {
            if pad == Pad::Reflect && row < received {
                padded.extend_from_slice(&self.rows[row * channels..(row + 1) * channels]);
            } else {
                padded.resize(padded.len() + channels, 0.0);
            }
        }
        padded.append(&mut self.rows);
        (self.rows, self.base, self.padded) = (padded, 0, true);
    }

    /// Appends a copy of a row of the signal; rows from `received` on are zeros.
    fn push_copy(&mut self, row: usize, received: usize) {
        let channels = self.span.channels;
        if row < received {
            let at = (row + self.span.left - self.base) * channels;
            self.rows.extend_from_within(at..at + channels);
        } else {
            self.rows.resize(self.rows.len() + channels, 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// transformers' padding, written as naively as possible.
    fn padded(signal: &[f32], left: usize, right: usize) -> Vec<f32> {
        let mut longer = signal.to_vec();
        let zeros = (left.max(right) + 1).saturating_sub(signal.len());
        longer.resize(signal.len() + zeros, 0.0);
        let last = longer.len() - 1;
        let mut all: Vec<f32> = (1..=left).rev().map(|row| longer[row]).collect();
        all.extend(&longer);
        all.extend((1..=right).map(|row| longer[last - row]));
        all.truncate(all.len() - zeros);
        all
    }

    /// All windows of a signal that arrives in pieces of `piece` rows.
    fn windows(span: Span, signal: &[f32], piece: usize) -> Vec<Vec<f32>> {
        let mut window = Window::new(span);
        let mut all = Vec::new();
        let drain = |window: &mut Window, all: &mut Vec<Vec<f32>>| {
            let (rows, count) = window.ready();
            for index in 0..count {
                all.push(rows[index * span.stride..][..span.reach].to_vec());
            }
            window.take(count);
        };
        for rows in signal.chunks(piece) {
            window.input().extend_from_slice(rows);
            drain(&mut window, &mut all);
        }
        window.finish();
        drain(&mut window, &mut all);
        assert!(
            window.rows.len() <= 3 * (span.reach + span.stride) + piece,
            "rows pile up"
        );
        all
    }

    #[test]
    fn windows_are_those_of_the_whole_padded_signal() {
        for (reach, stride) in [
            (1, 1),
            (2, 1),
            (3, 1),
            (7, 1),
            (5, 1),
            (4, 2),
            (6, 3),
            (10, 5),
            (16, 8),
            (2, 1),
        ] {
            let span = Span::reflect(1, reach, stride);
            for length in 1..40_usize {
                let signal: Vec<f32> = (1..=length).map(|row| row as f32).collect();
                let extra = length.next_multiple_of(stride) - length;
                let whole = padded(&signal, span.left, span.right + extra);
                let expected: Vec<Vec<f32>> = (0..=whole.len() - reach)
                    .step_by(stride)
                    .map(|at| whole[at..at + reach].to_vec())
                    .collect();
                assert_eq!(expected.len(), length.div_ceil(stride));
                for piece in [1, 2, 3, 7, 100] {
                    assert_eq!(
                        windows(span, &signal, piece),
                        expected,
                        "{reach}/{stride}, {length} in {piece}s"
                    );
                }
            }
        }
    }

    #[test]
    fn zeros_lie_around_a_signal_that_is_not_mirrored() {
        let span = Span {
            channels: 1,
            reach: 2,
            stride: 1,
            left: 1,
            right: 1,
            pad: Pad::Zero,
        };
        assert_eq!(
            windows(span, &[1.0, 2.0], 1),
            [[0.0, 1.0], [1.0, 2.0], [2.0, 0.0]]
        );
    }

    #[test]
    fn nothing_in_is_nothing_out() {
        assert!(windows(Span::reflect(1, 7, 1), &[], 1).is_empty());
    }
}
