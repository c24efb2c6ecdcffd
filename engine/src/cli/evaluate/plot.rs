//! Plots as SVG that stands in a page: colours and type are the page's.
//!
//! Main thread. Pure. Classes: `a` and `b` for what belongs to the one set and to the other,
//! `axis`, `grid`, `soft` for what is not data.

use std::fmt::Write;

use super::page::escape;

const WIDTH: f64 = 720.0;
/// Room left and right of what is drawn.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 14.0;
/// Where the numbers below an axis stand.
const FOOT: f64 = 22.0;

/// A value and the name of what has it.
pub(super) struct Point<'a> {
    pub(super) name: &'a str,
    pub(super) value: f64,
}

/// From values to places.
#[derive(Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis over all values, with a little room at its ends.
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let room = ((high - low) * 0.04).max(high.abs().max(low.abs()) * 0.005 + 0.05);
        Self {
            low: low - room,
            high: high + room,
            from,
            to,
        }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Round numbers on it, about so many, and the digits that they need.
    fn ticks(&self, about: f64) -> (Vec<f64>, usize) {
        let rough = (self.high - self.low) / about;
        let ten = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * ten)
            .into_iter()
            .find(|&step| step >= rough)
            .unwrap_or(rough);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        let digits = (-step.log10().floor()).max(0.0) as usize;
        ((first..=last).map(|i| i as f64 * step).collect(), digits)
    }
}

fn open(height: f64, what: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
        escape(what)
    )
}

/// Numbers and lines of an axis from left to right, whose plot ends at `bottom`.
fn horizontal(out: &mut String, axis: &Axis, bottom: f64) {
    let (ticks, digits) = axis.ticks(8.0);
    for tick in ticks {
        let x = axis.at(tick);
        // Writing into a string cannot fail.
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{x:.1} 4V{bottom:.1}\"/>\
             <text class=\"soft\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick:.digits$}</text>",
            bottom + 15.0
        );
    }
}

/// Numbers and lines of an axis from the bottom up.
fn vertical(out: &mut String, axis: &Axis) {
    let (ticks, digits) = axis.ticks(5.0);
    for tick in ticks {
        let y = axis.at(tick);
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/>\
             <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{tick:.digits$}</text>",
            WIDTH - RIGHT,
            LEFT - 7.0,
            y + 4.0
        );
    }
}

