//! Both ends of the rings: commands in; reports and spent memory out.
//!
//! The session's thread holds one pair of ends, the audio thread the other. Neither waits.
//!
//! Why neither ring overflows: commands that find no room stay with `Control`, which is allowed
//! to allocate and sends them later. The player takes a command only when the ring back has
//! room for [`FREED_BY_A_COMMAND`] pieces, the most that one can free, and frees in one other place:
//! where a clip takes over on a beat, which waits for a beat with room for the clip before. It sends a
//! report only when more room than that is left. So memory always finds room, and when the session
//! stops polling, commands wait instead.

use rtrb::{Consumer, Producer, RingBuffer};

use crate::clip::{Block, Clip, ClipId};
use crate::control::Control;
use crate::player::Player;
use crate::report::Report;
use crate::settings::SlotSettings;

/// Room for commands: 10 s of audio at 96 kHz with one block a command. Miri is slow, and sees short rings
/// go round as often as long ones.
const COMMANDS: usize = if cfg!(miri) { 32 } else { 1024 };

/// Room for what comes back.
const RETURNS: usize = if cfg!(miri) { 16 } else { 128 };

/// The most pieces of memory that the player gives back for one command.
pub(crate) const FREED_BY_A_COMMAND: usize = 4;

/// The session's orders, with the memory that they carry. Slots are below `SLOTS`.
pub(crate) enum Command {
    /// A clip for a slot: complete, or an empty table that will fill.
    Clip(usize, Box<Clip>),
    /// The next block of a clip.
    Block(usize, ClipId, Box<Block>),
    /// A complete clip that takes over on the next beat.
    Swap(usize, Box<Clip>),
    /// Nothing more comes for a clip.
    Finish(usize, ClipId),
    /// A clip is not wanted any more.
    Discard(ClipId),
    /// No clip is wanted in a slot.
    Clear(usize),
    /// How a slot sounds.
    Configure(usize, SlotSettings),
    /// A slot sounds, or does not, besides the base slot.
    Layer(usize, bool),
    /// Play, or do not, while the transport stands.
    Audition(bool),
}

impl Command {
    /// The slot and the clip that the command brings memory for, or is in vain without.
    pub(crate) fn cargo(&self) -> Option<(usize, ClipId)> {
        match self {
            Self::Clip(slot, clip) | Self::Swap(slot, clip) => Some((*slot, clip.info().id)),
            Self::Block(slot, id, _) | Self::Finish(slot, id) => Some((*slot, *id)),
            Self::Discard(_)
            | Self::Clear(_)
            | Self::Configure(..)
            | Self::Layer(..)
            | Self::Audition(_) => None,
        }
    }
}

/// What goes back.
#[expect(
    clippy::large_enum_variant,
    reason = "the ring holds them in place: a box for the report would be an allocation"
)]
pub(crate) enum Return {
    /// A clip to be freed, with all of its blocks.
    Clip(Box<Clip>),
    /// A block that had no place.
    Block(Box<Block>),
    /// News.
    Report(Report),
}

/// The audio thread's ends.
pub(crate) struct AudioEnd {
    commands: Consumer<Command>,
    returns: Producer<Return>,
}

impl AudioEnd {
    /// Realtime-safe. The next command, if all that it can free has room to go back.
    pub(crate) fn next(&mut self) -> Option<Command> {
        if self.returns.slots() < FREED_BY_A_COMMAND {
            return None;
        }
        self.commands.pop().ok()
    }

    /// Realtime-safe. A piece of memory can go back now.
    pub(crate) fn has_room(&self) -> bool {
        self.returns.slots() > 0
    }

    /// Realtime-safe. Gives a piece of memory back. `next` or `has_room` has seen to the room.
    pub(crate) fn give_back(&mut self, spent: Return) {
        let refused = self.returns.push(spent);
        debug_assert!(
            refused.is_ok(),
            "the ring back has room for all that a command frees"
        );
    }

    /// Realtime-safe. Sends a report if there is room to spare; says whether it did.
    pub(crate) fn report(&mut self, report: Report) -> bool {
        self.returns.slots() > FREED_BY_A_COMMAND
            && self.returns.push(Return::Report(report)).is_ok()
    }

    /// Realtime-safe. The session's half is gone.
    pub(crate) fn abandoned(&self) -> bool {
        self.commands.is_abandoned()
    }
}

/// The session's ends.
pub(crate) struct SessionEnd {
    commands: Producer<Command>,
    returns: Consumer<Return>,
}

impl SessionEnd {
    /// Sends a command, or hands it back when there is no room now.
    pub(crate) fn send(&mut self, command: Command) -> Result<(), Command> {
        self.commands
            .push(command)
            .map_err(|rtrb::PushError::Full(command)| command)
    }

    /// The next thing that came back.
    pub(crate) fn take(&mut self) -> Option<Return> {
        self.returns.pop().ok()
    }

    /// The audio thread's half is gone.
    pub(crate) fn abandoned(&self) -> bool {
        self.commands.is_abandoned()
    }
}

/// Makes a player and its control, one half for each thread. Allocates all that the player will
/// ever need.
#[must_use]
pub fn handoff() -> (Control, Player) {
    let (commands_in, commands_out) = RingBuffer::new(COMMANDS);
    let (returns_in, returns_out) = RingBuffer::new(RETURNS);
    let session = SessionEnd {
        commands: commands_in,
        returns: returns_out,
    };
    let audio = AudioEnd {
        commands: commands_out,
        returns: returns_in,
    };
    (Control::new(session), Player::new(audio))
}
