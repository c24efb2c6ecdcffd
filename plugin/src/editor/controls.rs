//! The panel's own controls: buttons, chips, segments, and sliders for parameters.
//!
//! Window thread. Each takes what it shows and says what happened; none keeps anything.

use std::sync::Arc;

use egui::{
    Align2, Color32, CornerRadius, FontId, Galley, Painter, Pos2, Rect, Response, Sense, Stroke,
    StrokeKind, Ui, Vec2, pos2, vec2,
};
use nice_plug::prelude::{Param, ParamSetter};

use super::icon::Icon;
use super::theme::{
    self, ACCENT, ACCENT_HOVER, EDGE, FIELD, FIELD_HOVER, ON_ACCENT, QUIET, ROW, TEXT, body,
};

/// How a button stands out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// The one thing to do next.
    Main,
    /// On, of those that can be on and off.
    On,
    /// Everything else.
    Plain,
}

/// A button of a given size; `Main` is filled with the accent, `On` is edged with it.
pub(super) fn button(
    ui: &mut Ui,
    text: &str,
    size: Vec2,
    weight: Weight,
    enabled: bool,
) -> Response {
    let sense = if enabled {
        Sense::click()
    } else {
        Sense::hover()
    };
    let (rect, response) = ui.allocate_exact_size(size, sense);
    response.widget_info(|| {
        egui::WidgetInfo::selected(
            egui::Role::Button,
            enabled,
            weight == Weight::On,
            text.to_owned(),
        )
    });
    let hovered = enabled && (response.hovered() || response.has_focus());
    let (fill, ink, edge) = match (weight, hovered) {
        (Weight::Main, _) if !enabled => (FIELD, QUIET, FIELD),
        (Weight::Main, false) => (ACCENT, ON_ACCENT, ACCENT),
        (Weight::Main, true) => (ACCENT_HOVER, ON_ACCENT, ACCENT_HOVER),
        (Weight::On, false) => (tint(ACCENT), ACCENT, ACCENT),
        (Weight::On, true) => (tint(ACCENT), ACCENT_HOVER, ACCENT_HOVER),
        (Weight::Plain, false) => (FIELD, if enabled { TEXT } else { QUIET }, FIELD),
        (Weight::Plain, true) => (FIELD_HOVER, TEXT, EDGE),
    };
    let painter = ui.painter();
    let radius = CornerRadius::same(theme::ROUND);
    painter.rect(
        rect,
        radius,
        fill,
        Stroke::new(1.0, edge),
        StrokeKind::Inside,
    );
    let font = match weight {
        Weight::Main if size.y > ROW => theme::strong(14.5),
        Weight::Main => theme::strong(13.0),
        Weight::On | Weight::Plain => body(),
    };
    painter.text(rect.center(), Align2::CENTER_CENTER, text, font, ink);
    response.on_hover_cursor(if enabled {
        egui::CursorIcon::PointingHand
    } else {
        egui::CursorIcon::Default
    })
}

/// A button as wide as its text and the usual padding.
pub(super) fn chip(ui: &mut Ui, text: &str, on: bool) -> Response {
    let width = text_width(ui, text) + 2.0 * ui.spacing().button_padding.x;
    let weight = if on { Weight::On } else { Weight::Plain };
    button(ui, text, vec2(width, ROW), weight, true)
}

/// One of several values, side by side in one field; `Some` is the one that was picked.
pub(super) fn segments<T: Copy + PartialEq>(
    ui: &mut Ui,
    values: &[(T, String)],
    now: T,
) -> Option<T> {
    let widths: Vec<f32> = values
        .iter()
        .map(|(_, text)| text_width(ui, text).max(10.0) + 16.0)
        .collect();
    let size = vec2(widths.iter().sum(), ROW);
    let (track, field) = ui.allocate_exact_size(size, Sense::hover());
    let radius = CornerRadius::same(theme::ROUND);
    ui.painter().rect_filled(track, radius, FIELD);
    let mut left = track.left();
    let mut picked = None;
    for (at, ((value, text), width)) in values.iter().zip(widths).enumerate() {
        let rect = Rect::from_min_size(pos2(left, track.top()), vec2(width, ROW));
        left += width;
        let on = *value == now;
        let response = ui.interact(rect, field.id.with(at), Sense::click());
        response.widget_info(|| {
            egui::WidgetInfo::selected(egui::Role::RadioButton, true, on, text.clone())
        });
        let lit = response.hovered() || response.has_focus();
        let (fill, ink) = match (on, lit) {
            (true, _) => (theme::SEGMENT, ACCENT),
            (false, true) => (FIELD_HOVER, TEXT),
            (false, false) => (FIELD, QUIET),
        };
        let painter = ui.painter();
        let edge = Stroke::new(1.0, if on { EDGE } else { fill });
        painter.rect(rect, radius, fill, edge, StrokeKind::Inside);
        painter.text(rect.center(), Align2::CENTER_CENTER, text, body(), ink);
        if response
            .on_hover_cursor(egui::CursorIcon::PointingHand)
            .clicked()
        {
            picked = Some(*value);
        }
    }
    picked
}

