//! A host and a session on a table: what the tests share.

use barline_player::{
    ClipId, ClipInfo, Control, Note, Outputs, Player, SLOTS, Settings, Status, Transport, handoff,
};

use crate::allocations::forbidden;

/// SplitMix64, our seeds' own generator here: a few lines, the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// From 0 to below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
    /// From 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
    /// True once in `times`.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Left and right.
pub(crate) type Stereo = (Vec<f32>, Vec<f32>);

/// Noise below half of full scale: every sample tells where it is from.
pub(crate) fn noise(frames: usize, seed: u64) -> Stereo {
    let mut random = Random(seed);
    let mut channel = || (0..frames).map(|_| (random.unit() - 0.5) as f32).collect();
    (channel(), channel())
}

/// A sine that loops seamlessly, at full scale.
pub(crate) fn sine(frames: usize, periods: usize) -> Stereo {
    let phase = std::f64::consts::TAU * periods as f64 / frames as f64;
    let left: Vec<f32> = (0..frames)
        .map(|i| (phase * i as f64).sin() as f32)
        .collect();
    (left.clone(), left)
}

/// Facts of a clip whose length is that of its bars, to the nearest frame.
pub(crate) fn info(id: u64, beats: f64, tempo_bpm: f64, rate_hz: f64) -> ClipInfo {
    let frames = (beats * 60.0 / tempo_bpm * rate_hz).round() as u64;
    ClipInfo {
        id: ClipId(id),
        frames,
        beats,
        tempo_bpm,
        beats_per_bar: 4.0,
    }
}

/// A host that plays a player.
pub(crate) struct Rig {
    pub(crate) control: Control,
    pub(crate) player: Player,
    pub(crate) transport: Transport,
    pub(crate) settings: Settings,
    pub(crate) rate_hz: f64,
    /// Frames since the host's beat 0; the transport's beats come from here.
    pub(crate) host_frame: i64,
    /// Notes to come, by the host's frame.
    pub(crate) notes: Vec<(i64, Note)>,
}

impl Rig {
    pub(crate) fn new(rate_hz: f64, tempo_bpm: f64) -> Self {
        let (control, mut player) = handoff();
        forbidden(|| player.reset(rate_hz));
        let transport = Transport {
            playing: true,
            tempo_bpm,
            beats: Some(0.0),
            song_frame: None,
            beats_per_bar: Some(4.0),
            bar_start_beats: Some(0.0),
        };
        let settings = Settings::default();
        Self {
            control,
            player,
            transport,
            settings,
            rate_hz,
            host_frame: 0,
            notes: Vec::new(),
        }
    }

    /// Beats as hosts count them.
    pub(crate) fn beats(&self) -> f64 {
        self.host_frame as f64 * self.transport.tempo_bpm / (60.0 * self.rate_hz)
    }

    /// Plays on at the host's frame, in blocks of the sizes given, over and over.
    pub(crate) fn play(&mut self, frames: usize, blocks: &[usize]) -> Stereo {
        self.play_into(frames, blocks, 1).swap_remove(0)
    }

    /// The same, with an output for each slot: the main one and theirs.
    pub(crate) fn play_apart(&mut self, frames: usize, blocks: &[usize]) -> Vec<Stereo> {
        self.play_into(frames, blocks, 1 + SLOTS)
    }

    fn play_into(&mut self, frames: usize, blocks: &[usize], outputs: usize) -> Vec<Stereo> {
        let mut heard = vec![(vec![7.0; frames], vec![7.0; frames]); outputs];
        let mut at = 0;
        for &size in blocks.iter().cycle() {
            let end = (at + size).min(frames);
            if self.transport.beats.is_some() {
                self.transport.beats = Some(self.beats());
            }
            let block = self.host_frame..self.host_frame + (end - at) as i64;
            for (frame, note) in self
                .notes
                .extract_if(.., |(frame, _)| block.contains(frame))
            {
                let player = &mut self.player;
                forbidden(|| player.note((frame - block.start) as usize, note));
            }
            let mut sides = heard
                .iter_mut()
                .map(|(left, right)| (&mut left[at..end], &mut right[at..end]));
            let main = sides.next().expect("the main output");
            let outputs = Outputs {
                main,
                slots: std::array::from_fn(|_| sides.next()),
            };
            let (transport, settings) = (self.transport, self.settings);
            forbidden(|| self.player.process(&transport, &settings, outputs));
            self.host_frame += (end - at) as i64;
            at = end;
            if at == frames {
                break;
            }
        }
        heard
    }

    /// A note, so many frames from here.
    pub(crate) fn note(&mut self, frames: usize, note: Note) {
        self.notes.push((self.host_frame + frames as i64, note));
    }

    /// A key that goes down, so many frames from here.
    pub(crate) fn press(&mut self, frames: usize, key: u8, velocity: f32) {
        self.note(frames, Note::On { key, velocity });
    }

    /// A key that goes up.
    pub(crate) fn release(&mut self, frames: usize, key: u8) {
        self.note(frames, Note::Off { key });
    }

    /// A constant clip in a slot: its level tells which one sounds, and how loud.
    pub(crate) fn load_level(&mut self, slot: usize, beats: f64, tempo_bpm: f64, level: f32) {
        let clip = info(100 + slot as u64, beats, tempo_bpm, self.rate_hz);
        let samples = vec![level; clip.frames as usize];
        self.control.load(slot, clip, &samples, &samples).unwrap();
    }

    /// Plays and throws away: lets fades end.
    pub(crate) fn settle(&mut self) -> Status {
        self.play((self.rate_hz * 0.02) as usize, &[64]);
        self.control.poll()
    }
}

/// The largest step from one sample to the next.
pub(crate) fn largest_step(samples: &[f32]) -> f32 {
    samples
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .fold(0.0, f32::max)
}

/// The largest difference, and where.
pub(crate) fn largest_difference(a: &[f32], b: &[f32]) -> (f32, usize) {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(x, y)| (x - y).abs());
    differences.enumerate().fold(
        (0.0, 0),
        |worst, (i, d)| if d > worst.0 { (d, i) } else { worst },
    )
}

/// Another seed for each run.
pub(crate) fn seed_of_the_clock() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |time| time.as_micros() as u64)
}

/// Stops at the first sample that is another, without printing all of them.
#[track_caller]
pub(crate) fn same(got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len());
    if let Some(at) = (0..got.len()).find(|&i| got[i] != want[i]) {
        panic!("frame {at} of {}: {} for {}", got.len(), got[at], want[at]);
    }
}
