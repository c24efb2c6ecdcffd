//! Lists that open from a field: one of several values, instruments, presets.
//!
//! Window thread. Each changes what it was given and says whether it did.

use egui::{
    CornerRadius, Popup, PopupCloseBehavior, Response, RichText, ScrollArea, Sense, Stroke,
    StrokeKind, Ui, pos2, vec2,
};

use super::controls;
use super::pads::short_key;
use super::theme::{self, ACCENT, EDGE, FIELD, FIELD_HOVER, QUIET, ROW, TEXT};
use crate::state::Project;
use crate::wording::presets::{self, Preset};
use crate::wording::{INSTRUMENTS, NO_DRUMS};

/// A field with a value and an arrow that opens a list.
pub(super) fn field(ui: &mut Ui, text: &str, on: bool, width: f32) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(width, ROW), Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, text.to_owned()));
    let open = Popup::is_id_open(ui.ctx(), Popup::default_response_id(&response));
    let lit = response.hovered() || response.has_focus() || open;
    let painter = ui.painter();
    painter.rect(
        rect,
        CornerRadius::same(theme::ROUND),
        if lit { FIELD_HOVER } else { FIELD },
        Stroke::new(1.0, if lit { EDGE } else { FIELD }),
        StrokeKind::Inside,
    );
    let ink = if on { ACCENT } else { QUIET };
    let begin = pos2(rect.left() + 8.0, rect.center().y);
    controls::line(painter, begin, text, theme::body(), ink, width - 26.0);
    let (x, y) = (rect.right() - 11.0, rect.center().y);
    let arrow = vec![
        pos2(x - 3.5, y - 1.8),
        pos2(x, y + 1.8),
        pos2(x + 3.5, y - 1.8),
    ];
    painter.add(egui::Shape::line(
        arrow,
        Stroke::new(1.4, if lit { TEXT } else { QUIET }),
    ));
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// A row of a list that can be picked.
pub(super) fn entry(ui: &mut Ui, text: &str, on: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::ListBoxOption, true, on, text.to_owned())
    });
    let fill = if on {
        theme::PICKED
    } else if response.hovered() {
        FIELD_HOVER
    } else {
        egui::Color32::TRANSPARENT
    };
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(4), fill);
    let ink = if on { ACCENT } else { TEXT };
    let begin = pos2(rect.left() + 8.0, rect.center().y);
    controls::line(
        painter,
        begin,
        text,
        theme::body(),
        ink,
        rect.width() - 16.0,
    );
    response
}

/// One or none of a list.
pub(super) fn one(
    ui: &mut Ui,
    name: &str,
    width: f32,
    choices: &[&str],
    picked: &mut Option<String>,
) -> bool {
    let text = match picked.as_deref() {
        // Where there is no room, `A minor` is `Am`.
        Some(key) if width < 80.0 => short_key(key),
        Some(choice) => choice.to_owned(),
        None => name.to_owned(),
    };
    let button = field(ui, &text, picked.is_some(), width).on_hover_text(name);
    let mut changed = false;
    Popup::menu(&button).show(|ui| {
        ui.set_width(width.max(150.0));
        ui.spacing_mut().item_spacing.y = 1.0;
        ScrollArea::vertical().max_height(260.0).show(ui, |ui| {
            let none = format!("Any {}", name.to_lowercase());
            if entry(ui, &none, picked.is_none()).clicked() {
                changed = picked.take().is_some();
            }
            for choice in choices {
                let on = picked.as_deref() == Some(*choice);
                if entry(ui, choice, on).clicked() {
                    *picked = Some((*choice).to_owned());
                    changed = true;
                }
            }
        });
    });
    changed
}

/// Several instruments, or no drums.
pub(super) fn instruments(ui: &mut Ui, picked: &mut Vec<String>, width: f32) {
    let text = if picked.is_empty() {
        "Instruments".to_owned()
    } else {
        picked.join(", ")
    };
    let button = field(ui, &text, !picked.is_empty(), width)
        .on_hover_text("Instruments, several at once; or no drums");
    Popup::menu(&button)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            ui.set_width(250.0);
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing = vec2(6.0, 6.0);
                for name in INSTRUMENTS.into_iter().chain([NO_DRUMS]) {
                    let on = picked.iter().any(|other| other == name);
                    if controls::chip(ui, name, on).clicked() {
                        toggle(picked, name, on);
                    }
                }
            });
        });
}

fn toggle(picked: &mut Vec<String>, name: &str, on: bool) {
    if on {
        picked.retain(|other| other != name);
        return;
    }
    // Drums and no drums at once would only confuse the model.
    picked.retain(|other| {
        !matches!(
            (name, other.as_str()),
            ("drums", NO_DRUMS) | (NO_DRUMS, "drums")
        )
    });
    picked.push(name.to_owned());
}

/// Presets; the one that was picked is put in place and given back.
pub(super) fn preset(ui: &mut Ui, project: &mut Project, width: f32) -> Option<&'static Preset> {
    let button = field(ui, "Presets", false, width)
        .on_hover_text("40 prompts to begin with; key, tempo and seed stay");
    let mut picked = None;
    Popup::menu(&button).show(|ui| {
        ui.set_width(220.0);
        ui.spacing_mut().item_spacing.y = 1.0;
        ScrollArea::vertical().max_height(300.0).show(ui, |ui| {
            let mut group = "";
            for preset in presets::all() {
                if preset.group != group {
                    group = preset.group;
                    ui.add_space(6.0);
                    ui.label(RichText::new(group).font(theme::strong(11.5)).color(QUIET));
                }
                let on = project.prompt == preset.prompt;
                let row = entry(ui, preset.name, on).on_hover_text(preset.prompt);
                if row.clicked() {
                    picked = Some(preset);
                }
            }
        });
    });
    if let Some(preset) = picked {
        preset.apply(project);
    }
    picked
}
