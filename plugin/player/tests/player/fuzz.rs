//! Random hosts and sessions: transports, block sizes, rates, commands, growth.
//!
//! Replay a finding with `BARLINE_FUZZ_SEED=… cargo test -p barline-player fuzz`; run longer
//! with `BARLINE_FUZZ_BLOCKS=1000000`.

use barline_player::{ClipId, ClipInfo};

use crate::allocations::forbidden;
use crate::rig::{Random, Rig};

const RATES_HZ: [f64; 6] = [22_050.0, 44_100.0, 48_000.0, 88_200.0, 96_000.0, 192_000.0];
const BAD: [f64; 8] = [
    0.0,
    -1.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    1e300,
    1e-300,
    5e-324,
];

/// Interpolation between samples of full scale in alternating directions may go above them:
/// the sum of the magnitudes of its six weights is at most this.
const OVERSHOOT: f32 = 1.4;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// A session that does anything that a session can do.
struct Session {
    next_id: u64,
    growing: Option<(ClipInfo, u64)>,
    ids: Vec<ClipId>,
}

impl Session {
    fn act(&mut self, random: &mut Random, rig: &mut Rig) {
        match random.below(13) {
            0 => {
                let clip = self.clip(random, rig);
                rig.control.begin(clip).unwrap();
                self.growing = Some((clip, 0));
            }
            1..=5 => {
                if let Some((clip, pushed)) = &mut self.growing {
                    let frames = random.below(5000).min(clip.frames - *pushed);
                    let samples = audio(random, frames as usize);
                    rig.control.push(clip.id, &samples, &samples).unwrap();
                    *pushed += frames;
                    if *pushed == clip.frames {
                        rig.control.finish(clip.id).unwrap();
                        self.growing = None;
                    }
                }
            }
            6 => {
                if let Some((clip, _)) = self.growing.take() {
                    rig.control.finish(clip.id).unwrap();
                }
            }
            7 => {
                let clip = self.clip(random, rig);
                let samples = audio(random, clip.frames as usize);
                rig.control.load(clip, &samples, &samples).unwrap();
            }
            8 => {
                let mut clip = self.clip(random, rig);
                // Now and then it fits the host's tempo, as a clip does that follows it.
                let fits = !cfg!(miri) && random.one_in(2);
                if fits && (30.0..=300.0).contains(&rig.transport.tempo_bpm) {
                    clip.tempo_bpm = rig.transport.tempo_bpm;
                    let seconds = clip.beats * 60.0 / clip.tempo_bpm;
                    clip.frames = ((seconds * rig.rate_hz).round() as u64).max(1);
                }
                let samples = audio(random, clip.frames as usize);
                rig.control.swap(clip, &samples, &samples).unwrap();
            }
            11 if random.one_in(3) => {
                rig.control.clear();
                self.growing = None;
            }
            9 => {
                let id = self.ids[random.below(self.ids.len() as u64) as usize];
                rig.control.discard(id);
                self.growing.take_if(|(clip, _)| clip.id == id);
            }
            10 => rig.control.audition(random.one_in(2)),
            _ => {
                let status = rig.control.poll();
                assert!(status.peaks.iter().all(|peak| peak.is_finite()));
                if let Some(playhead) = status.playhead {
                    assert!(playhead.frame.is_finite() && playhead.beats.is_finite());
                    assert!(playhead.frame >= -1.0 && playhead.beats >= 0.0);
                }
            }
        }
    }

    fn clip(&mut self, random: &mut Random, rig: &Rig) -> ClipInfo {
        let id = ClipId(self.next_id);
        self.next_id += 1;
        self.ids.push(id);
        let tempo_bpm = if random.one_in(2) {
            120.0
        } else {
            40.0 + random.unit() * 200.0
        };
        let beats = [0.25, 1.0, 0.33, 2.0][random.below(4) as usize];
        let frames = (beats * 60.0 / tempo_bpm * rig.rate_hz).round() as u64;
        let frames = if cfg!(miri) || random.one_in(8) {
            1 + random.below(3000)
        } else {
            frames
        };
        ClipInfo {
            id,
            frames,
            beats,
            tempo_bpm,
        }
    }
}

