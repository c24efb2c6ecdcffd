//! The panel's own controls: buttons, chips, segments, and sliders for parameters.
//!
//! Window thread. Each takes what it shows and says what happened; none keeps anything.

use egui::{
    Align2, Color32, CornerRadius, FontId, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2,
    pos2, vec2,
};
use nice_plug::prelude::{Param, ParamSetter};

use super::theme::{
    self, ACCENT, ACCENT_HOVER, EDGE, FIELD, FIELD_HOVER, ON_ACCENT, QUIET, ROW, TEXT,
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
    painter.text(rect.center(), Align2::CENTER_CENTER, text, body(), ink);
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

/// One of several values; `Some` is the one that was picked.
pub(super) fn segments<T: Copy + PartialEq>(
    ui: &mut Ui,
    values: &[(T, String)],
    now: T,
) -> Option<T> {
    let mut picked = None;
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for (value, text) in values {
            let width = text_width(ui, text).max(10.0) + 16.0;
            let weight = if *value == now {
                Weight::On
            } else {
                Weight::Plain
            };
            if button(ui, text, vec2(width, ROW), weight, true).clicked() {
                picked = Some(*value);
            }
        }
    });
    picked
}

/// A horizontal slider for a parameter, with its value to the right. A double click resets it.
pub(super) fn slider<P: Param>(
    ui: &mut Ui,
    param: &P,
    setter: &ParamSetter,
    width: f32,
) -> Response {
    const VALUE_WIDTH: f32 = 72.0;
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
pub(super) fn set<P: Param>(setter: &ParamSetter, param: &P, value: P::Plain) {
    setter.begin_set_parameter(param);
    setter.set_parameter(param, value);
    setter.end_set_parameter(param);
}

/// A colour as a wash over a card.
fn tint(color: Color32) -> Color32 {
    let mix = |ground: u8, ink: u8| ((u16::from(ground) * 84 + u16::from(ink) * 16) / 100) as u8;
    let ground = theme::CARD;
    Color32::from_rgb(
        mix(ground.r(), color.r()),
        mix(ground.g(), color.g()),
        mix(ground.b(), color.b()),
    )
}

fn body() -> FontId {
    FontId::proportional(14.0)
}

fn text_width(ui: &Ui, text: &str) -> f32 {
    ui.painter()
        .layout_no_wrap(text.to_owned(), body(), TEXT)
        .size()
        .x
}
