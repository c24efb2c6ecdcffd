//! The library: what was ever made, searched, starred, named and put to use.
//!
//! Window thread.

use egui::{Align, DragValue, Layout, RichText, ScrollArea, Ui, vec2};

use super::controls::{self, Weight};
use super::desk::{Desk, Editing, Scene};
use super::icon::Icon;
use super::theme::{self, ACCENT, ERROR, QUIET, ROW};
use super::{picks, row, side};
use crate::state::Project;
use crate::view::{Find, LibraryAction, LibraryView, Source, TakeView, UiAction};
use crate::wording::{self, KEYS};

/// Tempi between which no tempo is looked for.
const ANY_BPM: (f64, f64) = (40.0, 240.0);
const GIGABYTE: f64 = 1e9;
/// Hosts grow slow with projects that are larger.
const MOST_CARRIED_MIB: u32 = 1_024;

/// Draws it.
pub(super) fn show(
    ui: &mut Ui,
    scene: Scene,
    project: &mut Project,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    let library = &scene.snapshot.library;
    if let Some(trouble) = &library.trouble {
        ui.add(egui::Label::new(RichText::new(trouble).color(ERROR)).wrap());
        ui.horizontal(|ui| carried(ui, project));
        return;
    }
    search(ui, desk, asks);
    if let Some((takes, bytes)) = library.prune {
        prune(ui, takes, bytes, asks);
    }
    let foot = ROW + 8.0;
    let height = (ui.available_height() - foot).max(60.0);
    ScrollArea::vertical()
        .id_salt("library")
        .max_height(height)
        .auto_shrink(false)
        .show_viewport(ui, |ui, seen| {
            ui.spacing_mut().item_spacing.y = 4.0;
            if library.takes.is_empty() {
                let asked = Find {
                    limit: desk.find.limit,
                    ..Find::default()
                };
                let text = if desk.find == asked {
                    "Nothing here yet. Every finished take is kept here, with its prompt, tempo, key and rights.\n\nAudio files that you drop on a slot are kept too."
                } else {
                    "Nothing fits. Try fewer words, or any key and tempo."
                };
                side::nothing(ui, text);
            }
            list(ui, seen, library, scene, project, desk, asks);
        });
    foot_line(ui, library, project, asks);
}

/// Only what is seen is drawn: a library has thousands of takes.
fn list(
    ui: &mut Ui,
    seen: egui::Rect,
    library: &LibraryView,
    scene: Scene,
    project: &Project,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    let top = ui.cursor().top();
    for take in library.takes.iter() {
        let from = ui.cursor().top() - top;
        let open = matches!(
            (&take.source, &desk.editing),
            (Source::Library(id), Some(editing)) if *id == editing.id
        );
        let outside = from + row::HEIGHT < seen.top() || from > seen.bottom();
        if outside && !open {
            ui.allocate_space(vec2(ui.available_width(), row::HEIGHT));
            continue;
        }
        let done = row::show(ui, take, scene, project.selected, desk, asks);
        let Source::Library(id) = &take.source else {
            continue;
        };
        if done.starred {
            let action = LibraryAction::Favourite(id.clone(), !take.favourite);
            asks.push(UiAction::Library(action));
        }
        if done.clicked {
            desk.editing = (!open).then(|| Editing {
                id: id.clone(),
                name: take.name.clone(),
                tags: take.tags.join(", "),
                asked: None,
            });
        }
        if open {
            unfolded(ui, take, id, desk, asks);
        }
    }
}

/// Name and tags of a take, and the bin.
fn unfolded(ui: &mut Ui, take: &TakeView, id: &str, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    let Some(editing) = desk.editing.as_mut() else {
        return;
    };
    ui.horizontal(|ui| {
        let width = ui.available_width();
        let name = controls::text_field(ui, &mut editing.name, "Name", width);
        let given = editing.name.trim();
        if name.lost_focus() && !given.is_empty() && given != take.name {
            let action = LibraryAction::Rename(id.to_owned(), given.to_owned());
            once(&mut editing.asked, action, asks);
        }
    });
    let mut binned = false;
    ui.horizontal(|ui| {
        let width = ui.available_width() - 58.0;
        let field = controls::text_field(ui, &mut editing.tags, "Tags, with commas", width);
        let tags: Vec<String> = editing
            .tags
            .split(',')
            .map(|tag| tag.trim().to_owned())
            .filter(|tag| !tag.is_empty())
            .collect();
        if field.lost_focus() && tags != take.tags {
            let action = LibraryAction::Tags(id.to_owned(), tags);
            once(&mut editing.asked, action, asks);
        }
        let size = vec2(52.0, ROW);
        let bin = controls::button(ui, "Bin", size, Weight::Plain, true);
        binned = bin.on_hover_text("Move it to the system's bin").clicked();
    });
    if binned {
        asks.push(UiAction::Library(LibraryAction::Bin(id.to_owned())));
        desk.editing = None;
    }
    ui.add_space(4.0);
}

/// Asks for a change unless it was the last that was asked for: a field loses its focus by Enter and then by
/// the click elsewhere.
fn once(asked: &mut Option<LibraryAction>, action: LibraryAction, asks: &mut Vec<UiAction>) {
    if asked.as_ref() != Some(&action) {
        *asked = Some(action.clone());
        asks.push(UiAction::Library(action));
    }
}