/// Every value as a dot, one row for each set, its median as a line.
pub(super) fn strip(sets: &[Vec<Point<'_>>], unit: &str) -> String {
    const ROW: f64 = 50.0;
    const DOT: f64 = 3.4;
    let values = || sets.iter().flatten().map(|point| point.value);
    let axis = Axis::over(values(), LEFT, WIDTH - RIGHT);
    let bottom = ROW * sets.len() as f64 + 4.0;
    let mut out = open(bottom + FOOT, unit);
    horizontal(&mut out, &axis, bottom);
    for (row, (points, class)) in sets.iter().zip(["a", "b"]).enumerate() {
        let middle = 4.0 + ROW * (row as f64 + 0.5);
        let mut sorted: Vec<&Point<'_>> = points.iter().collect();
        sorted.sort_by(|a, b| a.value.total_cmp(&b.value));
        // Dots that would lie on one another are stacked, in turns above and below.
        let mut taken = Vec::<(i64, u32)>::new();
        for point in &sorted {
            let x = axis.at(point.value);
            let column = (x / (2.0 * DOT)).round() as i64;
            let height = match taken.last_mut() {
                Some((last, count)) if *last == column => {
                    *count += 1;
                    *count
                }
                _ => {
                    taken.push((column, 0));
                    0
                }
            };
            let side = if height % 2 == 0 { 1.0 } else { -1.0 };
            let off = side * f64::from(height.div_ceil(2)) * 1.6 * DOT;
            let y = middle + off.clamp(4.0 - ROW / 2.0, ROW / 2.0 - 4.0);
            let _ = write!(
                out,
                "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{DOT}\">\
                 <title>{}: {:.2} {}</title></circle>",
                escape(point.name),
                point.value,
                escape(unit)
            );
        }
        if let Some(median) = sorted.get(sorted.len() / 2) {
            let _ = write!(
                out,
                "<path class=\"median {class}\" d=\"M{:.1} {:.1}v{:.1}\"/>",
                axis.at(median.value),
                middle - ROW / 2.0 + 3.0,
                ROW - 6.0
            );
        }
    }
    out + "</svg>"
}

/// What was asked for (to the right) against what was found (upwards), with the lines on which it
/// is kept, doubled and halved.
pub(super) fn asked_and_found(points: &[(&str, f64, f64)]) -> String {
    const HEIGHT: f64 = 330.0;
    let bottom = HEIGHT - FOOT - 14.0;
    let asked = Axis::over(points.iter().map(|point| point.1), LEFT, WIDTH - RIGHT);
    let found = Axis::over(points.iter().map(|point| point.2), bottom, 8.0);
    let mut out = open(HEIGHT, "tempo asked for and tempo found");
    horizontal(&mut out, &asked, bottom);
    vertical(&mut out, &found);
    for (factor, class) in [(1.0, "line"), (2.0, "line dashed"), (0.5, "line dashed")] {
        // The part of the line that is inside.
        let low = asked.low.max(found.low / factor);
        let high = asked.high.min(found.high / factor);
        if low < high {
            let _ = write!(
                out,
                "<path class=\"{class}\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>",
                asked.at(low),
                found.at(low * factor),
                asked.at(high),
                found.at(high * factor)
            );
        }
    }
    for (name, x, y) in points {
        let _ = write!(
            out,
            "<circle class=\"dot a\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\">\
             <title>{}: {y:.2} BPM for {x}</title></circle>",
            asked.at(*x),
            found.at(*y),
            escape(name)
        );
    }
    let _ = write!(
        out,
        "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">BPM asked for</text>\
         <text class=\"soft\" x=\"{:.1}\" y=\"16\">BPM found</text>",
        WIDTH - RIGHT,
        HEIGHT - 4.0,
        LEFT + 6.0
    );
    out + "</svg>"
}

/// One curve for each set over named places, of which every `label_every`th has its name.
pub(super) fn curves(
    sets: &[Vec<f64>],
    places: &[String],
    label_every: usize,
    unit: &str,
) -> String {
    const HEIGHT: f64 = 230.0;
    let bottom = HEIGHT - FOOT;
    let values = || sets.iter().flatten().copied();
    let axis = Axis::over(values(), bottom, 8.0);
    let last = places.len().saturating_sub(1).max(1) as f64;
    let x = |index: usize| LEFT + 10.0 + index as f64 / last * (WIDTH - LEFT - RIGHT - 30.0);
    let mut out = open(HEIGHT, unit);
    vertical(&mut out, &axis);
    for (index, place) in places.iter().enumerate().step_by(label_every) {
        let _ = write!(
            out,
            "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x(index),
            bottom + 15.0,
            escape(place)
        );
    }
    for (values, class) in sets.iter().zip(["a", "b"]) {
        let mut path = String::new();
        for (index, &value) in values.iter().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{:.1} {:.1}", x(index), axis.at(value));
        }
        let _ = write!(out, "<path class=\"curve {class}\" d=\"{path}\"/>");
        if values.len() <= 12 {
            for (index, &value) in values.iter().enumerate() {
                let _ = write!(
                    out,
                    "<circle class=\"dot {class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\">\
                     <title>{}: {value:.1} {}</title></circle>",
                    x(index),
                    axis.at(value),
                    escape(&places[index]),
                    escape(unit)
                );
            }
        }
    }
    out + "</svg>"
}

/// Numbers as bars, each with its name before it.
pub(super) fn bars(items: &[(&str, usize)]) -> String {
    const ROW: f64 = 28.0;
    const NAMES: f64 = 190.0;
    let most = items.iter().map(|item| item.1).max().unwrap_or(0).max(1) as f64;
    let mut out = open(ROW * items.len() as f64 + 6.0, "numbers of files");
    for (row, (name, count)) in items.iter().enumerate() {
        let y = ROW * row as f64 + 6.0;
        let width = *count as f64 / most * (WIDTH - NAMES - 60.0);
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"bar\" x=\"{NAMES}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"18\" rx=\"3\"/>\
             <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\">{count}</text>",
            NAMES - 10.0,
            y + 13.5,
            escape(name),
            NAMES + width + 8.0,
            y + 13.5
        );
    }
    out + "</svg>"
}

/// How late each beat is, as a small curve around a line; the whole height is 20 ms to each side.
pub(super) fn beats(late_ms: &[f64]) -> String {
    const WIDE: f64 = 110.0;
    const HIGH: f64 = 24.0;
    const MOST_MS: f64 = 20.0;
    let last = late_ms.len().saturating_sub(1).max(1) as f64;
    let mut path = String::new();
    for (index, late) in late_ms.iter().enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        let y = HIGH / 2.0 - late.clamp(-MOST_MS, MOST_MS) / MOST_MS * (HIGH / 2.0 - 2.0);
        let x = 2.0 + index as f64 / last * (WIDE - 4.0);
        let _ = write!(path, "{letter}{x:.1} {y:.1}");
    }
    format!(
        "<svg class=\"small\" viewBox=\"0 0 {WIDE} {HIGH}\" role=\"img\" \
         aria-label=\"how late each beat is\"><path class=\"grid\" d=\"M0 {y}H{WIDE}\"/>\
         <path class=\"curve a\" d=\"{path}\"/></svg>",
        y = HIGH / 2.0
    )
}
