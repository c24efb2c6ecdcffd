//! What the panel does with keys and the pointer.
//!
//! Test threads.

use egui::{Event, Key, Modifiers, pos2, vec2};

use super::super::keys::Claim;
use super::rig::Rig;
use super::samples;
use crate::state::SlotSettings;
use crate::view::{Phase, Purpose, Ready, Source, UiAction};

fn rig() -> Rig {
    let mut rig = Rig::new((1000.0, 640.0));
    samples::playing(&mut rig);
    rig.settle();
    rig.take();
    rig
}

/// So far to the left of a bar's number is its line.
const LINE: f32 = 17.0;

/// A panel with the caret in an empty prompt.
fn typing() -> Rig {
    let mut rig = Rig::new((1000.0, 640.0));
    rig.settle();
    let field = rig.find("Describe a loop");
    rig.click(field);
    assert_eq!(rig.claim(), Claim::All);
    rig.take();
    rig
}

#[test]
fn text_is_typed_and_enter_generates() {
    let mut rig = typing();
    rig.write("dark ");
    rig.write("techno 1 2");
    assert_eq!(rig.project.prompt, "dark techno 1 2");
    assert_eq!(rig.params.slot.value(), 1, "digits are text here");
    assert_eq!(rig.take(), []);
    rig.tap(Key::Enter);
    assert_eq!(rig.take(), [UiAction::Generate]);
    assert_eq!(rig.project.prompt, "dark techno 1 2", "Enter is no text");
    rig.hold(Modifiers::SHIFT);
    rig.tap(Key::Enter);
    assert_eq!(rig.project.prompt, "dark techno 1 2\n");
    assert_eq!(rig.take(), []);
}

#[test]
fn an_edit_is_told_once_when_it_is_done() {
    let mut rig = typing();
    rig.write("dark");
    rig.write(" techno");
    assert_eq!(rig.take(), []);
    rig.tap(Key::Escape);
    rig.frame(Vec::new());
    assert_eq!(rig.take(), [UiAction::Edited]);
    rig.settle();
    assert_eq!(rig.take(), []);
}

#[test]
fn enter_does_nothing_while_a_loop_is_made() {
    let mut rig = typing();
    rig.snapshot.phase = Phase::Queued { ahead: 1 };
    rig.tap(Key::Enter);
    assert_eq!(rig.take(), []);
}

