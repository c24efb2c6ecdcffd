//! What a sample costs. Prints; run in release:
//! `cargo test --release -p barline-player speed -- --ignored --nocapture`.

use std::time::Instant;

use crate::rig::{Rig, info, noise};

/// Ten seconds of blocks of 64 frames.
const BLOCKS: u32 = 7500;

#[test]
#[ignore = "a measurement"]
fn speed() {
    let clip = info(1, 16.0, 120.0, 48_000.0);
    let samples = noise(clip.frames as usize, 5);
    for (name, tempo_bpm) in [("unity", 120.0), ("varispeed", 97.5)] {
        let mut rig = Rig::new(48_000.0, tempo_bpm);
        rig.control.load(0, clip, &samples.0, &samples.1).unwrap();
        let (mut left, mut right) = ([0.0; 64], [0.0; 64]);
        let (mut times, mut at) = (Vec::new(), 0_u32);
        for _ in 0..21 {
            let start = Instant::now();
            for _ in 0..BLOCKS {
                rig.transport.beats = Some(f64::from(at) * tempo_bpm / (60.0 * 48_000.0));
                rig.player
                    .process(&rig.transport, &rig.settings, barline_player::Outputs::stereo(&mut left, &mut right));
                std::hint::black_box((&left, &right));
                at += 64;
            }
            times.push(start.elapsed().as_secs_f64());
            rig.control.poll();
        }
        times.sort_by(f64::total_cmp);
        let ns = times[10] / f64::from(BLOCKS * 64) * 1e9;
        println!(
            "{name}: {ns:.2} ns a frame, {:.4} % of a core at 48 kHz",
            ns * 48e3 / 1e7
        );
    }
}
