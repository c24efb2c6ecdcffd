//! Random hosts and sessions: transports, block sizes, rates, commands, notes, growth, swaps.
//!
//! Runs in rounds, each with a seed of its own, which a finding prints. `cargo xtask fuzz` runs as
//! many blocks as it is told, from a seed; the test of every day runs a few rounds, always the same.

mod host;
mod judge;
mod material;
mod session;

use barline_player::{Note, Outputs, SLOTS};

use crate::allocations::{bytes_kept, forbidden};
use crate::rig::{Random, Rig, seed_of_the_clock};
use host::Host;
use judge::Judge;
use session::Session;

/// Blocks of a round: some seconds of audio.
const ROUND_BLOCKS: u64 = if cfg!(miri) { 30 } else { 2000 };

const RATES_HZ: [f64; 8] = [
    22_050.0, 32_000.0, 44_100.0, 48_000.0, 48_000.0, 88_200.0, 96_000.0, 192_000.0,
];

/// Numbers that are none, and others that nobody means.
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

/// What a round is like.
#[derive(Debug)]
struct Style {
    rate_hz: f64,
    /// Tempi and rates that nobody plays at. Steps can't be told from the material then.
    wild: bool,
    /// Full-scale noise with numbers that are none, instead of something slow.
    noise: bool,
    /// Slots that the session uses.
    slots: usize,
    /// Something happens once in so many blocks, with the session and with the host.
    session_pace: u64,
    host_pace: u64,
    /// The most frames of most blocks.
    most_frames: u64,
    /// The loudest slot, and the loudest that all are made.
    slot_gain: f32,
    main_gain: f32,
    /// Slots have outputs of their own.
    outs: bool,
    /// The host gives its places in whole ticks.
    ticks: bool,
}

impl Style {
    fn new(random: &mut Random) -> Self {
        let wild = random.one_in(3);
        let loud = random.one_in(4);
        Self {
            rate_hz: RATES_HZ[random.below(8) as usize],
            wild,
            noise: wild && random.one_in(2),
            slots: [1, 1, 3, SLOTS][random.below(4) as usize],
            session_pace: [3, 20, 100][random.below(3) as usize],
            host_pace: [3, 30, 300][random.below(3) as usize],
            most_frames: if cfg!(miri) {
                32
            } else {
                [4, 64, 300, 1024][random.below(4) as usize]
            },
            slot_gain: if loud { 16.0 } else { 1.0 },
            main_gain: if loud { 2.0 } else { 1.0 },
            outs: random.one_in(2),
            ticks: random.one_in(4),
        }
    }
}

/// One round. Says what it found.
fn round(seed: u64, blocks: u64) -> Result<f32, String> {
    let random = &mut Random(seed);
    let style = Style::new(random);
    let mut rig = Rig::new(style.rate_hz, 120.0);
    let mut session = Session::new(&style);
    let mut host = Host::default();
    let mut judge = Judge::new(&style);
    let room = || (0..=SLOTS).map(|_| [vec![0.0_f32; 8192], vec![0.0_f32; 8192]]);
    let mut buffers: Vec<[Vec<f32>; 2]> = room().collect();
    for block in 0..blocks {
        if style.wild && random.one_in(400) {
            rig.rate_hz = RATES_HZ[random.below(8) as usize];
            forbidden(|| rig.player.reset(rig.rate_hz));
            judge.forget();
        } else if random.one_in(1000) {
            let rate_hz = if style.wild && random.one_in(2) {
                BAD[random.below(8) as usize]
            } else {
                rig.rate_hz
            };
            forbidden(|| rig.player.reset(rate_hz));
            judge.forget();
        }
        if random.one_in(style.session_pace) {
            session.act(random, &mut rig, block)?;
        }
        if random.one_in(10) {
            session
                .poll(&mut rig)
                .map_err(|found| told(&found, block, &style, &rig, &session))?;
        }
        host.act(random, &mut rig, &style);
        let frames = match random.below(100) {
            0 => 0,
            1 if !cfg!(miri) => 1 + random.below(8192) as usize,
            2..10 => 1 + random.below(4) as usize,
            _ => 1 + random.below(style.most_frames) as usize,
        };
        let notes = if random.one_in(style.session_pace) {
            random.below(4)
        } else {
            0
        };
        let mut note_frames = Vec::new();
        for _ in 0..notes {
            let key = 58 + random.below(12) as u8;
            let note = match random.below(16) {
                0 => Note::AllOff,
                1..6 => Note::Off { key },
                _ => Note::On {
                    key,
                    velocity: [1.0, random.unit() as f32, f32::NAN, 5.0][random.below(4) as usize],
                },
            };
            let at = random.below(frames as u64 + 3) as usize;
            session.tell(format!("{block}: {note:?} at {at}"));
            note_frames.push(at);
            forbidden(|| rig.player.note(at, note));
        }
        for channel in buffers.iter_mut().flatten() {
            channel[..frames].fill(f32::NAN);
        }
        play(&mut rig, &mut buffers, frames, style.outs);
        rig.host_frame += frames as i64;
        for (output, channels) in buffers.iter().enumerate() {
            for (side, channel) in channels.iter().enumerate() {
                if output == 0 || style.outs {
                    judge
                        .hear(output, side, &channel[..frames], &note_frames)
                        .map_err(|found| told(&found, block, &style, &rig, &session))?;
                }
            }
        }
    }
    Ok(judge.loudest)
}

