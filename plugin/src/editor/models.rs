//! The shelf of models: which are here, what they are good at, what their clips may be used for.
//!
//! Window thread. Nothing is fetched before its licence was shown and agreed to.

use egui::{Align, CornerRadius, Layout, Popup, Rect, RichText, ScrollArea, Sense, Ui, pos2, vec2};

use super::controls::{self, Weight};
use super::desk::{Desk, Scene};
use super::theme::{self, ACCENT, FIELD_HOVER, QUIET, ROW, TEXT};
use super::{row, side};
use crate::view::{Doing, ModelAction, ModelState, ModelView, Offered, UiAction};
use crate::wording;

/// The model that can't be removed.
const BUILT_IN: &str = "starter";

/// Draws it.
pub(super) fn show(ui: &mut Ui, scene: Scene, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    if !desk.shelf_asked {
        desk.shelf_asked = true;
        asks.push(UiAction::Model(ModelAction::Look));
    }
    let height = (ui.available_height() - ROW - 8.0).max(60.0);
    if desk.asking.is_none() {
        desk.asked = None;
    }
    ScrollArea::vertical()
        .id_salt("models")
        .max_height(height)
        .auto_shrink(false)
        .show(ui, |ui| {
            if scene.snapshot.shelf.is_empty() {
                side::nothing(ui, "The shelf is being read.");
            }
            for model in scene.snapshot.shelf.iter() {
                card(ui, model, desk, asks);
            }
        });
    ui.horizontal(|ui| {
        let width = ui.available_width() - 58.0;
        let hint = "Folder of a model, or OWNER/MODEL";
        let field = controls::text_field(ui, &mut desk.model_folder, hint, width);
        let folder = desk.model_folder.trim();
        let enter = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let size = vec2(52.0, ROW);
        let pressed = controls::button(ui, "Use", size, Weight::Plain, !folder.is_empty())
            .on_hover_text("Use the model in this folder (a PyTorch or AudioCraft checkpoint is brought over first), or this one of the hub's")
            .clicked();
        if !folder.is_empty() && (enter || pressed) {
            // Should it be an id of what is not here, that is asked about.
            desk.asking = Some(folder.to_owned());
            asks.push(UiAction::Model(ModelAction::Named(folder.to_owned())));
        }
    });
}

fn card(ui: &mut Ui, model: &ModelView, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    let mut frame = theme::card().inner_margin(egui::Margin::symmetric(10, 8));
    if model.chosen {
        frame = frame.stroke(egui::Stroke::new(1.0, ACCENT));
    }
    let asked = desk.asking.as_deref() == Some(model.id.as_str());
    let drawn = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 3.0;
        let (title, _) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::hover());
        let (text, color) = row::rights(model.rights);
        let painter = ui.painter();
        let end = controls::badge(painter, pos2(title.right(), title.center().y), text, color);
        let ink = if model.chosen { ACCENT } else { TEXT };
        let at = pos2(title.left(), title.center().y);
        controls::line(
            painter,
            at,
            &model.name,
            theme::strong(13.0),
            ink,
            end - at.x - 8.0,
        );
        let badge = Rect::from_min_max(pos2(end, title.top()), title.right_bottom());
        ui.interact(
            badge,
            ui.scope_id().with((&model.id, "rights")),
            Sense::hover(),
        )
        .on_hover_text(&model.licence);
        if !model.good_at.is_empty() {
            small(ui, &wording::sentence(&model.good_at));
        }
        let needs = figures(model);
        if !needs.is_empty() {
            small(ui, &needs);
        }
        let askable = matches!(model.state, ModelState::Missing | ModelState::Partial(..));
        if askable && asked {
            question(ui, model, desk, asks);
        } else if desk.removing.as_deref() == Some(model.id.as_str()) {
            removal(ui, model, desk, asks);
        } else {
            state(ui, model, desk, asks);
        }
    });
    // It may have been asked from elsewhere, about a card far down.
    if asked && desk.asking != desk.asked {
        desk.asked.clone_from(&desk.asking);
        drawn.response.scroll_to_me(Some(Align::Center));
    }
}

