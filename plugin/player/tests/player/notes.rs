//! Notes launch slots, at their frame.

use barline_player::{FIRST_KEY, Note, NoteMode, Quantise, SLOTS, SlotSettings, SlotState};

use crate::rig::{Rig, info, noise, same};

const RATE_HZ: f64 = 48_000.0;
/// Longer than any fade that is not asked for.
const FADE_FRAMES: usize = 400;

/// No base slot; each slot a level of its own.
fn rig(mode: NoteMode) -> Rig {
    let mut rig = Rig::new(RATE_HZ, 120.0);
    rig.settings.slot = None;
    for slot in 0..SLOTS {
        let beats = if cfg!(miri) { 0.01 } else { 4.0 };
        rig.load_level(slot, beats, 120.0, 0.1 * (slot + 1) as f32);
        rig.control.configure(
            slot,
            SlotSettings {
                note: mode,
                ..SlotSettings::default()
            },
        );
    }
    rig
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn keys_from_c3_up_launch_the_slots_and_no_other_does() {
    let mut rig = rig(NoteMode::Gate);
    for key in 0..=127_u8 {
        rig.press(10, key, 1.0);
        let (left, _) = rig.play(1000, &[64]);
        rig.release(0, key);
        rig.settle();
        let slot = usize::from(key.wrapping_sub(60));
        let level = if key >= 60 && slot < SLOTS {
            0.1 * (slot + 1) as f32
        } else {
            0.0
        };
        assert_eq!(left[FADE_FRAMES..], vec![level; 600], "key {key}");
    }
    assert_eq!(FIRST_KEY, 60);
}

/// On whatever frame, in blocks of whatever size: silence up to the note, the clip's own frames from
/// it on, and silence again a fade after the key is let go.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn notes_are_sample_accurate() {
    let clip = info(1, 4.0, 120.0, RATE_HZ);
    let samples = noise(clip.frames as usize, 5);
    for (on, off) in [(0, 5000), (1, 5001), (63, 4000), (64, 4096), (1777, 3999)] {
        for blocks in [&[1][..], &[64], &[8192], &[17, 512, 3]] {
            for playing in [true, false] {
                let mut rig = Rig::new(RATE_HZ, 120.0);
                rig.settings.slot = None;
                rig.transport.playing = playing;
                rig.control.load(3, clip, &samples.0, &samples.1).unwrap();
                rig.press(on, FIRST_KEY + 3, 1.0);
                rig.release(off, FIRST_KEY + 3);
                let (left, _) = rig.play(8192, blocks);
                assert!(left[..on].iter().all(|x| *x == 0.0), "{on}, {blocks:?}");
                assert!(left[on] != 0.0, "{on}, {blocks:?}");
                same(&left[on + 48..off], &samples.0[48..off - on]);
                assert!(left[off + 240..].iter().all(|x| *x == 0.0));
                assert!(left[off + 1..off + 100].iter().any(|x| *x != 0.0));
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn velocity_is_gain() {
    for (velocity, gain) in [(1.0, 1.0), (0.5, 0.5), (0.0, 0.0), (7.0, 1.0), (-1.0, 0.0)] {
        let mut rig = rig(NoteMode::Gate);
        rig.press(0, FIRST_KEY + 4, velocity);
        let (left, _) = rig.play(1000, &[64]);
        assert_eq!(left[999], 0.5 * gain, "{velocity}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn gate_and_toggle() {
    let sounds = |left: &[f32]| left[FADE_FRAMES..].iter().all(|x| *x == 0.1);
    let silent = |left: &[f32]| left[FADE_FRAMES..].iter().all(|x| *x == 0.0);
    let mut gate = rig(NoteMode::Gate);
    gate.press(0, FIRST_KEY, 1.0);
    assert!(sounds(&gate.play(5000, &[64]).0));
    gate.release(0, FIRST_KEY);
    assert!(silent(&gate.play(5000, &[64]).0));
    let mut toggle = rig(NoteMode::Toggle);
    for round in 0..4 {
        toggle.press(0, FIRST_KEY, 1.0);
        toggle.release(100, FIRST_KEY);
        let (left, _) = toggle.play(5000, &[64]);
        let right = if round % 2 == 0 {
            sounds(&left)
        } else {
            silent(&left)
        };
        assert!(right, "press {round}");
    }
    // A toggle ends where the host stops; panic ends all.
    toggle.press(0, FIRST_KEY, 1.0);
    assert!(sounds(&toggle.play(5000, &[64]).0));
    toggle.transport.playing = false;
    assert!(silent(&toggle.play(5000, &[64]).0));
    for mut rig in [gate, toggle] {
        rig.transport.playing = true;
        rig.press(0, FIRST_KEY, 1.0);
        assert!(sounds(&rig.play(5000, &[64]).0));
        rig.note(0, Note::AllOff);
        assert!(silent(&rig.play(5000, &[64]).0));
    }
}

/// A note waits for its line, and begins there at the clip's first frame.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn quantised_notes_wait_for_their_line() {
    let clip = info(1, 32.0, 120.0, RATE_HZ);
    let samples = noise(clip.frames as usize, 5);
    for (quantise, line) in [
        (Quantise::Beat, 24_000),
        (Quantise::Bar, 96_000),
        (Quantise::TwoBars, 192_000),
        (Quantise::FourBars, 384_000),
    ] {
        let mut rig = Rig::new(RATE_HZ, 120.0);
        rig.settings.slot = None;
        rig.settings.quantise = quantise;
        rig.control.load(0, clip, &samples.0, &samples.1).unwrap();
        rig.press(100, FIRST_KEY, 1.0);
        rig.play(10_000, &[64]);
        assert_eq!(
            rig.control.poll().slots[0].state,
            SlotState::Waiting,
            "{quantise:?}"
        );
        let (left, _) = rig.play(line - 10_000 + 5000, &[512, 99]);
        let (before, after) = left.split_at(line - 10_000);
        assert!(before.iter().all(|x| *x == 0.0), "{quantise:?}");
        same(&after[48..], &samples.0[48..5000]);
        rig.control.poll();
        assert_eq!(rig.settle().slots[0].state, SlotState::Sounding);
        // Let go, it sounds until the next line, where its fade has ended.
        let at = rig.host_frame as usize;
        let next = at.div_ceil(line) * line;
        rig.release(10, FIRST_KEY);
        let (left, _) = rig.play(next - at + 1000, &[512]);
        same(
            &left[..next - at - 240],
            &samples.0[at - line..next - line - 240],
        );
        assert!(left[next - at..].iter().all(|x| *x == 0.0), "{quantise:?}");
    }
}

/// Keys of one block in any order, more than there is room for: none hangs.
#[test]
fn nothing_hangs_when_a_block_is_too_full() {
    let mut rig = rig(NoteMode::Gate);
    for i in 0..300 {
        let key = FIRST_KEY + (i % 8) as u8;
        rig.press(299 - i, key, 1.0);
        rig.release(299 - i, key);
    }
    rig.play(512, &[512]);
    rig.play(if cfg!(miri) { 300 } else { 1000 }, &[64]);
    let (left, _) = rig.play(64, &[64]);
    assert!(left.iter().all(|x| *x == 0.0));
    assert!(rig.settle().dropped_notes > 0);
}
