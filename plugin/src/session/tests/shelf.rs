//! The shelf as the panel drives it, against a hub that misbehaves: each test has a home and a hub of its
//! own, and the model is a tiny random one in the published layout.
//!
//! Nothing is read from the environment, so that tests may run side by side.

mod faults;
mod imports;
mod missing;
#[cfg(target_os = "linux")]
mod small_disk;
mod stops;

use std::path::PathBuf;

use barline_engine::shelf::{Patience, Settings, Shelf, State};
use barline_hub::{Fault, Hub};
use tempfile::TempDir;

use super::*;
use crate::view::{Doing, ModelAction, ModelState, ModelView, Offered, Rights, Snapshot};

/// The model that is served.
const TINY: &str = "some/tiny";
/// Its weights, and what all of it takes.
const WEIGHTS: &str = "/model.safetensors";
const TINY_BYTES: u64 = 901_700;

/// An open panel.
struct Panel;

impl Screen for Panel {
    fn is_open(&self) -> bool {
        true
    }
    fn repaint(&self) {}
}

/// A user who has nothing yet, and a hub that has one model.
struct Home {
    folder: TempDir,
    hub: Hub,
    settings: Settings,
}

impl Home {
    fn new() -> Self {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/models/mono");
        let hub = Hub::with(TINY, &model).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("shelf.toml");
        let entry = "[[models]]\nname = \"tiny\"\nid = \"some/tiny\"\nlicence = \"cc-by-nc-4.0\"\n";
        std::fs::write(&list, entry).unwrap();
        let settings = Settings {
            cache: folder.path().join("hf/hub"),
            endpoint: hub.endpoint.clone(),
            token: None,
            offline: false,
            lists: vec![list],
            records: folder.path().join("shelf"),
            speeds: folder.path().join("speeds.json"),
            patience: Patience {
                stall: Duration::from_secs(1),
                retries: 0,
                ..Patience::default()
            },
        };
        Self {
            folder,
            hub,
            settings,
        }
    }

    fn open(&self) -> Instance {
        Instance::open(self.folder.path(), self.settings.clone())
    }

    /// The model's folder in the cache.
    fn root(&self) -> PathBuf {
        self.settings.cache.join("models--some--tiny")
    }

    fn state(&self) -> State {
        let shelf = Shelf::with(self.settings.clone());
        shelf.state(&shelf.find(TINY).unwrap())
    }

    /// Every file under its final name is the hub's, and no halves are left.
    fn check_whole(&self) {
        let State::Here { path, .. } = self.state() else {
            panic!("{:?}", self.state());
        };
        let files = self.hub.files(TINY);
        let mut seen = 0;
        for file in std::fs::read_dir(path).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            assert_eq!(std::fs::read(file.path()).unwrap(), files[&name], "{name}");
            seen += 1;
        }
        assert_eq!(seen, 5);
        assert!(self.halves().is_empty(), "{:?}", self.halves());
    }

    /// Contents that are not whole.
    fn halves(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.root().join("blobs")) else {
            return Vec::new();
        };
        let names = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains('.')).collect()
    }

    /// Ranges of the weights that were asked for since the last time.
    fn ranges(&self) -> Vec<Option<String>> {
        let asked = self.hub.asked().into_iter();
        asked
            .filter(|asked| asked.elsewhere)
            .map(|asked| asked.range)
            .collect()
    }
}

/// An instance with its panel open.
struct Instance {
    params: Arc<BarlineParams>,
    session: Session,
    player: Player,
}

impl Instance {
    fn open(folder: &Path, settings: Settings) -> Self {
        let params = Arc::new(BarlineParams::default());
        let folders = Folders {
            library: Some(folder.join("library")),
            dragged: Some(folder.join("dragged")),
            shelf: Some(settings),
        };
        let (session, player) = Session::in_folders(params.clone(), Panel, folders);
        session.handle().set_rate(48_000.0);
        Self {
            params,
            session,
            player,
        }
    }

    fn ask(&self, action: ModelAction) {
        self.session.handle().send(UiAction::Model(action));
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.session.handle().snapshot()
    }

    fn model(&self, id: &str) -> Option<ModelView> {
        let snapshot = self.snapshot();
        snapshot.shelf.iter().find(|model| model.id == id).cloned()
    }