/// What was found, and what led to it.
fn told(found: &str, block: u64, style: &Style, rig: &Rig, session: &Session) -> String {
    let (transport, settings, orders) = (&rig.transport, &rig.settings, &session.told);
    format!(
        "block {block}, frame {}: {found}\n{style:?}\n{transport:?}\n{settings:?}\n{orders:#?}",
        rig.host_frame
    )
}

/// The audio thread's part.
fn play(rig: &mut Rig, buffers: &mut [[Vec<f32>; 2]], frames: usize, outs: bool) {
    let (transport, settings) = (rig.transport, rig.settings);
    let mut sides = buffers.iter_mut().map(|[left, right]| {
        let (left, right) = (&mut left[..frames], &mut right[..frames]);
        (left, right)
    });
    let (left, right) = sides.next().expect("the main output");
    let mut outputs = Outputs::stereo(left, right);
    if outs {
        outputs.slots = std::array::from_fn(|_| sides.next());
    }
    let player = &mut rig.player;
    forbidden(|| {
        let _ = player.ready_for(&transport, &settings, frames);
        player.process(&transport, &settings, outputs);
    });
}

/// Findings after which there is no more looking.
const FINDINGS: usize = 5;

/// Rounds from a seed on, until a number of blocks is reached.
fn fuzz(seed: u64, blocks: u64) {
    let (mut loudest, mut findings) = (0.0_f32, Vec::new());
    let (mut done, mut at) = (0, seed);
    while done < blocks && findings.len() < FINDINGS {
        let some = ROUND_BLOCKS.min(blocks - done);
        let mut found = Ok(0.0);
        let kept = bytes_kept(|| {
            let caught = std::panic::catch_unwind(|| round(at, some));
            found = caught.unwrap_or_else(|_| Err("it panicked, see above".into()));
        });
        let found = found.and_then(|peak| match kept {
            0 => Ok(peak),
            _ => Err(format!("{kept} bytes are left")),
        });
        match found {
            Ok(peak) => loudest = loudest.max(peak),
            Err(found) => findings.push(format!(
                "seed {at}, {found}\nreplay: cargo xtask fuzz --blocks {some} --seed {at}"
            )),
        }
        (done, at) = (done + some, at.wrapping_add(1));
    }
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n\n"));
    println!("{done} blocks from seed {seed}: nothing found; the loudest sample was {loudest}");
    assert!(
        blocks < 10 * ROUND_BLOCKS || cfg!(miri) || loudest > 0.9,
        "nothing was heard"
    );
}

#[test]
fn random_hosts_and_sessions() {
    // The same each day: a change that breaks something is told from one that found something.
    let rounds = if cfg!(miri) { 1 } else { 12 };
    fuzz(1, rounds * ROUND_BLOCKS);
}

/// What `cargo xtask fuzz` runs.
#[test]
#[ignore = "as long as it is told to be"]
fn long() {
    fn setting(name: &str) -> Option<u64> {
        std::env::var(name).ok()?.parse().ok()
    }
    let seed = setting("BARLINE_FUZZ_SEED").unwrap_or_else(seed_of_the_clock);
    let blocks = setting("BARLINE_FUZZ_BLOCKS").unwrap_or(100_000);
    println!("{blocks} blocks from seed {seed}");
    fuzz(seed, blocks);
}
