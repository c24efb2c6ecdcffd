//! The slots as pads: what lies in each, what it does, and how to launch it.
//!
//! Window thread. A pad's picture launches, its name selects; both can be dragged and dropped on.

use egui::{
    Align2, Color32, CornerRadius, FontId, Rect, Response, Sense, Stroke, StrokeKind, Ui, pos2,
    vec2,
};

use super::desk::{Desk, Scene};
use super::icon::Icon;
use super::theme::{self, ACCENT, CARD, EDGE, FIELD, GROUND, LINE, QUIET, TEXT, WAVE};
use super::{carry, controls, menu, waveform};
use crate::state::{Project, SlotSettings};
use crate::view::{SLOT_COUNT, SlotState, SlotView, Source, UiAction};
use crate::wording::tidy;

const GAP: f32 = 6.0;
/// Keys of the slots, as hosts name them that call middle C by C3.
pub(super) const NOTES: [&str; SLOT_COUNT] = ["C3", "C#3", "D3", "D#3", "E3", "F3", "F#3", "G3"];

/// Draws them and collects what was asked for.
pub(super) fn show(
    ui: &mut Ui,
    scene: Scene,
    project: &mut Project,
    desk: &mut Desk,
    low: bool,
    asks: &mut Vec<UiAction>,
) {
    let height = if low { 58.0 } else { 84.0 };
    let (_, row) = ui.allocate_space(vec2(ui.available_width(), height));
    let width = (row.width() - GAP * (SLOT_COUNT - 1) as f32) / SLOT_COUNT as f32;
    let over = carry::over(ui, desk);
    for slot in 0..SLOT_COUNT {
        let left = row.left() + slot as f32 * (width + GAP);
        let rect = Rect::from_min_size(pos2(left, row.top()), vec2(width, height));
        desk.pads[slot] = Some(rect);
        let dropping = over.is_some_and(|place| rect.contains(place));
        let pad = Pad {
            slot,
            view: &scene.snapshot.slots[slot],
            settings: project.slots[slot],
            state: scene.live.slot_state(slot),
            selected: project.selected == slot,
            launched: scene.params.slot.value() == slot as i32 + 1,
            dropping,
        };
        pad.show(ui, rect, scene, desk, asks);
    }
}

struct Pad<'a> {
    slot: usize,
    view: &'a SlotView,
    settings: SlotSettings,
    state: SlotState,
    selected: bool,
    launched: bool,
    dropping: bool,
}

