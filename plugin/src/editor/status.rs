//! What is going on: phase, progress and time left; facts of the clip; messages.
//!
//! Window thread.

use egui::{Align, Align2, CornerRadius, Layout, Rect, RichText, Sense, Ui, vec2};

use super::theme::{self, ACCENT, ERROR, FIELD_HOVER, QUIET, ROW, TEXT};
use crate::view::{ClipView, Following, Message, Phase, Snapshot, UiAction};
use crate::wording;

/// One row of text, with a bar of progress under it while a clip is made.
pub(super) const HEIGHT: f32 = 30.0;

/// Draws it and says what was asked for.
pub(super) fn show(ui: &mut Ui, snapshot: &Snapshot) -> Option<UiAction> {
    if let (Some(message), false) = (&snapshot.message, snapshot.phase.busy()) {
        return show_message(ui, message);
    }
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
    let painter = ui.painter();
    let text_y = rect.top() + 10.0;
    let text = |x: f32, align: Align2, text: String, color| {
        painter.text(
            egui::pos2(x, text_y),
            align,
            text,
            egui::FontId::proportional(14.0),
            color,
        );
    };
    if snapshot.phase.busy() {
        text(
            rect.left(),
            Align2::LEFT_CENTER,
            phase(&snapshot.phase),
            TEXT,
        );
        text(
            rect.right(),
            Align2::RIGHT_CENTER,
            left(&snapshot.phase),
            QUIET,
        );
        let track = Rect::from_min_max(
            egui::pos2(rect.left(), rect.bottom() - 6.0),
            egui::pos2(rect.right(), rect.bottom() - 2.0),
        );
        let done = track.with_max_x(track.left() + track.width() * share(&snapshot.phase));
        painter.rect_filled(track, CornerRadius::same(2), FIELD_HOVER);
        painter.rect_filled(done, CornerRadius::same(2), ACCENT);
    } else if let Some(clip) = &snapshot.slots[0].clip {
        let following = snapshot.slots[0].following.as_ref();
        text(
            rect.left(),
            Align2::LEFT_CENTER,
            facts(clip, following),
            TEXT,
        );
        if let Some(facts) = &clip.facts {
            text(
                rect.right(),
                Align2::RIGHT_CENTER,
                wording::verdict(facts),
                QUIET,
            );
        }
    } else {
        let hint = "Nothing generated yet. Press Generate, then play the host's transport.";
        text(rect.left(), Align2::LEFT_CENTER, hint.to_owned(), QUIET);
    }
    None
}

fn show_message(ui: &mut Ui, message: &Message) -> Option<UiAction> {
    let (text, color) = match message {
        Message::Error(text) => (text, ERROR),
        Message::Info(text) => (text, TEXT),
    };
    let size = vec2(ui.available_width(), HEIGHT);
    let layout = Layout::right_to_left(Align::Center);
    let row = ui.allocate_ui_with_layout(size, layout, |ui| {
        let close = super::controls::button(
            ui,
            "OK",
            vec2(44.0, ROW),
            super::controls::Weight::Plain,
            true,
        );
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            let label = egui::Label::new(RichText::new(text).color(color)).truncate();
            ui.add(label).on_hover_text(text);
        });
        close.clicked()
    });
    row.inner.then_some(UiAction::Dismiss)
}

fn phase(phase: &Phase) -> String {
    match phase {
        Phase::Idle => String::new(),
        Phase::Queued { ahead: 0 } => "Starting".into(),
        Phase::Queued { ahead: 1 } => "Waiting for another loop to be finished".into(),
        Phase::Queued { ahead } => format!("Waiting for {ahead} other loops to be finished"),
        Phase::Loading { .. } => "Loading the model".into(),
        Phase::Generating { .. } => format!("Generating · {:.0} %", share(phase) * 100.0),
        Phase::Cancelling => "Cancelling".into(),
    }
}

fn left(phase: &Phase) -> String {
    match phase {
        Phase::Generating {
            seconds_left: Some(seconds),
            ..
        } if *seconds >= 60.0 => {
            format!(
                "{:.0} min {:.0} s left",
                (seconds / 60.0).floor(),
                seconds % 60.0
            )
        }
        Phase::Generating {
            seconds_left: Some(seconds),
            ..
        } => {
            format!("{:.0} s left", seconds.ceil())
        }
        _ => String::new(),
    }
}

fn share(phase: &Phase) -> f32 {
    match phase {
        Phase::Generating { step, steps, .. } if *steps > 0 => *step as f32 / *steps as f32,
        _ => 0.0,
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

/// Height of the whole card around the picture when the picture is `picture` high.
pub(super) fn card_height(picture: f32) -> f32 {
    picture + HEIGHT + theme::NEAR + 24.0
}
