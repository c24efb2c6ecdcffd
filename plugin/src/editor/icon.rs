//! Signs that are drawn rather than taken from a font, so that they look the same everywhere.
//!
//! Window thread; only draws.

use egui::{Color32, CornerRadius, Painter, Rect, Shape, Stroke, StrokeKind, pos2, vec2};

/// A sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    /// A triangle.
    Play,
    /// A square.
    Stop,
    /// An arrow back.
    Undo,
    /// An arrow forth.
    Redo,
    /// A star, filled.
    Star,
    /// A cross.
    Close,
    /// Three dots.
    More,
    /// A window with a column at the right.
    Side,
    /// Two squares, one on the other.
    Layers,
    /// A star's outline.
    Hollow,
    /// An arrow into a box.
    Place,
}

impl Icon {
    /// Paints it into a square.
    pub(super) fn paint(self, painter: &Painter, rect: Rect, ink: Color32) {
        let stroke = Stroke::new(1.5, ink);
        let at = |x: f32, y: f32| {
            pos2(
                rect.left() + x * rect.width(),
                rect.top() + y * rect.height(),
            )
        };
        match self {
            Self::Play => {
                let points = vec![at(0.18, 0.06), at(0.95, 0.5), at(0.18, 0.94)];
                painter.add(Shape::convex_polygon(points, ink, Stroke::NONE));
            }
            Self::Stop => {
                painter.rect_filled(rect.shrink(rect.width() * 0.1), CornerRadius::same(1), ink);
            }
            Self::Undo | Self::Redo => {
                let side = |x: f32| if self == Self::Undo { x } else { 1.0 - x };
                let arc: Vec<_> = (0..=12)
                    .map(|step| {
                        let turn = -std::f32::consts::FRAC_PI_2
                            + step as f32 / 12.0 * std::f32::consts::PI;
                        at(side(0.6 + 0.34 * turn.cos()), 0.62 + 0.34 * turn.sin())
                    })
                    .collect();
                painter.add(Shape::line(arc, stroke));
                painter.line_segment([at(side(0.6), 0.28), at(side(0.1), 0.28)], stroke);
                painter.line_segment([at(side(0.6), 0.96), at(side(0.3), 0.96)], stroke);
                let head = vec![
                    at(side(0.34), 0.02),
                    at(side(0.08), 0.28),
                    at(side(0.34), 0.54),
                ];
                painter.add(Shape::line(head, stroke));
            }
            Self::Star | Self::Hollow => {
                let points: Vec<_> = (0..10)
                    .map(|corner| {
                        let turn = corner as f32 * std::f32::consts::PI / 5.0
                            - std::f32::consts::FRAC_PI_2;
                        let reach = if corner % 2 == 0 { 0.52 } else { 0.22 };
                        at(0.5 + reach * turn.cos(), 0.53 + reach * turn.sin())
                    })
                    .collect();
                if self == Self::Star {
                    // A star is not convex: a kite for each of its points.
                    let middle = at(0.5, 0.53);
                    for corner in (0..10).step_by(2) {
                        let kite = vec![
                            middle,
                            points[(corner + 9) % 10],
                            points[corner],
                            points[corner + 1],
                        ];
                        painter.add(Shape::convex_polygon(kite, ink, Stroke::NONE));
                    }
                } else {
                    painter.add(Shape::closed_line(points, Stroke::new(1.2, ink)));
                }
            }
            Self::Close => {
                painter.line_segment([at(0.15, 0.15), at(0.85, 0.85)], stroke);
                painter.line_segment([at(0.85, 0.15), at(0.15, 0.85)], stroke);
            }
            Self::More => {
                for x in [0.1, 0.5, 0.9] {
                    painter.circle_filled(at(x, 0.5), rect.width() * 0.12, ink);
                }
            }
            Self::Side => {
                let frame = rect.shrink2(vec2(0.0, rect.height() * 0.1));
                painter.rect_stroke(frame, CornerRadius::same(2), stroke, StrokeKind::Inside);
                let column = frame.with_min_x(at(0.62, 0.0).x);
                painter.rect_filled(column, CornerRadius::same(2), ink);
            }
            Self::Layers => {
                let size = rect.size() * 0.64;
                let back = Rect::from_min_size(at(0.36, 0.0), size);
                let front = Rect::from_min_size(at(0.0, 0.36), size);
                painter.rect_stroke(back, CornerRadius::same(2), stroke, StrokeKind::Inside);
                painter.rect_filled(front, CornerRadius::same(2), ink);
            }
            Self::Place => {
                painter.line_segment([at(0.0, 0.5), at(0.66, 0.5)], stroke);
                let head = vec![at(0.42, 0.24), at(0.68, 0.5), at(0.42, 0.76)];
                painter.add(Shape::line(head, stroke));
                let wall = vec![at(0.5, 0.05), at(0.98, 0.05), at(0.98, 0.95), at(0.5, 0.95)];
                painter.add(Shape::line(wall, stroke));
            }
        }
    }
}
