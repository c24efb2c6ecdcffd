//! The upper part of the panel: what to make.
//!
//! Window thread. Edits a copy of the project, which the panel puts back; parameters through
//! the host.

use egui::text::CCursorRange;
use egui::{Id, Key, KeyboardShortcut, Modifiers, RichText, TextEdit, Ui, vec2};

use super::controls::{self, Weight};
use super::desk::{Desk, Scene};
use super::panel::plain_enter;
use super::picks;
use super::theme::{self, QUIET};
use crate::params::MAX_BARS;
use crate::state::{MAX_TAKES, Project};
use crate::view::{Phase, UiAction};
use crate::wording::{self, ENERGIES, GENRES, KEYS, MOODS};

const BUTTON_WIDTH: f32 = 116.0;
/// Bars that have a button; hosts may set the ones between.
const BARS: [i32; 4] = [1, 2, 4, MAX_BARS];

/// Where the caret was in the frame before: its line, and how many there are.
#[derive(Clone, Copy, Default)]
struct Caret {
    line: usize,
    lines: usize,
}

/// Draws it and collects what was asked for.
pub(super) fn show(
    ui: &mut Ui,
    scene: Scene,
    project: &mut Project,
    desk: &mut Desk,
    low: bool,
    asks: &mut Vec<UiAction>,
) {
    let height = if low { 42.0 } else { 56.0 };
    theme::card().show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing = vec2(6.0, if low { 5.0 } else { 8.0 });
        ui.horizontal(|ui| {
            let width = ui.available_width() - BUTTON_WIDTH - 8.0;
            ui.spacing_mut().item_spacing.x = 8.0;
            let entered = field(ui, &mut project.prompt, desk, scene, vec2(width, height));
            button(ui, &scene.snapshot.phase, height, asks);
            if entered && !scene.snapshot.phase.busy() {
                asks.push(UiAction::Generate);
            }
        });
        ui.horizontal(|ui| {
            let wide = ui.available_width() > 700.0;
            let width = |narrow: f32, more: f32| if wide { narrow + more } else { narrow };
            if let Some(preset) = picks::preset(ui, project, 80.0) {
                controls::set(scene.setter, &scene.params.bars, preset.bars);
            }
            picks::one(ui, "Genre", width(72.0, 30.0), &GENRES, &mut project.genre);
            picks::one(ui, "Mood", width(72.0, 26.0), &MOODS, &mut project.mood);
            picks::one(
                ui,
                "Energy",
                width(74.0, 6.0),
                &ENERGIES,
                &mut project.energy,
            );
            picks::one(ui, "Key", width(66.0, 20.0), &KEYS, &mut project.key);
            picks::instruments(ui, &mut project.instruments, width(104.0, 50.0));
            let rest = ui.available_width();
            let hint = "Without…";
            controls::text_field(ui, &mut project.negative, hint, rest)
                .on_hover_text("What the loop is to be without, in words: vocals, hiss, reverb");
        });
        ui.horizontal(|ui| {
            bars(ui, scene);
            ui.add_space(4.0);
            takes(ui, project);
            ui.add_space(4.0);
            seed(ui, project);
            if low {
                ui.add_space(2.0);
                final_text(ui, scene, project);
            }
        });
        if !low {
            final_text(ui, scene, project);
        }
    });
}

/// The prompt as the model will read it.
fn final_text(ui: &mut Ui, scene: Scene, project: &Project) {
    let host = scene.live.tempo_bpm().filter(|_| scene.params.sync.value());
    let text = wording::prompt(project, host.unwrap_or(project.tempo_bpm));
    let shown = if text.is_empty() {
        "Type a few words, or pick a preset, a genre, a mood or instruments.".to_owned()
    } else if project.negative.trim().is_empty() {
        format!("→ {text}")
    } else {
        format!("→ {text} · without {}", project.negative.trim())
    };
    let label = RichText::new(&shown).color(QUIET).font(theme::small());
    let hint = format!(
        "The model reads: {shown}\nWeights: write parts as drums::1.5, piano::0.5 to have more of one and less of the other."
    );
    ui.add(egui::Label::new(label).truncate().selectable(false))
        .on_hover_text(hint);
}

