//! The upper half of the panel: what to make.
//!
//! Window thread. Edits a copy of the project, which the panel puts back; parameters through
//! the host.

use egui::{ComboBox, Key, KeyboardShortcut, Modifiers, RichText, TextEdit, Ui, vec2};
use nice_plug::prelude::ParamSetter;

use super::controls::{self, Weight};
use super::theme::{self, NEAR, QUIET};
use crate::params::{BarlineParams, MAX_BARS};
use crate::state::Project;
use crate::view::{Phase, Snapshot, UiAction};
use crate::wording::{self, GENRES, INSTRUMENTS, KEYS, MOODS, NO_DRUMS};

/// Height of the prompt field and the button beside it.
const FIELD_HEIGHT: f32 = 58.0;
const BUTTON_WIDTH: f32 = 124.0;
/// Rows that are narrower than this are set closer.
const NARROW: f32 = 660.0;
/// Bars that have a button; hosts may set the ones between.
const BARS: [i32; 4] = [1, 2, 4, MAX_BARS];

/// Draws it and says what was asked for.
pub(super) fn show(
    ui: &mut Ui,
    project: &mut Project,
    params: &BarlineParams,
    setter: &ParamSetter,
    snapshot: &Snapshot,
    tempo_bpm: f64,
) -> Option<UiAction> {
    let mut action = None;
    theme::card().show(ui, |ui| {
        ui.set_width(ui.available_width());
        let narrow = ui.available_width() < NARROW;
        if narrow {
            ui.spacing_mut().button_padding.x = 7.0;
            ui.spacing_mut().item_spacing.x = 6.0;
        }
        ui.horizontal(|ui| {
            let width = ui.available_width() - BUTTON_WIDTH - NEAR;
            let entered = field(ui, &mut project.prompt, width);
            action = button(ui, &snapshot.phase);
            if entered && !snapshot.phase.busy() {
                action = Some(UiAction::Generate);
            }
        });
        ui.horizontal_wrapped(|ui| {
            let (width, space) = if narrow { (72.0, 2.0) } else { (84.0, NEAR) };
            pick(ui, "Genre", width, &GENRES, &mut project.genre);
            pick(ui, "Mood", width, &MOODS, &mut project.mood);
            pick(ui, "Key", width, &KEYS, &mut project.key);
            ui.add_space(space);
            bars(ui, params, setter);
            ui.add_space(space);
            seed(ui, project);
        });
        instruments(ui, &mut project.instruments, narrow);
        let text = wording::prompt(project, tempo_bpm);
        let text = if text.is_empty() {
            "Type a few words, or pick a genre, a mood or instruments.".to_owned()
        } else {
            format!("Prompt: {text}")
        };
        let text = RichText::new(text).color(QUIET).font(theme::small());
        ui.add(egui::Label::new(text).truncate().selectable(false));
    });
    action
}

/// The user's words; true when Enter was pressed in them. Shift and Enter is a new line.
fn field(ui: &mut Ui, prompt: &mut String, width: f32) -> bool {
    let field = TextEdit::multiline(prompt)
        .id_salt("prompt")
        .hint_text("Describe a loop: dusty lo-fi drums with vinyl crackle")
        .desired_rows(2)
        .desired_width(width)
        .min_size(vec2(width, FIELD_HEIGHT))
        .margin(egui::Margin::symmetric(10, 8))
        .return_key(KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter));
    let response = ui.add(field);
    let plain_enter = |i: &egui::InputState| i.key_pressed(Key::Enter) && i.modifiers.is_none();
    response.has_focus() && ui.input(plain_enter)
}

fn button(ui: &mut Ui, phase: &Phase) -> Option<UiAction> {
    let size = vec2(BUTTON_WIDTH, FIELD_HEIGHT);
    match phase {
        Phase::Idle => controls::button(ui, "Generate", size, Weight::Main, true)
            .on_hover_text("Make a loop from the prompt (Enter)")
            .clicked()
            .then_some(UiAction::Generate),
        Phase::Cancelling => {
            controls::button(ui, "Cancelling…", size, Weight::Plain, false);
            None
        }
        _ => controls::button(ui, "Cancel", size, Weight::Plain, true)
            .on_hover_text("Stop making this loop (Esc)")
            .clicked()
            .then_some(UiAction::Cancel),
    }
}

/// A list of which one or none is picked.
fn pick(ui: &mut Ui, name: &str, width: f32, choices: &[&str], picked: &mut Option<String>) {
    let text = match picked {
        Some(choice) => RichText::new(choice.as_str()).color(theme::ACCENT),
        None => RichText::new(name).color(QUIET),
    };
    ComboBox::from_id_salt(name)
        .width(width)
        .height(280.0)
        .selected_text(text)
        .show_ui(ui, |ui| {
            let none = format!("Any {}", name.to_lowercase());
            ui.selectable_value(picked, None, RichText::new(none).color(QUIET));
            for choice in choices {
                ui.selectable_value(picked, Some((*choice).to_owned()), *choice);
            }
        });
}

fn bars(ui: &mut Ui, params: &BarlineParams, setter: &ParamSetter) {
    let now = params.bars.value();
    let mut values: Vec<i32> = BARS.to_vec();
    if !values.contains(&now) {
        values.push(now);
        values.sort_unstable();
    }
    let values: Vec<(i32, String)> = values.into_iter().map(|n| (n, n.to_string())).collect();
    if let Some(bars) = controls::segments(ui, &values, now) {
        controls::set(setter, &params.bars, bars);
    }
    ui.label(RichText::new("bars").color(QUIET));
}

fn seed(ui: &mut Ui, project: &mut Project) {
    let hint = if project.seed_locked {
        "The same seed every time: the same settings make the same loop"
    } else {
        "A new seed every time"
    };
    ui.label(RichText::new("Seed").color(QUIET));
    let value = egui::DragValue::new(&mut project.seed).speed(0.2);
    let response = ui.add(value).on_hover_text("Type a seed to keep it");
    if response.changed() {
        project.seed_locked = true;
    }
    if controls::chip(ui, "Lock", project.seed_locked)
        .on_hover_text(hint)
        .clicked()
    {
        project.seed_locked = !project.seed_locked;
    }
}

fn instruments(ui: &mut Ui, picked: &mut Vec<String>, narrow: bool) {
    ui.horizontal_wrapped(|ui| {
        let space = if narrow { 3.0 } else { 6.0 };
        ui.spacing_mut().item_spacing = vec2(space, 6.0);
        for name in INSTRUMENTS.into_iter().chain([NO_DRUMS]) {
            let on = picked.iter().any(|other| other == name);
            if controls::chip(ui, name, on).clicked() {
                if on {
                    picked.retain(|other| other != name);
                } else {
                    // Drums and no drums at once would only confuse the model.
                    picked.retain(|other| {
                        !matches!(
                            (name, other.as_str()),
                            ("drums", NO_DRUMS) | (NO_DRUMS, "drums")
                        )
                    });
                    picked.push(name.to_owned());
                }
            }
        }
    });
}