fn search(ui: &mut Ui, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    let before = desk.find.clone();
    let find = &mut desk.find;
    ui.horizontal(|ui| {
        let width = ui.available_width() - ROW - 6.0;
        controls::text_field(ui, &mut find.text, "Search words, names, tags", width);
        let icon = if find.favourites {
            Icon::Star
        } else {
            Icon::Hollow
        };
        let hint = "Favourites only";
        if controls::sign(ui, icon, find.favourites, true, hint).clicked() {
            find.favourites = !find.favourites;
        }
    });
    ui.horizontal(|ui| {
        picks::one(ui, "Key", 92.0, &KEYS, &mut find.key);
        let (mut low, mut high) = find.bpm.unwrap_or(ANY_BPM);
        let bound = |value: &mut f64, hint: &str, ui: &mut Ui| {
            let value = DragValue::new(value)
                .range(ANY_BPM.0..=ANY_BPM.1)
                .speed(0.5)
                .max_decimals(0);
            ui.add_sized(vec2(44.0, ROW), value).on_hover_text(hint);
        };
        bound(&mut low, "Slowest tempo", ui);
        ui.label(RichText::new("to").color(QUIET));
        bound(&mut high, "Fastest tempo", ui);
        ui.label(RichText::new("BPM").color(QUIET));
        high = high.max(low);
        find.bpm = ((low, high) != ANY_BPM).then_some((low, high));
        let any = find.key.is_none() && find.bpm.is_none();
        if !any && controls::sign(ui, Icon::Close, false, true, "Any key, any tempo").clicked() {
            find.key = None;
            find.bpm = None;
        }
    });
    if *find != before {
        asks.push(UiAction::Library(LibraryAction::Find(find.clone())));
    }
}

/// Asks before anything leaves.
fn prune(ui: &mut Ui, takes: u64, bytes: u64, asks: &mut Vec<UiAction>) {
    theme::card().fill(theme::PICKED).show(ui, |ui| {
        ui.set_width(ui.available_width());
        let text = format!(
            "The library is over its limit. Move the {takes} oldest takes that are no favourites ({}) to the bin?",
            wording::size(bytes)
        );
        ui.label(text);
        ui.horizontal(|ui| {
            let size = vec2(124.0, ROW);
            if controls::button(ui, "Move to the bin", size, Weight::Main, true).clicked() {
                asks.push(UiAction::Library(LibraryAction::Prune(true)));
            }
            let size = vec2(80.0, ROW);
            if controls::button(ui, "Keep them", size, Weight::Plain, true).clicked() {
                asks.push(UiAction::Library(LibraryAction::Prune(false)));
            }
        });
    });
}

/// How many, how large, how large at most, and how much of it projects carry.
fn foot_line(ui: &mut Ui, library: &LibraryView, project: &mut Project, asks: &mut Vec<UiAction>) {
    ui.horizontal(|ui| {
        let takes = if library.total == 1 { "take" } else { "takes" };
        let (total, size) = (library.total, wording::size(library.bytes));
        let text = format!("{total} {takes}, {size} of");
        let over = library.bytes > library.limit_bytes;
        let ink = if over { ACCENT } else { QUIET };
        ui.label(RichText::new(text).font(theme::small()).color(ink));
        let mut limit = library.limit_bytes as f64 / GIGABYTE;
        // A limit that was set elsewhere, or is not known yet, is shown as it is.
        let value = DragValue::new(&mut limit)
            .range(0.1..=1_000.0)
            .clamp_existing_to_range(false)
            .speed(0.1)
            .max_decimals(1)
            .suffix(" GB");
        let hint = "How large it may grow; favourites never leave by themselves";
        if ui.add(value).on_hover_text(hint).changed() {
            let bytes = (limit * GIGABYTE).round() as u64;
            asks.push(UiAction::Library(LibraryAction::Limit(bytes)));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            carried(ui, project)
        });
    });
}

/// How much of what lies in the slots is saved in the host's project; laid out from the right.
fn carried(ui: &mut Ui, project: &mut Project) {
    let hint = "The slots' clips are saved inside the host's project up to so much, so that it opens whole on another machine.\nWhat does not fit is looked up in the library there, or made again from prompt and seed. 0: no clips are saved.";
    let value = DragValue::new(&mut project.carry_mib)
        .range(0..=MOST_CARRIED_MIB)
        .clamp_existing_to_range(false)
        .speed(0.25)
        .custom_formatter(|mib, _| match mib as u32 {
            0 => "no clips".to_owned(),
            mib => format!("{mib} MiB"),
        })
        .custom_parser(carried_from);
    ui.add(value).on_hover_text(hint);
    let text = RichText::new("Project").font(theme::small()).color(QUIET);
    ui.label(text).on_hover_text(hint);
}

/// `32`, `32 MiB`, `no clips`.
fn carried_from(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("no clips") {
        return Some(0.0);
    }
    let number = text.trim_end_matches(|letter: char| letter.is_alphabetic());
    number.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_it_is_shown() {
        for (text, mib) in [
            ("no clips", 0.0),
            ("0", 0.0),
            ("32 MiB", 32.0),
            ("8mb", 8.0),
        ] {
            assert_eq!(carried_from(text), Some(mib), "{text}");
        }
        assert_eq!(carried_from("all"), None);
    }
}