    /// Until the snapshot is so.
    fn until(&self, what: &str, is: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let snapshot = self.snapshot();
            if is(&snapshot) {
                return snapshot;
            }
            let Snapshot { message, shelf, .. } = &*snapshot;
            assert!(
                Instant::now() < deadline,
                "not {what}: {message:?} {shelf:#?}"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Until the tiny model is so.
    fn until_model(&self, what: &str, is: impl Fn(&ModelView) -> bool) -> ModelView {
        let tiny = |model: &&ModelView| model.id == TINY;
        let snapshot = self.until(what, |snapshot| {
            snapshot.shelf.iter().find(tiny).is_some_and(&is)
        });
        snapshot.shelf.iter().find(tiny).unwrap().clone()
    }

    /// Asks what it would bring, as the panel does, and gives that.
    fn offered(&self) -> u64 {
        self.ask(ModelAction::Offer(TINY.into()));
        let known = |model: &ModelView| matches!(model.offer, Some(Offered::Bytes(_)));
        match self.until_model("offered", known).offer {
            Some(Offered::Bytes(bytes)) => bytes,
            other => panic!("{other:?}"),
        }
    }

    /// Agrees, and waits until it is in use.
    fn fetched(&self) {
        self.ask(ModelAction::Fetch(TINY.into()));
        self.until_model("in use", |model| {
            model.state == ModelState::Here && model.chosen
        });
        assert_eq!(self.snapshot().message, None);
    }

    /// The line that the panel shows, once there is one.
    fn told(&self) -> String {
        let snapshot = self.until("told", |snapshot| snapshot.message.is_some());
        match &snapshot.message {
            Some(Message::Error(text)) => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// A bar of a quarter second a beat in the second slot.
    fn generate(&mut self) -> barline_engine::ClipFacts {
        self.params.project.update(|project| {
            project.prompt = "techno drums".into();
            project.tempo_bpm = 240.0;
            project.selected = 1;
        });
        self.session.handle().send(UiAction::Generate);
        settle(&self.session, &mut self.player);
        let snapshot = self.snapshot();
        let clip = snapshot.slots[1].clip.clone();
        let facts = clip.and_then(|clip| clip.facts.clone());
        facts.unwrap_or_else(|| panic!("{:?}", snapshot.message))
    }
}

fn is_fetching(model: &ModelView) -> bool {
    matches!(model.state, ModelState::Fetching { .. })
}

#[test]
fn nothing_is_fetched_before_the_question_is_answered() {
    let home = Home::new();
    let instance = home.open();
    instance.ask(ModelAction::Look);
    let model = instance.until_model("listed", |model| model.state == ModelState::Missing);
    assert_eq!((model.offer, model.rights), (None, Rights::NonCommercial));
    assert!(home.hub.asked().is_empty(), "the hub was asked unasked");

    assert_eq!(instance.offered(), TINY_BYTES);
    let model = instance.model(TINY).unwrap();
    assert_eq!(model.state, ModelState::Missing);
    for words in ["cc-by-nc-4.0", "Not for commercial releases"] {
        assert!(model.licence.contains(words), "{}", model.licence);
    }
    let asked: Vec<_> = home
        .hub
        .asked()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    assert_eq!(asked, ["/api/models/some/tiny/revision/main"]);
    instance.ask(ModelAction::Decline(TINY.into()));
    assert!(!home.root().exists(), "it came all the same");
}

#[test]
fn it_comes_while_a_clip_plays_and_makes_the_next_one() {
    let home = Home::new();
    let mut instance = home.open();
    instance.session.handle().loaded(loaded(Some(saved())));
    settle(&instance.session, &mut instance.player);
    let clip = recall::unpack(&saved()).unwrap();
    let want = resample(&clip.channels, RATE_HZ, 48_000, 96_000);

    instance.ask(ModelAction::Look);
    instance.offered();
    home.hub.fail(WEIGHTS, Fault::Slow(30_000, 40), 1);
    instance.ask(ModelAction::Fetch(TINY.into()));
    // A host that plays on while it comes.
    let (mut heard, mut seen) = (Vec::new(), Vec::new());
    let (mut left, mut right) = (vec![0.0; 512], vec![0.0; 512]);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let transport = Transport {
            playing: true,
            tempo_bpm: 120.0,
            beats: Some(heard.len() as f64 * 2.0 / 48_000.0),
            song_frame: None,
            beats_per_bar: Some(4.0),
            bar_start_beats: Some(0.0),
        };
        let outputs = Outputs::stereo(&mut left, &mut right);
        instance
            .player
            .process(&transport, &barline_player::Settings::default(), outputs);
        heard.extend_from_slice(&left);
        let model = instance.model(TINY).unwrap();
        if seen.last() != Some(&model.state) {
            seen.push(model.state.clone());
        }
        if model.chosen {
            break;
        }
        assert!(Instant::now() < deadline, "{seen:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    let timed = seen.iter().filter(|state| {
        matches!(state, ModelState::Fetching {
            bytes: TINY_BYTES, bytes_per_second: Some(rate), seconds_left: Some(_), doing: Doing::Coming, ..
        } if *rate > 1000.0)
    });
    assert!(timed.count() >= 3, "{seen:?}");
    let done = |state: &ModelState| match state {
        ModelState::Fetching { done_bytes, .. } => Some(*done_bytes),
        _ => None,
    };
    assert!(seen.iter().filter_map(done).is_sorted(), "{seen:?}");
    // Faded in at its start, and whole from there on, over the end of the loop too.
    for (n, sample) in heard.iter().enumerate().skip(480) {
        let at = n % want[0].len();
        if at >= 480 && at < want[0].len() - 480 {
            assert!((sample - want[0][at]).abs() < 1e-5, "frame {n}");
        }
    }
    home.check_whole();

    let facts = instance.generate();
    assert_eq!(facts.model, TINY);
    assert!(
        facts.rights.contains("excludes commercial use"),
        "{}",
        facts.rights
    );
    instance.until_model("loaded", |model| model.held_bytes > 0);
    // The project keeps the model's name and where it lies.
    let (_, project) = instance.params.project.read();
    assert_eq!(project.model_id.as_deref(), Some(TINY));
}

#[test]
fn a_model_of_no_list_is_named_by_its_id() {
    let mut home = Home::new();
    home.settings.lists.clear();
    let instance = home.open();
    instance.ask(ModelAction::Look);
    instance.until("listed", |snapshot| !snapshot.shelf.is_empty());
    assert_eq!(instance.model(TINY), None);
    instance.ask(ModelAction::Named(" some/tiny ".into()));
    let model = instance.until_model("offered", |model| model.offer.is_some());
    assert_eq!(model.offer, Some(Offered::Bytes(TINY_BYTES)));
    // The hub says its licence.
    assert!(
        model.licence.starts_with("cc-by-nc-4.0"),
        "{}",
        model.licence
    );
    assert_eq!(model.rights, Rights::NonCommercial);
    instance.fetched();
    // What is here is used without a question.
    let other = home.open();
    home.hub.asked();
    other.ask(ModelAction::Named(TINY.into()));
    other.until_model("in use", |model| model.chosen);
    assert!(home.hub.asked().is_empty(), "the hub was asked");

    for (text, words) in [
        ("not a name", "no folder not a name"),
        ("no/such/folder", "type the path"),
        (env!("CARGO_MANIFEST_DIR"), "holds no model"),
    ] {
        other.ask(ModelAction::Named(text.into()));
        let told = other.told();
        assert!(told.contains(words), "{told}");
        other.session.handle().send(UiAction::Dismiss);
        other.until("read", |snapshot| snapshot.message.is_none());
    }
    let folder = home.root().join("snapshots");
    let folder = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    let third = home.open();
    let text = folder.path().display().to_string();
    third.ask(ModelAction::Named(text));
    let deadline = Instant::now() + Duration::from_secs(30);
    while third.params.project.read().1.model != ModelSource::Folder(folder.path()) {
        assert!(Instant::now() < deadline, "{:?}", third.snapshot().message);
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn what_is_wrong_with_the_users_list_is_told() {
    for (text, words) in [
        ("[[models]]\nname = 1", "shelf.toml: line 2"),
        ("[[models]]\nname = \"a\"\nid = \"no id\"", "OWNER/MODEL"),
        (
            "[[models]]\nname = \"a\"\nid = \"x/y\"\nsize = \"huge\"",
            "huge",
        ),
        (
            "[[models]]\nname = \"a\"\nid = \"x/y\"\nchannels = 99",
            "channels is 1 or 2",
        ),
    ] {
        let home = Home::new();
        std::fs::write(&home.settings.lists[0], text).unwrap();
        let instance = home.open();
        instance.ask(ModelAction::Look);
        let told = instance.told();
        assert!(told.contains(words), "{told}");
        // The rest of the shelf is there.
        let snapshot = instance.until("listed", |snapshot| snapshot.shelf.len() == 11);
        assert!(snapshot.shelf.iter().any(|model| model.chosen));
    }
}

#[test]
fn what_was_measured_on_this_machine_is_shown_and_not_measured_beside_a_loop() {
    use barline_engine::model::Size;
    use barline_engine::shelf::Speeds;
    let home = Home::new();
    let mut noted = Speeds::default();
    noted.set(Size::Medium, 2, 12.5);
    noted.write(&home.settings.speeds).unwrap();
    let instance = home.open();
    // Its host plays: nothing is measured in this process for as long.
    let live = instance.session.handle().live();
    live.set_host(true, Some(120.0), Some(4.0));
    assert_eq!(instances::look(), instances::Process::Busy);
    instance.ask(ModelAction::Look);
    let snapshot = instance.until("shown", |snapshot| {
        let seconds = snapshot.shelf.iter().map(|model| model.seconds_a_bar);
        seconds.into_iter().any(|seconds| seconds == Some(12.5))
    });
    let shown = |id: &str| {
        let model = snapshot.shelf.iter().find(|model| model.id == id);
        model.unwrap().seconds_a_bar
    };
    assert_eq!(shown("facebook/musicgen-stereo-medium"), Some(12.5));
    // What does not run yet is not predicted.
    assert_eq!(shown("facebook/musicgen-stereo-melody"), None);
}
