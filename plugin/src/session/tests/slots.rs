//! Slots as the panel uses them: placing, swapping, emptying, tuning, undo and redo, previews.

use super::*;
use crate::state::SlotSettings;
use crate::view::TakeId;

/// A clip of another pitch than [`saved`]'s, so that the two can be told apart.
fn other() -> Arc<SavedClip> {
    let sine = |n: u32| (n as f32 * 0.11).sin() * 0.25;
    let clip = Clip {
        rate_hz: RATE_HZ,
        channels: vec![(0..2 * RATE_HZ).map(sine).collect()],
        codes: Vec::new(),
        frame_rate_hz: 50.0,
        raw: None,
        facts: barline_engine::ClipFacts {
            prompt: "bells".into(),
            seed: 8,
            ..facts()
        },
    };
    Arc::new(recall::pack(&clip).unwrap())
}

/// A session with two clips, at the clips' own rate.
fn two() -> (Arc<BarlineParams>, Session, Player) {
    let (params, session, mut player) = start();
    session.handle().set_rate(RATE_HZ as f32);
    let mut clips = Clips::default();
    clips[0] = Some(saved());
    clips[1] = Some(other());
    session.handle().loaded(Loaded {
        clips,
        generate: false,
        refused: None,
    });
    settle(&session, &mut player);
    (params, session, player)
}

/// What each slot holds, by its seed.
fn seeds(session: &Session) -> [Option<u64>; SLOT_COUNT] {
    let slots = &session.handle().snapshot().slots;
    std::array::from_fn(|slot| slots[slot].clip.as_ref().map(|clip| clip.seed))
}

#[track_caller]
fn holds(all: &(Arc<BarlineParams>, Session, Player), want: &[(usize, u64)]) {
    let mut seeds_wanted = [None; SLOT_COUNT];
    for (slot, seed) in want {
        seeds_wanted[*slot] = Some(*seed);
    }
    assert_eq!(seeds(&all.1), seeds_wanted);
    let kept = kept(&all.0).into_iter();
    let kept: Vec<_> = kept.map(|clip| clip.map(|clip| clip.facts.seed)).collect();
    assert_eq!(kept, seeds_wanted, "in the state");
    let loaded: [bool; SLOT_COUNT] = std::array::from_fn(|slot| all.2.clip(slot).is_some());
    assert_eq!(
        loaded,
        seeds_wanted.map(|seed| seed.is_some()),
        "at the player"
    );
}

fn send(all: &mut (Arc<BarlineParams>, Session, Player), action: UiAction) {
    all.1.handle().send(action);
    settle(&all.1, &mut all.2);
}

#[test]
fn clips_move_between_slots_and_every_step_comes_back() {
    let mut all = two();
    holds(&all, &[(0, 7), (1, 8)]);
    send(&mut all, UiAction::Place(Source::Slot(0), 3));
    holds(&all, &[(0, 7), (1, 8), (3, 7)]);
    send(&mut all, UiAction::Swap(1, 5));
    holds(&all, &[(0, 7), (3, 7), (5, 8)]);
    send(&mut all, UiAction::Empty(0));
    holds(&all, &[(3, 7), (5, 8)]);
    assert!(all.1.handle().snapshot().can_undo);
    assert!(!all.1.handle().snapshot().can_redo);

    send(&mut all, UiAction::Undo);
    holds(&all, &[(0, 7), (3, 7), (5, 8)]);
    send(&mut all, UiAction::Undo);
    holds(&all, &[(0, 7), (1, 8), (3, 7)]);
    send(&mut all, UiAction::Undo);
    holds(&all, &[(0, 7), (1, 8)]);
    assert!(!all.1.handle().snapshot().can_undo);
    send(&mut all, UiAction::Undo);
    holds(&all, &[(0, 7), (1, 8)]);

    for _ in 0..3 {
        send(&mut all, UiAction::Redo);
    }
    holds(&all, &[(3, 7), (5, 8)]);
    assert!(!all.1.handle().snapshot().can_redo);
    // What is done after an undo takes the place of what was undone.
    send(&mut all, UiAction::Undo);
    send(&mut all, UiAction::Empty(3));
    assert!(!all.1.handle().snapshot().can_redo);
    holds(&all, &[(0, 7), (5, 8)]);
}

