//! What is going on: phase, progress and time left; facts of the clip; messages.
//!
//! Window thread.

use egui::text::LayoutJob;
use egui::{Align, CornerRadius, FontId, Layout, Rect, Sense, Ui, UiBuilder, pos2, vec2};

use super::controls::{self, Weight};
use super::desk::{Desk, Scene, Tab};
use super::theme::{self, ACCENT, ERROR, FIELD_HOVER, QUIET, TEXT};
use crate::state::Project;
use crate::view::{ClipView, Following, Message, ModelAction, Phase, Snapshot, UiAction};
use crate::wording;

/// One row of text, with a bar of progress under it while a clip is made.
pub(super) const HEIGHT: f32 = 26.0;

/// Draws it and collects what was asked for. A message leaves the progress half of the row.
pub(super) fn show(
    ui: &mut Ui,
    scene: Scene,
    project: &Project,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    let snapshot = scene.snapshot;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
    let busy = snapshot.phase.busy();
    match (&snapshot.message, busy) {
        (Some(message), true) => {
            let split = rect.left() + rect.width() * 0.45;
            progress(ui, rect.with_max_x(split - 12.0), snapshot);
            line(ui, rect.with_min_x(split), message, desk, asks);
        }
        (Some(message), false) => line(ui, rect, message, desk, asks),
        (None, true) => progress(ui, rect, snapshot),
        (None, false) => rest(ui, rect, scene, project),
    }
}

fn progress(ui: &Ui, rect: Rect, snapshot: &Snapshot) {
    let painter = ui.painter();
    let y = rect.top() + 9.0;
    let left = left(&snapshot.phase);
    let galley = painter.layout_no_wrap(left, theme::small(), QUIET);
    let width = rect.width() - galley.size().x - 12.0;
    let begin = pos2(rect.right() - galley.size().x, y - galley.size().y / 2.0);
    painter.galley(begin, galley, QUIET);
    let at = pos2(rect.left(), y);
    controls::line(painter, at, &phase(snapshot), theme::body(), TEXT, width);
    let track = Rect::from_min_max(
        pos2(rect.left(), rect.bottom() - 5.0),
        pos2(rect.right(), rect.bottom() - 1.0),
    );
    painter.rect_filled(track, CornerRadius::same(2), FIELD_HOVER);
    if let Some(share) = share(&snapshot.phase) {
        let done = track.with_max_x(track.left() + track.width() * share);
        painter.rect_filled(done, CornerRadius::same(2), ACCENT);
    }
}

fn rest(ui: &Ui, rect: Rect, scene: Scene, project: &Project) {
    let painter = ui.painter();
    let y = rect.center().y;
    let slot = &scene.snapshot.slots[project.selected];
    let Some(clip) = &slot.clip else {
        let hint = "Enter generates. Keys 1 to 8 launch slots, 0 stops them.";
        controls::line(
            painter,
            pos2(rect.left(), y),
            hint,
            theme::small(),
            QUIET,
            rect.width(),
        );
        return;
    };
    let facts = facts(clip, slot.following.as_ref());
    let half = rect.width() * 0.56;
    let at = pos2(rect.left(), y);
    let end = controls::line(painter, at, &facts, theme::body(), TEXT, half);
    if let Some(facts) = &clip.facts {
        let room = rect.right() - end - 16.0;
        let galley = controls::fit(
            painter,
            &wording::verdict(facts),
            theme::small(),
            QUIET,
            room,
        );
        let begin = pos2(rect.right() - galley.size().x, y - galley.size().y / 2.0);
        painter.galley(begin, galley, QUIET);
        let hover = ui.interact(rect, ui.scope_id().with("story"), Sense::hover());
        hover.on_hover_text(wording::story(facts));
    }
}

