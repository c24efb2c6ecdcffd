//! What the panel tells: progress, a clip's story, the prompt as it will be read; and that it rests when there
//! is nothing to tell.
//!
//! Test threads.

use std::sync::Arc;
use std::time::Duration;

use egui::{Color32, Event, Pos2, Shape, ViewportId, pos2};

use super::super::desk::Tab;
use super::super::theme;
use super::rig::Rig;
use super::samples;
use crate::view::{Message, Phase, UiAction};

const SIZE: (f32, f32) = (1000.0, 640.0);

fn rig() -> Rig {
    let mut rig = Rig::new(SIZE);
    samples::playing(&mut rig);
    rig.settle();
    rig.take();
    rig
}

/// The pointer rests for longer than a tooltip waits.
fn hover(rig: &mut Rig, place: Pos2) {
    rig.frame(vec![Event::PointerMoved(place)]);
    for _ in 0..12 {
        rig.frame(Vec::new());
    }
}

#[test]
fn progress_tells_the_first_sound_and_the_rest() {
    let mut rig = rig();
    let phase = |seconds_left, sound_in_seconds, take| Phase::Generating {
        step: 100,
        steps: 400,
        seconds_left,
        sound_in_seconds,
        take,
    };
    rig.snapshot.phase = phase(None, None, (1, 1));
    rig.settle();
    assert!(rig.seek("Generating · 25 %").is_some());
    assert!(rig.seek("measuring the speed").is_some());
    rig.snapshot.phase = phase(Some(61.0), Some(3.2), (2, 3));
    rig.settle();
    assert!(rig.seek("Generating · take 2 of 3 · 25 %").is_some());
    assert!(rig.seek("heard in 4 s · 1 min 1 s left").is_some());
    rig.snapshot.phase = Phase::Finishing;
    rig.settle();
    assert!(rig.seek("Fitting the loop to its bars").is_some());
}

#[test]
fn a_pointer_that_rests_is_told_what_it_is_on() {
    let mut rig = rig();
    for (on, told) in [
        ("Generate", "Make a loop from the prompt (Enter)"),
        ("Sync", "Follow the host's tempo and beats"),
        ("Reverse", "Play it backwards"),
        ("score 94", "dusty lo-fi drums with vinyl crackle\nScore 94"),
    ] {
        let place = rig.find(on);
        hover(&mut rig, place);
        assert!(rig.seek(told).is_some(), "nothing is told of {on}");
        rig.frame(vec![Event::PointerMoved(pos2(640.0, 8.0))]);
        rig.settle();
    }
}

#[test]
fn what_a_clip_was_made_without_and_what_was_done_to_it_is_told() {
    let mut rig = rig();
    let shown = rig.snapshot.slots[0].clip.clone().expect("a clip is there");
    let mut clip = (*shown).clone();
    let facts = clip.facts.as_mut().expect("it is finished");
    facts.negative = Some("vocals".into());
    facts.edited = Some(barline_engine::Edited {
        how: "backwards".into(),
        whole: facts.length,
    });
    rig.snapshot.slots[0].clip = Some(Arc::new(clip));
    rig.settle();
    let badge = rig.find("edited");
    hover(&mut rig, badge);
    let texts = rig.texts();
    let (story, _) = texts
        .iter()
        .find(|(text, _)| text.contains("Without: vocals"))
        .expect("the story is told");
    assert!(story.contains("Since then: backwards"), "{story}");
    assert!(story.contains("commercial use included"), "{story}");
}

#[test]
fn a_clip_is_swapped_for_the_one_before() {
    let mut rig = rig();
    let button = rig.find("A/B");
    rig.click(button);
    assert_eq!(rig.take(), [UiAction::Flip(0)]);
    rig.snapshot.slots[0].flips = false;
    rig.settle();
    assert!(rig.seek("A/B").is_none());
}

#[test]
fn helpers_become_the_prompt_that_is_shown() {
    let mut rig = Rig::new(SIZE);
    rig.settle();
    for (field, entry) in [("Genre", "disco"), ("Energy", "calm"), ("Mood", "dark")] {
        let place = rig.find(field);
        rig.click(place);
        rig.settle();
        let place = rig.find(entry);
        rig.click(place);
        rig.settle();
    }
    let without = rig.find("Without…");
    rig.click(without);
    rig.write("vocals");
    rig.settle();
    let read = "→ calm dark disco, 120 bpm · without vocals";
    assert!(rig.seek(read).is_some(), "{:?}", rig.texts());
    let takes = rig.exactly("3")[0];
    rig.click(takes);
    rig.settle();
    assert_eq!(rig.project.takes, 3);
    assert!(rig.seek("takes").is_some());
}

#[test]
fn an_idle_panel_asks_for_no_other_frame() {
    for mut rig in [rig(), Rig::new(SIZE)] {
        rig.settle();
        let output = rig.output.as_ref().expect("a frame was drawn");
        let delay = output.viewport_output[&ViewportId::ROOT].repaint_delay;
        assert!(delay > Duration::from_secs(3_600), "{delay:?}");
    }
}

#[test]
fn text_is_written_in_inks_whose_contrast_is_tested() {
    fn inks(shape: &Shape, into: &mut Vec<(String, Color32)>) {
        match shape {
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| inks(shape, into)),
            Shape::Text(text) => {
                for section in &text.galley.job.sections {
                    let ink = match (text.override_text_color, section.format.color) {
                        (Some(ink), _) => ink,
                        (None, Color32::PLACEHOLDER) => text.fallback_color,
                        (None, ink) => ink,
                    };
                    into.push((text.galley.text().to_owned(), ink));
                }
            }
            _ => {}
        }
    }
    for tab in [Tab::Takes, Tab::Library, Tab::Models] {
        let mut rig = Rig::new((1200.0, 800.0));
        samples::generating(&mut rig);
        rig.snapshot.library = samples::library();
        rig.snapshot.shelf = samples::shelf();
        rig.snapshot.message = Some(Message::Error("The disk is full".into()));
        rig.desk.tab = tab;
        rig.desk.zoom.width = 0.2;
        rig.settle();
        let mut drawn = Vec::new();
        for clipped in &rig.output.as_ref().expect("a frame was drawn").shapes {
            inks(&clipped.shape, &mut drawn);
        }
        assert!(drawn.len() > 60, "{}", drawn.len());
        for (text, ink) in drawn {
            let known = theme::INKS.contains(&ink) || ink == theme::ON_ACCENT;
            assert!(known, "{text:?} is written in {ink:?}");
        }
    }
}

#[test]
fn tempo_and_meter_are_set_where_the_host_gives_none() {
    let mut rig = Rig::new((640.0, 420.0));
    rig.settle();
    let meter = rig.find("/4");
    rig.drag(meter, meter - egui::vec2(20.0, 0.0), true);
    rig.settle();
    assert_eq!(rig.project.beats_per_bar, 3);
    assert_eq!(rig.take(), [UiAction::Edited]);
    rig.live.set_host(true, Some(97.5), Some(4.0));
    rig.settle();
    assert!(rig.seek("/4").is_none());
    assert!(rig.seek("97.5 BPM").is_some());
}