/// Full-scale noise, now and then with what is no number.
fn audio(random: &mut Random, frames: usize) -> Vec<f32> {
    let bad = random.one_in(5);
    let sample = |_| {
        if bad && random.one_in(500) {
            [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][random.below(3) as usize]
        } else {
            (random.unit() * 2.0 - 1.0) as f32
        }
    };
    (0..frames).map(sample).collect()
}

fn transport(random: &mut Random, rig: &mut Rig) {
    if random.one_in(20) {
        rig.transport.playing = !rig.transport.playing;
    }
    if random.one_in(15) {
        rig.host_frame = random.below(2_000_000) as i64 - 1_000_000;
    }
    if random.one_in(40) {
        rig.host_frame += random.below(9) as i64 - 4;
    }
    if random.one_in(30) {
        let tempi = [
            120.0,
            120.0,
            97.5,
            30.0 + random.unit() * 300.0,
            1.0,
            999.0,
            2000.0,
        ];
        rig.transport.tempo_bpm = tempi[random.below(7) as usize];
    } else if random.one_in(80) {
        rig.transport.tempo_bpm = BAD[random.below(8) as usize];
    }
    rig.transport.beats = match random.below(60) {
        0 => None,
        1 => Some(BAD[random.below(8) as usize]),
        2 => Some((random.unit() - 0.5) * 1e9),
        _ => Some(rig.beats()),
    };
    if random.one_in(30) {
        rig.settings.sync = !rig.settings.sync;
    }
    if random.one_in(60) {
        rig.settings.play = !rig.settings.play;
    }
    if random.one_in(50) {
        let gains = [0.0, 1.0, random.unit() as f32, f32::NAN, -1.0, 0.5];
        rig.settings.gain = gains[random.below(6) as usize];
    }
}

fn fuzz(seed: u64, blocks: u64) {
    let mut random = Random(seed);
    let mut session = Session {
        next_id: 1,
        growing: None,
        ids: vec![ClipId(0)],
    };
    let mut rig = Rig::new(48_000.0, 120.0);
    let (mut left, mut right) = (vec![0.0; 9000], vec![0.0; 9000]);
    let mut loudest = 0.0_f32;
    for block in 0..blocks {
        if random.one_in(400) {
            rig.rate_hz = RATES_HZ[random.below(6) as usize];
            forbidden(|| rig.player.reset(rig.rate_hz));
        } else if random.one_in(2000) {
            forbidden(|| rig.player.reset(BAD[random.below(8) as usize]));
        }
        if random.one_in(3) {
            session.act(&mut random, &mut rig);
        }
        transport(&mut random, &mut rig);
        let frames = match random.below(50) {
            0 => 0,
            1 => 1 + random.below(9000) as usize,
            2..10 => 1 + random.below(4) as usize,
            _ => 1 + random.below(300) as usize,
        };
        let (l, r) = (&mut left[..frames], &mut right[..frames]);
        l.fill(f32::NAN);
        r.fill(f32::NAN);
        forbidden(|| {
            let (transport, settings) = (&rig.transport, &rig.settings);
            let _ = rig.player.ready_for(transport, settings, frames);
            rig.player.process(transport, settings, l, r);
        });
        rig.host_frame += frames as i64;
        for (i, x) in l.iter().chain(r.iter()).enumerate() {
            assert!(x.is_finite(), "block {block}, sample {i}: {x}");
            loudest = loudest.max(x.abs());
            assert!(x.abs() <= OVERSHOOT, "block {block}, sample {i}: {x}");
        }
    }
    if blocks > 1000 {
        assert!(loudest > 0.9, "nothing was heard: {loudest}");
    }
}

#[test]
fn random_hosts_and_sessions() {
    let rounds = if cfg!(miri) { 1 } else { 20 };
    let blocks = setting("BARLINE_FUZZ_BLOCKS").unwrap_or(if cfg!(miri) { 120 } else { 20_000 });
    if let Some(seed) = setting("BARLINE_FUZZ_SEED") {
        println!("seed {seed}");
        fuzz(seed, blocks / rounds);
        return;
    }
    let first = if cfg!(miri) {
        1
    } else {
        crate::rig::seed_of_the_clock()
    };
    for seed in first..first + rounds {
        println!("replay with BARLINE_FUZZ_SEED={seed} BARLINE_FUZZ_BLOCKS={blocks}");
        fuzz(seed, blocks / rounds);
    }
}