fn small(ui: &mut Ui, text: &str) {
    let text = RichText::new(text).font(theme::small()).color(QUIET);
    ui.add(egui::Label::new(text).wrap());
}

/// Memory and speed; while it comes, what is done and how fast.
fn figures(model: &ModelView) -> String {
    let mut parts = Vec::new();
    if let ModelState::Fetching {
        bytes_per_second,
        seconds_left,
        doing,
        ..
    } = &model.state
    {
        return match doing {
            Doing::Elsewhere => "Another instance or program fetches it".into(),
            Doing::Waiting => "Waiting for another that fetches it".into(),
            Doing::Checking => "Checking what is here".into(),
            Doing::Importing => "Bringing it over from another make".into(),
            Doing::Retrying => "There was trouble, it is tried again".into(),
            Doing::Coming => {
                let rate = bytes_per_second.map(|rate| wording::size(rate as u64) + "/s");
                parts.extend(rate);
                let left = seconds_left.map(wording::duration);
                parts.extend(left.map(|left| left + " left"));
                match parts.as_slice() {
                    [] => "It comes".into(),
                    parts => parts.join(" · "),
                }
            }
        };
    }
    if model.held_bytes > 0 {
        parts.push(format!(
            "holds {} of memory",
            wording::size(model.held_bytes)
        ));
    } else if let Some(bytes) = model.needs_bytes {
        parts.push(format!("takes {} of memory", wording::size(bytes)));
    }
    if let Some(seconds) = model.seconds_a_bar {
        parts.push(format!("about {seconds:.1} s a bar here"));
    }
    parts.join(" · ")
}

/// Where it stands, and the one or two things that can be done about it.
fn state(ui: &mut Ui, model: &ModelView, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    let mut ask = |action: ModelAction| asks.push(UiAction::Model(action));
    let id = || model.id.clone();
    if let ModelState::Fetching {
        done_bytes, bytes, ..
    } = &model.state
    {
        let share = *done_bytes as f32 / (*bytes).max(1) as f32;
        bar(ui, share);
    }
    let words = words(&model.state);
    ui.horizontal(|ui| {
        ui.set_height(ROW);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let press = |ui: &mut Ui, text: &str, weight: Weight, hint: &str| {
                let width = if text.len() > 6 { 72.0 } else { 54.0 };
                controls::button(ui, text, vec2(width, 24.0), weight, true)
                    .on_hover_text(hint)
                    .clicked()
            };
            let kept = matches!(model.state, ModelState::Here | ModelState::NotRun(_));
            if kept && model.id != BUILT_IN {
                more(ui, model, desk, &mut ask);
            }
            match &model.state {
                ModelState::Here if model.chosen => {
                    ui.label(RichText::new("in use").color(ACCENT));
                }
                ModelState::Here => {
                    let hint = "The next loop is made with it";
                    if press(ui, "Use", Weight::Plain, hint) {
                        ask(ModelAction::Use(id()));
                    }
                }
                ModelState::Missing => {
                    let hint = "Asks before anything is fetched";
                    if press(ui, "Fetch…", Weight::Plain, hint) {
                        desk.asking = Some(id());
                        ask(ModelAction::Offer(id()));
                    }
                }
                ModelState::Partial(..) => {
                    let hint = "Go on where it stopped";
                    if press(ui, "Go on", Weight::Plain, hint) {
                        desk.asking = Some(id());
                        ask(ModelAction::Offer(id()));
                    }
                }
                ModelState::Fetching {
                    doing: Doing::Elsewhere,
                    ..
                } => {
                    let hint = "Use it as soon as it is here";
                    if press(ui, "Use", Weight::Plain, hint) {
                        ask(ModelAction::Fetch(id()));
                    }
                }
                ModelState::Fetching { doing, .. } => {
                    if press(ui, "Cancel", Weight::Plain, "Stop, and delete what came") {
                        ask(ModelAction::CancelFetch(id()));
                    }
                    let hint = "Stop for now; what is here stays";
                    if *doing != Doing::Importing && press(ui, "Pause", Weight::Plain, hint) {
                        ask(ModelAction::Pause(id()));
                    }
                }
                ModelState::NotRun(_) => {}
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let text = RichText::new(&words).font(theme::small()).color(TEXT);
                ui.add(egui::Label::new(text).truncate())
                    .on_hover_text(&words);
            });
        });
    });
}

