//! A take in a list: its picture, its name and facts, and what it may be used for.
//!
//! Window thread. Lists of takes and of the library share it.

use egui::{CornerRadius, Rect, Response, Sense, Ui, pos2, vec2};

use super::desk::{Desk, Scene};
use super::icon::Icon;
use super::pads::short_key;
use super::theme::{self, ACCENT, CARD, ERROR, FIELD, GOOD, GROUND, QUIET, TEXT, WAVE};
use super::{carry, controls, menu, waveform};
use crate::view::{Rights, TakeView, UiAction};
use crate::wording::tidy;

/// Height of a row.
pub(super) const HEIGHT: f32 = 50.0;

/// Scores below this are a warning.
const FAIR: u32 = 60;

/// What was done to a row besides what it does itself.
pub(super) struct Row {
    /// Its name was clicked.
    pub(super) clicked: bool,
    /// Its star was.
    pub(super) starred: bool,
}

/// Draws it. The picture previews, the name is the caller's, everything is a handle for dragging.
pub(super) fn show(
    ui: &mut Ui,
    take: &TakeView,
    scene: Scene,
    selected: usize,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) -> Row {
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), HEIGHT));
    let id = ui.scope_id().with(&take.source);
    let whole = ui.interact(rect, id, Sense::click_and_drag());
    whole.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &take.name));
    let fill = if whole.hovered() { FIELD } else { CARD };
    ui.painter()
        .rect_filled(rect, CornerRadius::same(theme::ROUND), fill);
    let picture = Rect::from_min_size(rect.min + vec2(5.0, 6.0), vec2(64.0, HEIGHT - 12.0));
    preview(ui, take, picture, scene, asks);
    carry::begin(&whole, &take.source, &take.name, scene, desk, asks);
    menu::on(&whole, &take.source, scene, desk, asks);

    let right = rect.right() - 6.0;
    let starred = star(ui, take, pos2(right - 22.0, rect.top() + 2.0));
    let more = button(
        ui,
        Icon::More,
        pos2(right - 22.0, rect.bottom() - 25.0),
        id,
        "More",
    );
    menu::under(&more, &take.source, scene, desk, asks);
    let hint = format!("Put into slot {}", selected + 1);
    let place = button(
        ui,
        Icon::Place,
        pos2(right - 46.0, rect.bottom() - 25.0),
        id,
        &hint,
    );
    if place.clicked() {
        asks.push(UiAction::Place(take.source.clone(), selected));
    }
    words(ui, take, picture.right() + 9.0, rect);
    let clicked = whole.clicked();
    whole.on_hover_text(hint_of(take));
    Row { clicked, starred }
}

fn words(ui: &Ui, take: &TakeView, left: f32, rect: Rect) {
    let painter = ui.painter();
    let mut end = rect.right() - 34.0;
    let y = rect.top() + 15.0;
    if let Some(score) = take.score {
        let ink = if score < FAIR { ERROR } else { GOOD };
        end = controls::badge(painter, pos2(end, y), &score.to_string(), ink) - 6.0;
    }
    let at = pos2(left, y);
    controls::line(painter, at, &take.name, theme::body(), TEXT, end - left);
    let y = rect.bottom() - 14.0;
    let end = rect.right() - 56.0;
    let (text, color) = rights(take.rights);
    let begin = controls::badge(painter, pos2(end, y), text, color);
    let at = pos2(left, y);
    controls::line(
        painter,
        at,
        &facts(take),
        theme::small(),
        QUIET,
        begin - left - 6.0,
    );
}

/// Tempo, key and bars in short.
fn facts(take: &TakeView) -> String {
    let mut parts = Vec::new();
    parts.extend(take.tempo_bpm.map(|bpm| format!("{}", tidy(bpm))));
    parts.extend(take.key.as_deref().map(short_key));
    parts.extend(take.bars.map(bars));
    if parts.is_empty() {
        parts.push(format!("{:.1} s", take.seconds));
    }
    parts.join(" · ")
}

fn bars(bars: u32) -> String {
    format!("{bars} bar{}", if bars == 1 { "" } else { "s" })
}

fn hint_of(take: &TakeView) -> String {
    let mut lines = vec![take.name.clone()];
    let mut facts = Vec::new();
    facts.extend(take.tempo_bpm.map(|bpm| format!("{} BPM", tidy(bpm))));
    facts.extend(take.bars.map(bars));
    facts.extend(take.key.clone());
    facts.extend(take.score.map(|score| format!("score {score}")));
    facts.extend(take.seed.map(|seed| format!("seed {seed}")));
    facts.push(format!("{:.1} s", take.seconds));
    lines.push(facts.join(" · "));
    lines.push(format!("Made by {}", take.made_by));
    lines.push(take.licence.clone());
    lines.push("Click the picture to hear it; drag it onto a slot or out of the window.".into());
    lines.join("\n")
}

/// Rights in a word.
pub(super) fn rights(rights: Rights) -> (&'static str, egui::Color32) {
    match rights {
        Rights::Commercial => ("yours", GOOD),
        Rights::NonCommercial => ("not for sale", ERROR),
        Rights::Unknown => ("rights?", QUIET),
    }
}

/// The picture, which is heard when it is clicked.
fn preview(ui: &mut Ui, take: &TakeView, rect: Rect, scene: Scene, asks: &mut Vec<UiAction>) {
    let heard = scene.snapshot.preview.as_ref() == Some(&take.source);
    let id = ui.scope_id().with((&take.source, "preview"));
    let response = ui.interact(rect, id, Sense::click());
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(4), GROUND);
    let ink = if heard { ACCENT } else { WAVE };
    waveform::small(painter, rect.shrink2(vec2(3.0, 4.0)), &take.peaks, ink);
    if response.hovered() || heard {
        let square = Rect::from_center_size(rect.center(), vec2(12.0, 12.0));
        painter.circle_filled(rect.center(), 11.0, theme::FIELD);
        let icon = if heard { Icon::Stop } else { Icon::Play };
        let ink = if heard { ACCENT } else { TEXT };
        icon.paint(painter, square.shrink(1.0), ink);
    }
    if response.clicked() {
        let source = (!heard).then(|| take.source.clone());
        asks.push(UiAction::Preview(source));
    }
    response.on_hover_text("Hear it in the selected slot's place, or stop");
}

fn star(ui: &mut Ui, take: &TakeView, at: egui::Pos2) -> bool {
    let rect = Rect::from_min_size(at, vec2(22.0, 22.0));
    let id = ui.scope_id().with((&take.source, "star"));
    let response = ui.interact(rect, id, Sense::click());
    let (icon, ink) = match (take.favourite, response.hovered()) {
        (true, _) => (Icon::Star, ACCENT),
        (false, true) => (Icon::Hollow, TEXT),
        (false, false) => (Icon::Hollow, theme::EDGE),
    };
    icon.paint(ui.painter(), rect.shrink(4.5), ink);
    let clicked = response.clicked();
    response.on_hover_text("Favourite: never leaves the library by itself");
    clicked
}

fn button(ui: &mut Ui, icon: Icon, at: egui::Pos2, id: egui::Id, name: &str) -> Response {
    let rect = Rect::from_min_size(at, vec2(22.0, 22.0));
    let response = ui.interact(rect, id.with(icon as u8), Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
    if response.hovered() {
        ui.painter()
            .rect_filled(rect, CornerRadius::same(4), theme::FIELD_HOVER);
    }
    let ink = if response.hovered() { TEXT } else { QUIET };
    icon.paint(ui.painter(), rect.shrink(5.0), ink);
    response.on_hover_text(name)
}
