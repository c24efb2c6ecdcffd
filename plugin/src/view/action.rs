//! What the panel asks of a session. Plain data, made by the window thread.

use std::path::PathBuf;

use super::Message;
use crate::state::SlotSettings;

/// What a clip is named by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// What lies in a slot.
    Slot(usize),
    /// A take of this instance.
    Take(TakeId),
    /// A take of the library, by its id.
    Library(String),
}

/// A take of one instance, for as long as that lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TakeId(pub u64);

/// What the user asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum UiAction {
    /// Make `Project::takes` clips from the project and the parameters; the first of them goes into the
    /// selected slot.
    Generate,
    /// Make one like this: its prompt and seed, with settings a little off.
    Similar(Source),
    /// Make one from the same prompt and settings with another seed.
    Reroll(Source),
    /// Make a clip again that did not come along with the project, into its slot.
    Restore(usize),
    /// Stop making.
    Cancel,
    /// Play while the host's transport stands, or stop doing so.
    Audition(bool),
    /// The slot that is looked at, and that takes what is made.
    Select(usize),
    /// Hear a clip in the selected slot's place without putting it there; `None` ends that.
    Preview(Option<Source>),
    /// Put a clip into a slot.
    Place(Source, usize),
    /// Swap a slot's clip for the one it had before: A/B.
    Flip(usize),
    /// Swap two slots.
    Swap(usize, usize),
    /// Empty a slot.
    Empty(usize),
    /// How a slot plays.
    Tune(usize, SlotSettings),
    /// The project was edited: something to undo.
    Edited,
    /// Undo the newest change of slots or prompt.
    Undo,
    /// Do again what was undone.
    Redo,
    /// Write a clip: into this folder under a name of its own, or to this very path when it ends in
    /// `.wav`, `.flac` or `.aiff`.
    Save(Source, PathBuf),
    /// Write a clip to be dragged out; it comes back as [`super::Snapshot::ready`].
    Drag(Source),
    /// The dragged file was taken over by the panel.
    Dragged,
    /// Put the file of a clip on the clipboard.
    CopyFile(Source),
    /// Show the file of a clip in the file manager.
    Reveal(Source),
    /// Read audio files: the first goes into the slot, or into the selected one.
    Import(Vec<PathBuf>, Option<usize>),
    /// Something about the library.
    Library(LibraryAction),
    /// Something about models.
    Model(ModelAction),
    /// A line of the panel's own to show: what it asked the system for and did not get, say.
    Say(Message),
    /// The message has been read.
    Dismiss,
}

/// What is asked of the library.
#[derive(Debug, Clone, PartialEq)]
pub enum LibraryAction {
    /// Show what fits.
    Find(Find),
    /// Mark as favourite or not.
    Favourite(String, bool),
    /// Give another name.
    Rename(String, String),
    /// Give these tags.
    Tags(String, Vec<String>),
    /// Move to the system's bin.
    Bin(String),
    /// Keep at most so many bytes.
    Limit(u64),
    /// Let those go that are over the limit (true), or leave them (false).
    Prune(bool),
}

/// What is looked for in the library.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Find {
    /// Words in prompt, name, tags, model.
    pub text: String,
    /// Lowest and highest tempo.
    pub bpm: Option<(f64, f64)>,
    /// A key such as "A minor".
    pub key: Option<String>,
    /// Favourites only.
    pub favourites: bool,
    /// Entries asked for, newest first.
    pub limit: usize,
}

/// What is asked of the shelf of models. A model is named by its id.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelAction {
    /// The shelf is seen: say how everything stands, and how fast each model would be here.
    Look,
    /// Make clips with it from now on.
    Use(String),
    /// Ask the hub how large it is; the answer is [`super::ModelView::offer`].
    Offer(String),
    /// It is not to be fetched now: the hub need not answer any more.
    Decline(String),
    /// Fetch it, after the user agreed to its size and licence, and use it when it is here.
    Fetch(String),
    /// Stop fetching; what is there stays for later.
    Pause(String),
    /// Stop fetching, and delete what came.
    CancelFetch(String),
    /// Hold its files against the hub's checksums, and fetch anew what is not as it should be.
    Mend(String),
    /// Delete what we fetched of it.
    Remove(String),
    /// What the user typed: the folder of a model, which is used, or of a checkpoint of another make,
    /// which is brought over first; or an id of the hub, which is used if it is here and else asked
    /// about as by `Offer`.
    Named(String),
}