#[test]
fn a_slot_flips_between_its_clip_and_the_one_before() {
    let mut all = two();
    assert!(!all.1.handle().snapshot().slots[0].flips);
    send(&mut all, UiAction::Place(Source::Slot(1), 0));
    holds(&all, &[(0, 8), (1, 8)]);
    assert!(all.1.handle().snapshot().slots[0].flips);
    for seed in [7, 8, 7] {
        send(&mut all, UiAction::Flip(0));
        holds(&all, &[(0, seed), (1, 8)]);
    }
}

#[test]
fn how_a_slot_plays_is_heard_saved_and_undone() {
    let mut all = two();
    let whole = play(&mut all.2, RATE_HZ, 120.0);
    let tuned = SlotSettings {
        gain_db: -6.0,
        ..SlotSettings::default()
    };
    // A knob that is turned is one step.
    for gain_db in [-1.0, -3.0, -6.0] {
        let settings = SlotSettings { gain_db, ..tuned };
        send(&mut all, UiAction::Tune(0, settings));
    }
    let quiet = play(&mut all.2, RATE_HZ, 120.0);
    let factor = 10.0_f32.powf(-6.0 / 20.0);
    for (n, (loud, quiet)) in whole.iter().zip(&quiet).enumerate().skip(2000) {
        assert!((loud * factor - quiet).abs() < 1e-5, "frame {n}");
    }
    assert_eq!(all.0.project.read().1.slots[0], tuned);
    send(&mut all, UiAction::Undo);
    assert_eq!(all.0.project.read().1.slots[0], SlotSettings::default());
    let back = play(&mut all.2, RATE_HZ, 120.0);
    assert_same(&back, &whole, RATE_HZ);
}

#[test]
fn an_edited_prompt_is_undone_by_itself() {
    let mut all = two();
    for prompt in ["dub", "dub techno"] {
        all.0
            .project
            .update(|project| project.prompt = prompt.into());
        send(&mut all, UiAction::Edited);
    }
    send(&mut all, UiAction::Empty(1));
    send(&mut all, UiAction::Undo);
    assert_eq!(all.0.project.read().1.prompt, "dub techno");
    send(&mut all, UiAction::Undo);
    assert_eq!(all.0.project.read().1.prompt, "dub");
    send(&mut all, UiAction::Undo);
    assert_eq!(all.0.project.read().1.prompt, "");
    holds(&all, &[(0, 7), (1, 8)]);
}

#[test]
fn a_preview_is_heard_in_the_slots_place_and_leaves_it_as_it_was() {
    let mut all = two();
    let own = play(&mut all.2, RATE_HZ, 120.0);
    let bells = recall::unpack(&other()).unwrap();
    send(&mut all, UiAction::Preview(Some(Source::Slot(1))));
    assert_eq!(all.1.handle().snapshot().preview, Some(Source::Slot(1)));
    let heard = play(&mut all.2, RATE_HZ, 120.0);
    assert_same(&heard, &bells.channels[0], RATE_HZ);
    holds(&all, &[(0, 7), (1, 8)]);
    send(&mut all, UiAction::Preview(None));
    assert_eq!(all.1.handle().snapshot().preview, None);
    assert_same(&play(&mut all.2, RATE_HZ, 120.0), &own, RATE_HZ);
}

#[test]
fn what_lies_nowhere_is_told_in_one_line() {
    let mut all = two();
    for action in [
        UiAction::Place(Source::Take(TakeId(99)), 0),
        UiAction::Preview(Some(Source::Take(TakeId(99)))),
        UiAction::Reroll(Source::Slot(6)),
        UiAction::Place(Source::Library("nothing".into()), 0),
        UiAction::Save(Source::Take(TakeId(99)), std::env::temp_dir()),
    ] {
        send(&mut all, UiAction::Dismiss);
        send(&mut all, action.clone());
        let said = all.1.handle().snapshot().message.clone();
        assert!(
            matches!(said, Some(Message::Error(_))),
            "{action:?}: {said:?}"
        );
        holds(&all, &[(0, 7), (1, 8)]);
    }
    // Slots that are none are no slots.
    for action in [
        UiAction::Swap(0, 99),
        UiAction::Empty(99),
        UiAction::Flip(99),
        UiAction::Tune(99, SlotSettings::default()),
        UiAction::Place(Source::Slot(0), 99),
        UiAction::Select(99),
    ] {
        send(&mut all, action);
        holds(&all, &[(0, 7), (1, 8)]);
    }
}