/// A horizontal slider for a parameter, with its value to the right. A double click resets it.
pub(super) fn slider<P: Param>(
    ui: &mut Ui,
    param: &P,
    setter: &ParamSetter,
    width: f32,
) -> Response {
    const VALUE_WIDTH: f32 = 58.0;
    let (rect, response) =
        ui.allocate_exact_size(vec2(width + VALUE_WIDTH, ROW), Sense::click_and_drag());
    let track = Rect::from_min_max(
        pos2(rect.left() + 7.0, rect.center().y - 2.0),
        pos2(rect.left() + width - 7.0, rect.center().y + 2.0),
    );
    if response.double_clicked() {
        setter.begin_set_parameter(param);
        setter.set_parameter_normalized(param, param.default_normalized_value());
        setter.end_set_parameter(param);
    } else if let Some(pointer) = response.interact_pointer_pos() {
        if response.drag_started() {
            setter.begin_set_parameter(param);
        }
        if response.dragged() {
            let place = ((pointer.x - track.left()) / track.width()).clamp(0.0, 1.0);
            let plain = param.preview_plain(place);
            setter.set_parameter(param, plain);
        }
    }
    if response.drag_stopped() {
        setter.end_set_parameter(param);
    }

    let value = param.unmodulated_normalized_value();
    let handle = pos2(
        egui::lerp(track.left()..=track.right(), value),
        track.center().y,
    );
    let hovered = response.hovered() || response.dragged();
    let painter = ui.painter();
    painter.rect_filled(track, CornerRadius::same(2), FIELD_HOVER);
    painter.rect_filled(track.with_max_x(handle.x), CornerRadius::same(2), ACCENT);
    let ink = if hovered { ACCENT_HOVER } else { TEXT };
    painter.circle_filled(handle, 6.0, ink);
    painter.text(
        pos2(rect.left() + width + 6.0, rect.center().y),
        Align2::LEFT_CENTER,
        param.to_string(),
        theme::small(),
        TEXT,
    );
    response
        .widget_info(|| egui::WidgetInfo::slider(true, f64::from(value), param.name().to_owned()));
    response.on_hover_cursor(egui::CursorIcon::ResizeHorizontal)
}

/// Sets a parameter as one gesture, which hosts can record.
pub(crate) fn set<P: Param>(setter: &ParamSetter, param: &P, value: P::Plain) {
    setter.begin_set_parameter(param);
    setter.set_parameter(param, value);
    setter.end_set_parameter(param);
}

/// A colour as a wash over a card.
pub(super) fn tint(color: Color32) -> Color32 {
    let mix = |ground: u8, ink: u8| ((u16::from(ground) * 84 + u16::from(ink) * 16) / 100) as u8;
    let ground = theme::CARD;
    Color32::from_rgb(
        mix(ground.r(), color.r()),
        mix(ground.g(), color.g()),
        mix(ground.b(), color.b()),
    )
}

/// One line of text that ends in an ellipsis where it would be wider than `width`.
pub(super) fn fit(
    painter: &Painter,
    text: &str,
    font: FontId,
    color: Color32,
    width: f32,
) -> Arc<Galley> {
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width.max(1.0));
    painter.layout_job(job)
}

/// Paints one line of text, its middle at `y`, from `x` on; says where it ends.
pub(super) fn line(
    painter: &Painter,
    at: Pos2,
    text: &str,
    font: FontId,
    color: Color32,
    width: f32,
) -> f32 {
    let galley = fit(painter, text, font, color, width);
    let size = galley.size();
    painter.galley(pos2(at.x, at.y - size.y / 2.0), galley, color);
    at.x + size.x
}

/// A word on a tinted ground, as wide as it has to be, with its right end at `right`; says where it
/// begins.
pub(super) fn badge(painter: &Painter, right: Pos2, text: &str, color: Color32) -> f32 {
    let galley = painter.layout_no_wrap(text.to_owned(), FontId::proportional(10.5), color);
    let size = galley.size() + vec2(10.0, 3.0);
    let rect = Rect::from_min_size(pos2(right.x - size.x, right.y - size.y / 2.0), size);
    painter.rect_filled(rect, CornerRadius::same(3), theme::FIELD);
    painter.galley(rect.center() - galley.size() / 2.0, galley, color);
    rect.left()
}

/// A small button with a drawn sign.
pub(super) fn sign(ui: &mut Ui, icon: Icon, on: bool, enabled: bool, name: &str) -> Response {
    let sense = if enabled {
        Sense::click()
    } else {
        Sense::hover()
    };
    let (rect, response) = ui.allocate_exact_size(vec2(ROW, ROW), sense);
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::Button, enabled, on, name.to_owned())
    });
    let hovered = enabled && (response.hovered() || response.has_focus());
    if hovered {
        ui.painter()
            .rect_filled(rect, CornerRadius::same(theme::ROUND), FIELD_HOVER);
    }
    let ink = match (enabled, on) {
        (false, _) => theme::LINE,
        (true, true) => ACCENT,
        (true, false) if hovered => TEXT,
        (true, false) => QUIET,
    };
    icon.paint(ui.painter(), rect.shrink(6.0), ink);
    response.on_hover_text(name)
}

/// A text field in a row, as high as the controls beside it.
pub(super) fn text_field(ui: &mut Ui, text: &mut String, hint: &str, width: f32) -> Response {
    ui.add(
        egui::TextEdit::singleline(text)
            .hint_text(egui::RichText::new(hint).color(QUIET))
            .desired_width(width)
            .min_size(vec2(width, ROW))
            .margin(egui::Margin::symmetric(8, 4))
            .align(Align2::LEFT_CENTER),
    )
}

fn text_width(ui: &Ui, text: &str) -> f32 {
    ui.painter()
        .layout_no_wrap(text.to_owned(), body(), TEXT)
        .size()
        .x
}