impl Pad<'_> {
    fn show(
        &self,
        ui: &mut Ui,
        rect: Rect,
        scene: Scene,
        desk: &mut Desk,
        asks: &mut Vec<UiAction>,
    ) {
        let foot = if rect.height() > 70.0 { 36.0 } else { 22.0 };
        let split = rect.bottom() - foot;
        let id = ui.scope_id().with(("pad", self.slot));
        let name = self.name();
        let picture = rect.with_max_y(split);
        let launch = ui.interact(picture, id.with("launch"), Sense::click_and_drag());
        let label = ui.interact(
            rect.with_min_y(split),
            id.with("select"),
            Sense::click_and_drag(),
        );
        for response in [&launch, &label] {
            response.widget_info(|| {
                let text = format!("{} {name}", NOTES[self.slot]);
                egui::WidgetInfo::selected(egui::Role::Button, true, self.launched, text)
            });
        }
        self.paint(ui, rect, picture, &launch, &name, scene);

        if self.settings.layered || self.view.clip.is_some() {
            self.layer(ui, rect, id, asks);
        }

        if launch.clicked() {
            if self.view.missing.is_some() {
                asks.push(UiAction::Restore(self.slot));
            } else if self.view.clip.is_some() || self.view.making {
                let value = if self.launched {
                    0
                } else {
                    self.slot as i32 + 1
                };
                controls::set(scene.setter, &scene.params.slot, value);
            }
        }
        if (launch.clicked() || label.clicked()) && !self.selected {
            asks.push(UiAction::Select(self.slot));
        }
        let source = Source::Slot(self.slot);
        if self.view.clip.is_some() {
            for response in [&launch, &label] {
                carry::begin(response, &source, &name, scene, desk, asks);
            }
        }
        let launch = launch.union(label);
        let launch = launch.on_hover_text(self.hint(&name));
        menu::on(&launch, &source, scene, desk, asks);
    }

    fn name(&self) -> String {
        if let Some(missing) = &self.view.missing {
            return missing.clone();
        }
        match &self.view.clip {
            Some(clip) => clip.prompt.clone(),
            None if self.view.making => "New loop".to_owned(),
            None => String::new(),
        }
    }

    fn hint(&self, name: &str) -> String {
        let key = format!(
            "Slot {}: key {} or MIDI note {}",
            self.slot + 1,
            self.slot + 1,
            NOTES[self.slot]
        );
        if self.view.missing.is_some() {
            format!("{key}\nThis clip did not come along. Click to make it again: {name}")
        } else if self.view.clip.is_some() {
            format!(
                "{key}\nClick the picture to launch or stop, the name to look at it; drag it out or onto another slot.\n{name}"
            )
        } else {
            format!("{key}, empty\nClick to have the next loop made here, or drop an audio file.")
        }
    }

    /// The switch in its corner. Above the picture, so that it gets its own clicks.
    fn layer(&self, ui: &Ui, rect: Rect, id: egui::Id, asks: &mut Vec<UiAction>) {
        let layer = Rect::from_min_size(rect.right_top() + vec2(-22.0, 3.0), vec2(19.0, 18.0));
        let layered = ui.interact(layer, id.with("layer"), Sense::click());
        let ink = match (self.settings.layered, layered.hovered()) {
            (true, _) => ACCENT,
            (false, true) => TEXT,
            (false, false) => EDGE,
        };
        Icon::Layers.paint(ui.painter(), layer.shrink2(vec2(4.5, 4.0)), ink);
        if layered.clicked() {
            let settings = SlotSettings {
                layered: !self.settings.layered,
                ..self.settings
            };
            asks.push(UiAction::Tune(self.slot, settings));
        }
        layered.on_hover_text("Layer: it sounds besides the launched slot");
    }

    fn paint(
        &self,
        ui: &mut Ui,
        rect: Rect,
        picture: Rect,
        launch: &Response,
        name: &str,
        scene: Scene,
    ) {
        let painter = ui.painter();
        let radius = CornerRadius::same(theme::ROUND);
        let full = self.view.clip.is_some() || self.view.making || self.view.missing.is_some();
        let fill = if full { FIELD } else { CARD };
        painter.rect_filled(rect, radius, fill);
        let heard = self.state == SlotState::Sounding;
        if full {
            let top = CornerRadius {
                nw: theme::ROUND,
                ne: theme::ROUND,
                sw: 0,
                se: 0,
            };
            painter.rect_filled(picture, top, GROUND);
        }
        if let Some(clip) = &self.view.clip {
            let inside = picture.shrink2(vec2(5.0, 4.0));
            let ink = if heard { ACCENT } else { WAVE };
            waveform::small(
                painter,
                inside.with_min_y(inside.top() + 15.0),
                &clip.peaks,
                ink,
            );
            if let Some(beat) = scene.live.playhead_beats(self.slot) {
                let share = (beat / clip.beats.max(1e-9)).clamp(0.0, 1.0) as f32;
                let x = inside.left() + share * inside.width();
                painter.vline(x, picture.y_range().shrink(2.0), Stroke::new(1.0, TEXT));
            }
        }
        self.marks(painter, rect, picture, launch);
        self.words(ui, rect, picture, name);
        let (width, edge) = if self.dropping {
            (2.0, ACCENT)
        } else if self.selected {
            (2.0, TEXT)
        } else if heard || self.launched {
            (1.0, ACCENT)
        } else if full {
            (1.0, LINE)
        } else {
            (1.0, FIELD)
        };
        painter.rect_stroke(rect, radius, Stroke::new(width, edge), StrokeKind::Inside);
    }

    /// Its key, its note, and whether it plays.
    fn marks(&self, painter: &egui::Painter, rect: Rect, picture: Rect, launch: &Response) {
        let at = rect.left_top() + vec2(7.0, 12.0);
        let ink = if self.launched { ACCENT } else { TEXT };
        let digit = (self.slot + 1).to_string();
        let digit = painter.text(at, Align2::LEFT_CENTER, digit, theme::strong(11.5), ink);
        let at = pos2(digit.right() + 5.0, at.y);
        let font = FontId::proportional(10.5);
        let note = painter.text(at, Align2::LEFT_CENTER, NOTES[self.slot], font, QUIET);
        if self.view.missing.is_some() {
            painter.text(
                picture.center() + vec2(0.0, 6.0),
                Align2::CENTER_CENTER,
                "Make again",
                theme::small(),
                if launch.hovered() { ACCENT } else { TEXT },
            );
        } else if self.view.clip.is_some() && !self.view.making {
            let square =
                Rect::from_center_size(pos2(note.right() + 8.0, note.center().y), vec2(7.0, 7.0));
            let lit = launch.hovered();
            let icon = if lit && self.launched {
                Icon::Stop
            } else {
                Icon::Play
            };
            let ink = if self.state == SlotState::Sounding || self.launched {
                ACCENT
            } else if lit {
                TEXT
            } else {
                EDGE
            };
            icon.paint(painter, square, ink);
        }
    }

    /// What goes on in it that its picture does not show.
    fn doing(&self) -> Option<(&'static str, Color32)> {
        if self.view.missing.is_some() {
            Some(("not here", theme::ERROR))
        } else if self.view.making {
            Some(("making…", ACCENT))
        } else if self.state == SlotState::Waiting {
            Some(("waits…", ACCENT))
        } else {
            None
        }
    }

    fn words(&self, ui: &Ui, rect: Rect, picture: Rect, name: &str) {
        let painter = ui.painter();
        if name.is_empty() {
            let at = rect.center() + vec2(0.0, 6.0);
            let text = if self.selected { "next loop" } else { "empty" };
            let ink = if self.selected { TEXT } else { QUIET };
            painter.text(at, Align2::CENTER_CENTER, text, theme::small(), ink);
            return;
        }
        let left = rect.left() + 7.0;
        let width = rect.width() - 14.0;
        let tall = rect.bottom() - picture.bottom() > 30.0;
        let y = picture.bottom() + 11.0;
        let below = pos2(left, y + 15.0);
        let (doing, small) = (self.doing(), FontId::proportional(10.5));
        match (doing, tall) {
            // Where there is one line, what goes on matters more than the name.
            (Some((text, ink)), false) => {
                controls::line(painter, pos2(left, y), text, theme::small(), ink, width);
                return;
            }
            (Some((text, ink)), true) => {
                controls::line(painter, below, text, small, ink, width);
            }
            (None, true) => {
                if let Some(clip) = &self.view.clip {
                    let mut facts = format!("{} BPM", tidy(clip.tempo_bpm));
                    let key = clip.facts.as_ref().and_then(|facts| facts.key.as_deref());
                    if let Some(key) = key {
                        facts = format!("{} · {}", tidy(clip.tempo_bpm), short_key(key));
                    }
                    controls::line(painter, below, &facts, small, QUIET, width);
                }
            }
            (None, false) => {}
        }
        controls::line(painter, pos2(left, y), name, theme::small(), TEXT, width);
    }
}

/// A key in a few letters: `A minor` is `Am`.
pub(super) fn short_key(key: &str) -> String {
    match key.split_once(' ') {
        Some((tonic, "minor")) => format!("{tonic}m"),
        Some((tonic, _)) => tonic.to_owned(),
        None => key.to_owned(),
    }
}

/// A slot in a list.
pub(super) fn slot_name(slot: usize) -> String {
    format!("Slot {} ({})", slot + 1, NOTES[slot])
}