fn line(ui: &mut Ui, rect: Rect, message: &Message, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    let (text, color) = match message {
        Message::Error(text) | Message::NoModel { text, .. } => (text, ERROR),
        Message::Info(text) => (text, TEXT),
    };
    let builder = UiBuilder::new()
        .max_rect(rect)
        .layout(Layout::right_to_left(Align::Center));
    ui.scope_builder(builder, |ui| {
        let close = controls::button(ui, "OK", vec2(40.0, 22.0), Weight::Plain, true);
        if let Message::NoModel { id, .. } = message
            && controls::button(ui, "Fetch…", vec2(60.0, 22.0), Weight::Main, true)
                .on_hover_text("Asks before anything is fetched")
                .clicked()
        {
            (desk.side, desk.tab) = (Some(true), Tab::Models);
            desk.asking = Some(id.clone());
            asks.push(UiAction::Model(ModelAction::Offer(id.clone())));
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            // What is too long for a line is set in two, smaller.
            let room = ui.available_width();
            let long = ui
                .painter()
                .layout_no_wrap(text.clone(), theme::body(), color)
                .size()
                .x
                > room;
            let font = if long {
                FontId::proportional(11.0)
            } else {
                theme::body()
            };
            let mut job = LayoutJob::simple(text.clone(), font, color, room);
            job.wrap.max_rows = if long { 2 } else { 1 };
            ui.label(job).on_hover_text(text);
        });
        if close.clicked() {
            asks.push(UiAction::Dismiss);
        }
    });
}

fn phase(snapshot: &Snapshot) -> String {
    match &snapshot.phase {
        Phase::Idle => String::new(),
        Phase::Queued { ahead: 0 } => "Starting".into(),
        Phase::Queued { ahead: 1 } => "Waiting for another loop to be finished".into(),
        Phase::Queued { ahead } => format!("Waiting for {ahead} other loops to be finished"),
        Phase::Loading { done: None } => "Loading the model".into(),
        Phase::Loading { done: Some(done) } => {
            format!("Loading the model · {:.0} %", done * 100.0)
        }
        Phase::Generating {
            step, steps, take, ..
        } => {
            let percent = if *steps > 0 { step * 100 / steps } else { 0 };
            let which = if take.1 > 1 {
                format!("take {} of {} · ", take.0, take.1)
            } else {
                String::new()
            };
            format!("Generating · {which}{percent} %")
        }
        Phase::Finishing => "Fitting the loop to its bars".into(),
        Phase::Cancelling => "Cancelling".into(),
    }
}

/// When the loop is first heard, and the time left.
fn left(phase: &Phase) -> String {
    let Phase::Generating {
        seconds_left,
        sound_in_seconds,
        ..
    } = phase
    else {
        return String::new();
    };
    let mut parts = Vec::new();
    parts.extend(sound_in_seconds.map(|wait| format!("heard in {}", wording::duration(wait))));
    parts.push(match seconds_left {
        Some(left) => format!("{} left", wording::duration(*left)),
        None => "measuring the speed".into(),
    });
    parts.join(" · ")
}

fn share(phase: &Phase) -> Option<f32> {
    match phase {
        Phase::Generating { step, steps, .. } if *steps > 0 => {
            Some((*step as f32 / *steps as f32).clamp(0.0, 1.0))
        }
        Phase::Loading { done } => *done,
        Phase::Finishing => Some(1.0),
        _ => None,
    }
}

fn facts(clip: &ClipView, following: Option<&Following>) -> String {
    let bars = clip.beats / f64::from(clip.beats_per_bar.max(1));
    let tempo = following.map_or_else(
        || format!("{} BPM", wording::tidy(clip.tempo_bpm)),
        wording::following,
    );
    let mut parts = vec![
        tempo,
        format!("{bars:.0} bar{}", if bars > 1.0 { "s" } else { "" }),
    ];
    parts.extend(clip.facts.as_ref().and_then(|facts| facts.key.clone()));
    // Another tempo takes its room.
    if following.is_none() {
        parts.push(format!("seed {}", clip.seed));
    }
    parts.join(" · ")
}
