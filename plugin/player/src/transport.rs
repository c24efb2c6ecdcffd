//! What the host says of its transport for a block.
//!
//! Audio thread. Hosts give anything here, so nothing is taken on trust: see [`Transport::grid`].

/// Tempi that hosts can mean. Outside of them a tempo is taken as not given.
const TEMPO_BPM: std::ops::RangeInclusive<f64> = 1.0..=2000.0;

/// Beats that a session can reach. Beyond, `f64` can't tell one frame from the next.
const MAX_BEATS: f64 = 1e9;

/// The host's transport at the first frame of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transport {
    /// The transport rolls.
    pub playing: bool,
    /// Tempo of the host, quarter notes a minute. Anything that is no tempo (0, NaN, infinite)
    /// is taken as "the host does not say".
    pub tempo_bpm: f64,
    /// Quarter notes at the first frame; negative before the song's start. A host's own loop that
    /// goes round inside of a block is not seen: positions are right again from the next block.
    pub beats: Option<f64>,
    /// Frames from the song's start to the first of the block, as the host counts them. With them a song
    /// at one tempo is at the same place in every run, also where the host rounds its beats.
    pub song_frame: Option<i64>,
    /// Quarter notes in a bar of the host. What can't be meant is taken as 4.
    pub beats_per_bar: Option<f64>,
    /// Quarter notes where a bar of the host begins. Only its place within a bar is used: some
    /// hosts give the next bar, or one long ago.
    pub bar_start_beats: Option<f64>,
}

impl Transport {
    /// Beats and tempo, when both can be played to.
    pub(crate) fn grid(&self) -> Option<(f64, f64)> {
        let beats = self.beats.filter(|beats| beats.abs() <= MAX_BEATS)?;
        plausible_tempo(self.tempo_bpm).then_some((beats, self.tempo_bpm))
    }
}

/// Whether a host or a clip can mean this tempo.
pub(crate) fn plausible_tempo(tempo_bpm: f64) -> bool {
    TEMPO_BPM.contains(&tempo_bpm)
}