fn words(state: &ModelState) -> String {
    match state {
        ModelState::Here => "Here".into(),
        ModelState::Missing => "Not here yet".into(),
        ModelState::Partial(done, Some(all)) => {
            format!("{} of {} here", wording::size(*done), wording::size(*all))
        }
        ModelState::Partial(done, None) => format!("{} here", wording::size(*done)),
        ModelState::Fetching {
            done_bytes, bytes, ..
        } => {
            format!("{} / {}", wording::size(*done_bytes), wording::size(*bytes))
        }
        ModelState::NotRun(why) => why.clone(),
    }
}

/// What else can be done with a model that is here.
fn more(ui: &mut Ui, model: &ModelView, desk: &mut Desk, ask: &mut dyn FnMut(ModelAction)) {
    let button = controls::button(ui, "…", vec2(26.0, 24.0), Weight::Plain, true)
        .on_hover_text("Check or remove it");
    Popup::menu(&button).show(|ui| {
        let hint = "Reads all of it; what is damaged is fetched anew";
        if ui.button("Check its files").on_hover_text(hint).clicked() {
            ask(ModelAction::Mend(model.id.clone()));
        }
        if ui.button("Remove it…").clicked() {
            desk.removing = Some(model.id.clone());
        }
    });
}

/// Before it is deleted.
fn removal(ui: &mut Ui, model: &ModelView, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    let text = "Remove it from this machine? It can be fetched again.";
    ui.add_space(2.0);
    ui.add(egui::Label::new(RichText::new(text).color(TEXT)).wrap());
    ui.horizontal(|ui| {
        let size = vec2(84.0, ROW);
        if controls::button(ui, "Remove", size, Weight::Plain, true).clicked() {
            asks.push(UiAction::Model(ModelAction::Remove(model.id.clone())));
            desk.removing = None;
        }
        if controls::button(ui, "Keep", vec2(70.0, ROW), Weight::Plain, true).clicked() {
            desk.removing = None;
        }
    });
}

/// Size and licence before anything is fetched.
fn question(ui: &mut Ui, model: &ModelView, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    let size = match model.offer {
        Some(Offered::Bytes(bytes)) => format!("{} are to be fetched.", wording::size(bytes)),
        Some(Offered::Failed) => "The hub did not say how large it is.".into(),
        None => "Asking the hub how large it is…".into(),
    };
    ui.add_space(2.0);
    ui.add(egui::Label::new(RichText::new(size).color(TEXT)).wrap());
    ui.add(egui::Label::new(RichText::new(&model.licence).color(TEXT)).wrap());
    ui.horizontal(|ui| {
        let size = vec2(124.0, ROW);
        let (text, ready) = match model.offer {
            Some(Offered::Bytes(_)) => ("Agree and fetch", true),
            Some(Offered::Failed) => ("Ask again", true),
            None => ("Agree and fetch", false),
        };
        if controls::button(ui, text, size, Weight::Main, ready).clicked() && ready {
            let id = model.id.clone();
            if model.offer == Some(Offered::Failed) {
                asks.push(UiAction::Model(ModelAction::Offer(id)));
            } else {
                asks.push(UiAction::Model(ModelAction::Fetch(id)));
                desk.asking = None;
            }
        }
        let size = vec2(70.0, ROW);
        if controls::button(ui, "Not now", size, Weight::Plain, true).clicked() {
            asks.push(UiAction::Model(ModelAction::Decline(model.id.clone())));
            desk.asking = None;
        }
    });
}

fn bar(ui: &mut Ui, share: f32) {
    let (track, _) = ui.allocate_exact_size(vec2(ui.available_width(), 4.0), Sense::hover());
    let radius = CornerRadius::same(2);
    let done = track.with_max_x(track.left() + track.width() * share.clamp(0.0, 1.0));
    ui.painter().rect_filled(track, radius, FIELD_HOVER);
    ui.painter().rect_filled(done, radius, ACCENT);
}
