//! How the selected slot plays: level, place, pitch, fades, direction, once or round and round.
//!
//! Window thread. Values are shown as they are dragged and sent on the way, so that they are heard.

use egui::{DragValue, RichText, Ui, vec2};

use super::controls;
use super::desk::{Desk, Scene};
use super::theme::{self, QUIET};
use crate::state::{NoteMode, Project, SlotSettings};
use crate::view::UiAction;

/// Rows that are narrower than this take two lines.
const ONE_LINE: f32 = 800.0;

/// Height of its row or rows.
pub(super) fn height(ui: &Ui) -> f32 {
    if ui.available_width() < ONE_LINE {
        2.0 * theme::ROW + 6.0
    } else {
        theme::ROW
    }
}

/// Draws it in the card.
pub(super) fn row(
    ui: &mut Ui,
    scene: Scene,
    project: &Project,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    let size = vec2(ui.available_width(), height(ui));
    ui.allocate_ui(size, |ui| {
        ui.set_min_size(size);
        controls(ui, scene, project, desk, asks);
    });
}

/// Draws it in a popup, where the card has no room.
pub(super) fn column(
    ui: &mut Ui,
    scene: Scene,
    project: &Project,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    ui.set_width(520.0);
    controls(ui, scene, project, desk, asks);
}

fn controls(
    ui: &mut Ui,
    scene: Scene,
    project: &Project,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    let slot = project.selected;
    let before = project.slots[slot];
    let mut new = before;
    let beats = scene.snapshot.slots[slot]
        .clip
        .as_ref()
        .map_or(64.0, |clip| clip.beats);

    let wide = ui.available_width() >= ONE_LINE;
    let rows = |ui: &mut Ui, new: &mut SlotSettings| {
        ui.spacing_mut().item_spacing.x = 6.0;
        levels(ui, new, beats);
        if wide {
            modes(ui, new);
        }
    };
    ui.spacing_mut().item_spacing.y = 6.0;
    ui.horizontal(|ui| rows(ui, &mut new));
    if !wide {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            modes(ui, &mut new);
        });
    }
    if new != before {
        desk.tuned = Some((slot, new));
        asks.push(UiAction::Tune(slot, new));
    }
}

/// How loud, where, how high, and how it comes and goes.
fn levels(ui: &mut Ui, new: &mut SlotSettings, beats: f64) {
    number(
        ui,
        "Gain",
        "Level of this slot (double-click: 0 dB)",
        |ui| {
            let value = DragValue::new(&mut new.gain_db)
                .range(-60.0..=12.0)
                .speed(0.1)
                .fixed_decimals(1)
                .suffix(" dB");
            let response = ui.add_sized(vec2(64.0, theme::ROW), value);
            if response.double_clicked() {
                new.gain_db = 0.0;
            }
            response
        },
    );
    number(ui, "Pan", "Left or right (double-click: centre)", |ui| {
        let value = DragValue::new(&mut new.pan)
            .range(-1.0..=1.0)
            .speed(0.01)
            .custom_formatter(|pan, _| pan_text(pan))
            .custom_parser(pan_from);
        let response = ui.add_sized(vec2(48.0, theme::ROW), value);
        if response.double_clicked() {
            new.pan = 0.0;
        }
        response
    });
    number(
        ui,
        "Pitch",
        "Semitones up or down, at the same tempo",
        |ui| {
            let value = DragValue::new(&mut new.semitones)
                .range(-12..=12)
                .speed(0.05)
                .custom_formatter(|value, _| format!("{value:+.0} st"))
                .custom_parser(|text| text.trim_end_matches("st").trim().parse().ok());
            ui.add_sized(vec2(52.0, theme::ROW), value)
        },
    );
    number(ui, "Fade in", "Fade from its start, in beats", |ui| {
        ui.add_sized(vec2(44.0, theme::ROW), fade(&mut new.fade_in_beats, beats))
    });
    number(ui, "out", "Fade to its end, in beats", |ui| {
        ui.add_sized(vec2(44.0, theme::ROW), fade(&mut new.fade_out_beats, beats))
    });
}

/// Which way, how often, and what its key does.
fn modes(ui: &mut Ui, new: &mut SlotSettings) {
    if controls::chip(ui, "Reverse", new.reverse)
        .on_hover_text("Play it backwards")
        .clicked()
    {
        new.reverse = !new.reverse;
    }
    let once = [(false, "Loop".to_owned()), (true, "Once".to_owned())];
    if let Some(one_shot) = controls::segments(ui, &once, new.one_shot) {
        new.one_shot = one_shot;
    }
    let notes = [
        (NoteMode::Gate, "Gate".to_owned()),
        (NoteMode::Toggle, "Toggle".to_owned()),
    ];
    if let Some(note) = controls::segments(ui, &notes, new.note) {
        new.note = note;
    }
    if (new.start_beats > 0.0 || new.end_beats.is_some())
        && controls::chip(ui, "Whole", false)
            .on_hover_text("Start and end back to the whole clip")
            .clicked()
    {
        new.start_beats = 0.0;
        new.end_beats = None;
    }
}

fn number(ui: &mut Ui, name: &str, hint: &str, value: impl FnOnce(&mut Ui) -> egui::Response) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 5.0;
        ui.label(RichText::new(name).font(theme::small()).color(QUIET));
        value(ui).on_hover_text(hint);
    });
}

fn fade(value: &mut f64, beats: f64) -> DragValue<'_> {
    DragValue::new(value)
        .range(0.0..=beats)
        .speed(0.02)
        .max_decimals(2)
}

/// `C`, `30L`, `100R`.
fn pan_text(pan: f64) -> String {
    let percent = (pan.abs() * 100.0).round();
    if percent == 0.0 {
        "C".to_owned()
    } else {
        format!("{percent}{}", if pan < 0.0 { "L" } else { "R" })
    }
}

fn pan_from(text: &str) -> Option<f64> {
    let text = text.trim().to_uppercase();
    let number = |text: &str| text.trim().parse::<f64>().ok();
    match text.as_str() {
        "C" => Some(0.0),
        text => {
            if let Some(left) = text.strip_suffix('L') {
                number(left).map(|percent| -percent / 100.0)
            } else if let Some(right) = text.strip_suffix('R') {
                number(right).map(|percent| percent / 100.0)
            } else {
                number(text).map(|percent| percent / 100.0)
            }
        }
    }
}

/// Whether a slot plays in any way but the plain one.
pub(super) fn changed(settings: &SlotSettings) -> bool {
    let layered = settings.layered;
    *settings
        != SlotSettings {
            layered,
            ..SlotSettings::default()
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pan_is_read_as_it_is_shown() {
        for pan in [-1.0, -0.3, 0.0, 0.25, 1.0] {
            assert_eq!(pan_from(&pan_text(pan)), Some(pan));
        }
        assert_eq!(pan_from("loud"), None);
    }
}