/// The user's words; true when Enter was pressed in them. Shift and Enter is a new line.
fn field(
    ui: &mut Ui,
    prompt: &mut String,
    desk: &mut Desk,
    scene: Scene,
    size: egui::Vec2,
) -> bool {
    let id = Id::unique("prompt");
    let caret = ui
        .data(|data| data.get_temp::<Caret>(id))
        .unwrap_or_default();
    let focused = ui.memory(|memory| memory.has_focus(id));
    let recalled = focused && recall(ui, prompt, desk, scene, caret);
    let output = TextEdit::multiline(prompt)
        .id(id)
        .hint_text(
            RichText::new("Describe a loop: dusty lo-fi drums with vinyl crackle").color(QUIET),
        )
        .font(egui::FontId::proportional(14.0))
        .desired_rows(2)
        .desired_width(size.x)
        .min_size(size)
        .margin(egui::Margin::symmetric(10, 6))
        .return_key(KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter))
        .show(ui);
    if output.response.response.changed() {
        desk.recalled = None;
    }
    if recalled {
        let mut state = output.state;
        let end = CCursorRange::one(output.galley.end());
        state.cursor.set_char_range(Some(end));
        state.store(ui.ctx(), id);
        ui.ctx().request_repaint();
    }
    if let Some(range) = output.cursor_range {
        let line = if recalled {
            0
        } else {
            output.galley.layout_from_cursor(range.primary).row
        };
        let lines = output.galley.rows.len();
        // After a recall both arrows go on through the history.
        let lines = if recalled { 1 } else { lines };
        ui.data_mut(|data| data.insert_temp(id, Caret { line, lines }));
    }
    let focused = output.response.response.has_focus();
    let hint = "Enter generates, Shift+Enter is a new line, ↑ and ↓ go through your prompts.\nWeights: drums::1.5, piano::0.5";
    output.response.response.on_hover_text(hint);
    focused && plain_enter(ui)
}

/// Goes through the prompts that were used, from the field's first and last line.
fn recall(ui: &Ui, prompt: &mut String, desk: &mut Desk, scene: Scene, caret: Caret) -> bool {
    let history = &scene.snapshot.history;
    let pressed = |key: Key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    if caret.line == 0 && !history.is_empty() && pressed(Key::ArrowUp) {
        let (next, draft) = match desk.recalled.take() {
            Some((at, draft)) => ((at + 1).min(history.len() - 1), draft),
            None => (0, prompt.clone()),
        };
        // The newest is often what the field still holds.
        let next = if next == 0 && history[0] == *prompt && history.len() > 1 {
            1
        } else {
            next
        };
        prompt.clone_from(&history[next]);
        desk.recalled = Some((next, draft));
        return true;
    }
    let last = caret.line + 1 >= caret.lines;
    if last && desk.recalled.is_some() && pressed(Key::ArrowDown) {
        if let Some((at, draft)) = desk.recalled.take() {
            if at == 0 || (at == 1 && history[0] == draft) {
                *prompt = draft;
            } else {
                prompt.clone_from(&history[(at - 1).min(history.len() - 1)]);
                desk.recalled = Some((at - 1, draft));
            }
        }
        return true;
    }
    false
}

fn button(ui: &mut Ui, phase: &Phase, height: f32, asks: &mut Vec<UiAction>) {
    let size = vec2(BUTTON_WIDTH, height);
    match phase {
        Phase::Idle => {
            if controls::button(ui, "Generate", size, Weight::Main, true)
                .on_hover_text("Make a loop from the prompt (Enter)")
                .clicked()
            {
                asks.push(UiAction::Generate);
            }
        }
        Phase::Cancelling => {
            controls::button(ui, "Cancelling…", size, Weight::Plain, false);
        }
        _ => {
            if controls::button(ui, "Cancel", size, Weight::Plain, true)
                .on_hover_text("Stop making this loop (Esc)")
                .clicked()
            {
                asks.push(UiAction::Cancel);
            }
        }
    }
}

fn bars(ui: &mut Ui, scene: Scene) {
    let param = &scene.params.bars;
    let now = param.value();
    let mut values: Vec<i32> = BARS.to_vec();
    if !values.contains(&now) {
        values.push(now);
        values.sort_unstable();
    }
    let values: Vec<(i32, String)> = values.into_iter().map(|n| (n, n.to_string())).collect();
    if let Some(bars) = controls::segments(ui, &values, now) {
        controls::set(scene.setter, param, bars);
    }
    quiet(ui, "bars");
}

fn takes(ui: &mut Ui, project: &mut Project) {
    let values: Vec<(u32, String)> = (1..=MAX_TAKES).map(|n| (n, n.to_string())).collect();
    if let Some(takes) = controls::segments(ui, &values, project.takes) {
        project.takes = takes;
    }
    let text = if project.takes == 1 { "take" } else { "takes" };
    quiet(ui, text).on_hover_text("How many loops are made of one prompt, each with another seed");
}

fn seed(ui: &mut Ui, project: &mut Project) {
    let hint = if project.seed_locked {
        "The same seed every time: the same settings make the same loop"
    } else {
        "A new seed every time"
    };
    quiet(ui, "Seed");
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

fn quiet(ui: &mut Ui, text: &str) -> egui::Response {
    ui.label(RichText::new(text).color(QUIET))
}