#[test]
fn what_is_typed_with_the_click_arrives() {
    let mut rig = Rig::new((1000.0, 640.0));
    rig.settle();
    let place = rig.find("Describe a loop");
    let button = |pressed| Event::PointerButton {
        pos: place,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    // A fast user, and a host that draws late: all of it in one frame.
    rig.frame(vec![Event::PointerMoved(place)]);
    rig.frame(vec![button(true), button(false)]);
    rig.frame(vec![Event::Text("a".into()), Event::Text("b".into())]);
    assert_eq!(rig.project.prompt, "ab");
}

#[test]
fn escape_closes_before_it_cancels() {
    let mut rig = rig();
    rig.snapshot.phase = Phase::Loading { done: None };
    let presets = rig.find("Presets");
    rig.click(presets);
    assert!(rig.seek("Dusty boom bap").is_some());
    rig.tap(Key::Escape);
    rig.settle();
    assert!(rig.seek("Dusty boom bap").is_none());
    assert_eq!(rig.take(), []);
    rig.tap(Key::Escape);
    assert_eq!(rig.take(), [UiAction::Cancel]);
}

#[test]
fn digits_launch_and_nothing_else_is_taken() {
    let mut rig = rig();
    rig.tap(Key::Num4);
    assert_eq!(rig.params.slot.value(), 4);
    rig.tap(Key::Num0);
    assert_eq!(rig.params.slot.value(), 0);
    rig.hold(Modifiers::COMMAND);
    rig.tap(Key::Num3);
    assert_eq!(
        rig.params.slot.value(),
        0,
        "with a modifier it is the host's"
    );
    rig.hold(Modifiers::NONE);
    rig.tap(Key::Space);
    rig.tap(Key::Enter);
    assert_eq!(rig.take(), []);
    let Claim::Some(characters, escape) = rig.claim() else {
        panic!("nothing is typed, so the keys are the host's");
    };
    assert!(!escape && !characters.contains(&" ") && !characters.contains(&"z"));
    rig.snapshot.phase = Phase::Queued { ahead: 0 };
    assert!(matches!(rig.claim(), Claim::Some(_, true)));
}

#[test]
fn undo_and_redo_by_keys_and_buttons() {
    let mut rig = rig();
    rig.hold(Modifiers::COMMAND);
    rig.tap(Key::Z);
    assert_eq!(rig.take(), [UiAction::Undo]);
    let Claim::Some(characters, _) = rig.claim() else {
        panic!("nothing is typed");
    };
    assert!(characters.contains(&"z"));
    rig.hold(Modifiers::COMMAND | Modifiers::SHIFT);
    rig.tap(Key::Z);
    assert_eq!(rig.take(), [], "there is nothing to do again");
    rig.snapshot.can_redo = true;
    rig.tap(Key::Z);
    assert_eq!(rig.take(), [UiAction::Redo]);
}

#[test]
fn in_the_prompt_undo_is_of_the_text() {
    let mut rig = typing();
    rig.snapshot.can_undo = true;
    rig.write("dark");
    rig.hold(Modifiers::COMMAND);
    rig.tap(Key::Z);
    assert_eq!(rig.take(), []);
}

#[test]
fn a_preset_is_put_in_place() {
    let mut rig = rig();
    let presets = rig.find("Presets");
    rig.click(presets);
    let preset = rig.find("Amen chop");
    rig.click(preset);
    rig.settle();
    assert_eq!(rig.project.genre.as_deref(), Some("drum and bass"));
    assert_eq!(rig.project.key.as_deref(), Some("A minor"));
    assert_eq!(rig.params.bars.value(), 2);
    assert_eq!(rig.take(), [UiAction::Edited]);
    assert!(rig.seek("Dusty boom bap").is_none(), "the list has closed");
}

#[test]
fn arrows_go_through_the_prompts() {
    let mut rig = typing();
    rig.snapshot.history = ["newest".to_owned(), "older".to_owned()].into();
    rig.write("draft");
    rig.tap(Key::ArrowUp);
    assert_eq!(rig.project.prompt, "newest");
    rig.tap(Key::ArrowUp);
    assert_eq!(rig.project.prompt, "older");
    rig.tap(Key::ArrowUp);
    assert_eq!(rig.project.prompt, "older");
    rig.tap(Key::ArrowDown);
    rig.tap(Key::ArrowDown);
    assert_eq!(rig.project.prompt, "draft");
    rig.write("!");
    assert_eq!(rig.project.prompt, "draft!", "the caret is at the end");
}

#[test]
fn an_arrow_inside_the_text_moves_the_caret() {
    let mut rig = typing();
    rig.snapshot.history = ["newest".to_owned()].into();
    rig.write("one\ntwo");
    rig.frame(Vec::new());
    rig.tap(Key::ArrowUp);
    assert_eq!(rig.project.prompt, "one\ntwo");
    rig.tap(Key::ArrowUp);
    assert_eq!(rig.project.prompt, "newest");
}

#[test]
fn a_pad_launches_and_its_name_selects() {
    let mut rig = rig();
    rig.click(rig.pad(1));
    assert_eq!(rig.params.slot.value(), 2);
    assert_eq!(rig.take(), [UiAction::Select(1)]);
    rig.click(rig.pad_name(2));
    assert_eq!(rig.params.slot.value(), 2);
    assert_eq!(rig.take(), [UiAction::Select(2)]);
    rig.click(rig.pad(1));
    assert_eq!(rig.params.slot.value(), 0, "the launched one stops");
    rig.take();
    rig.click(rig.pad(7));
    assert_eq!(rig.params.slot.value(), 0, "there is nothing to launch");
    assert_eq!(rig.take(), [UiAction::Select(7)]);
}

#[test]
fn a_pad_is_layered() {
    let mut rig = rig();
    let corner = rig.desk.pads[2].unwrap().right_top() + vec2(-12.0, 12.0);
    rig.click(corner);
    let layered = SlotSettings {
        layered: true,
        ..SlotSettings::default()
    };
    assert_eq!(rig.take(), [UiAction::Tune(2, layered)]);
    assert_eq!(rig.params.slot.value(), 1);
}

#[test]
fn a_missing_clip_is_made_again() {
    let mut rig = rig();
    rig.snapshot.slots[6].missing = Some("drums".into());
    rig.frame(Vec::new());
    rig.click(rig.pad(6));
    assert_eq!(rig.take(), [UiAction::Restore(6), UiAction::Select(6)]);
}

#[test]
fn pads_swap_when_one_is_dropped_on_another() {
    let mut rig = rig();
    rig.drag(rig.pad(1), rig.pad(5), true);
    assert_eq!(
        rig.take(),
        [UiAction::Drag(Source::Slot(1)), UiAction::Swap(1, 5)]
    );
    assert_eq!(rig.params.slot.value(), 1, "a drag is no click");
}

#[test]
fn a_file_that_is_ready_goes_to_the_system() {
    let mut rig = rig();
    let path = std::path::PathBuf::from("barline.wav");
    let ready = |number, slot| {
        Some(Ready {
            number,
            path: path.clone(),
            source: Source::Slot(slot),
            purpose: Purpose::Drag,
        })
    };
    rig.snapshot.ready = ready(3, 1);
    rig.drag(rig.pad(1), pos2(300.0, 400.0), false);
    assert_eq!(rig.desk.drag_file, None, "that file is an old one");
    rig.snapshot.ready = ready(4, 1);
    rig.frame(Vec::new());
    assert_eq!(rig.desk.drag_file, Some(path));
    rig.tap(Key::Escape);
    assert_eq!(rig.desk.carry, None);
}

#[test]
fn dropped_files_go_into_the_slot_under_them() {
    let mut rig = rig();
    let file = std::path::PathBuf::from("loop.flac");
    let (pad, elsewhere) = (rig.pad(6), pos2(300.0, 450.0));
    rig.desk.dropped.push((vec![file.clone()], pad));
    rig.desk.dropped.push((vec![file.clone()], elsewhere));
    rig.frame(Vec::new());
    assert_eq!(
        rig.take(),
        [
            UiAction::Import(vec![file.clone()], Some(6)),
            UiAction::Import(vec![file], None)
        ]
    );
}

#[test]
fn the_menu_of_a_pad() {
    let mut rig = rig();
    rig.click_other(rig.pad(0));
    let again = rig.find("Again with another seed");
    rig.click(again);
    assert_eq!(rig.take(), [UiAction::Reroll(Source::Slot(0))]);
    rig.click_other(rig.pad(0));
    let save = rig.find("Save as…");
    rig.click(save);
    rig.settle();
    let button = rig.find("Folder, or a file") + vec2(150.0, 26.0);
    let save = rig.find("Save slot 1");
    assert!((button.y - save.y).abs() < 80.0);
    rig.tap(Key::Escape);
    rig.settle();
    assert!(rig.seek("Save slot 1").is_none());
    rig.click_other(rig.pad(7));
    assert!(rig.seek("Empty the slot").is_none(), "it is empty");
}

#[test]
fn markers_snap_to_beats_and_alt_leaves_them() {
    let mut rig = rig();
    let last = |rig: &mut Rig| {
        let tuned = rig.take().into_iter().filter_map(|ask| match ask {
            UiAction::Tune(0, settings) => Some(settings),
            _ => None,
        });
        tuned
            .fold(None, |_, last| Some(last))
            .expect("the slot was tuned")
    };
    // The bars' numbers lie at the top of the picture, a bar's line to their left.
    let two = rig.find_in(rig.card(), "2");
    let three = rig.find_in(rig.card(), "3");
    let bar = three.x - two.x;
    let start = pos2(two.x - bar - LINE, two.y + 60.0);
    rig.drag(start, start + vec2(bar + 9.0, 0.0), true);
    assert_eq!(last(&mut rig).start_beats, 4.0);
    let moved = start + vec2(bar, 0.0);
    rig.hold(Modifiers::ALT);
    rig.drag(moved, moved + vec2(bar / 8.0 * 3.0, 0.0), true);
    let free = last(&mut rig).start_beats;
    assert!(free > 5.0 && free < 6.0 && free.fract() != 0.0, "{free}");
    rig.hold(Modifiers::NONE);
    let end = pos2(start.x + 4.0 * bar, start.y);
    rig.drag(end - vec2(2.0, 0.0), end - vec2(bar * 3.5, 0.0), true);
    let settings = last(&mut rig);
    assert_eq!(settings.end_beats, Some(settings.start_beats + 0.25));
}

#[test]
fn the_wheel_zooms_about_the_pointer() {
    let mut rig = rig();
    let place = rig.find_in(rig.card(), "3") + vec2(-LINE, 60.0);
    rig.frame(vec![Event::PointerMoved(place)]);
    for _ in 0..8 {
        rig.frame(vec![Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: vec2(0.0, 60.0),
            modifiers: Modifiers::NONE,
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
        }]);
    }
    let zoom = rig.desk.zoom;
    assert!(zoom.width < 0.5, "{zoom:?}");
    let seen = rig.find_in(rig.card(), "3").x - LINE;
    assert!((seen - place.x).abs() < 12.0, "{seen} was at {}", place.x);
    rig.double_click(place);
    assert_eq!(rig.desk.zoom.width, 1.0, "a double click shows all of it");
}

#[test]
fn a_tune_is_dragged_and_told_on_the_way() {
    let mut rig = rig();
    let gain = rig.find_in(rig.card(), "0.0");
    rig.drag(gain, gain + vec2(40.0, 0.0), true);
    let told: Vec<f32> = rig
        .take()
        .into_iter()
        .filter_map(|ask| match ask {
            UiAction::Tune(0, settings) => Some(settings.gain_db),
            _ => None,
        })
        .collect();
    assert!(told.len() > 1 && told.is_sorted(), "{told:?}");
    assert!(*told.last().unwrap() > 1.0);
}
