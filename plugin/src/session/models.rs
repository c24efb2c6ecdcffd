//! Models: which one makes the next clip, what is on the shelf, what is being fetched.
//!
//! Session thread. What plays is never touched by any of it.

use std::path::{Path, PathBuf};

use barline_engine::ModelSource;
use barline_engine::import::{ImportError, Kind};
use barline_engine::shelf::{folder_title, is_id};

use super::Screen;
use super::shelf::{Ask, ShelfKeeper, Tells, import_trouble};
use super::worker::Worker;
use crate::view::{Message, ModelAction, ModelState, ModelView, Waiting};
use crate::wording;

/// What the starter is called on the shelf.
const STARTER: &str = "starter";

impl<S: Screen> Worker<S> {
    fn shelf(&mut self) -> Option<&mut ShelfKeeper> {
        if self.shelf.is_none() {
            self.shelf = ShelfKeeper::start(self.folders.shelf.clone());
            if self.shelf.is_none() {
                self.say_error(&"the system has no room for another thread: close other programs");
            }
        }
        self.shelf.as_mut()
    }

    fn ask(&mut self, ask: Ask) {
        if let Some(shelf) = self.shelf() {
            shelf.ask(ask);
        }
    }

    pub(super) fn ask_shelf(&mut self, action: ModelAction) {
        match action {
            ModelAction::Look => self.ask(Ask::Predict),
            ModelAction::Use(id) if id == STARTER => self.use_model(ModelSource::Starter, None),
            ModelAction::Use(id) => self.want(id),
            ModelAction::Named(text) => self.use_named(text.trim()),
            ModelAction::Offer(id) => {
                self.snapshot.message = None;
                if let Some(shelf) = self.shelf() {
                    shelf.offer(id);
                }
            }
            ModelAction::Decline(id) => {
                if let Some(shelf) = &mut self.shelf {
                    shelf.decline();
                }
                self.unwant(&id);
            }
            ModelAction::Fetch(id) => {
                self.snapshot.message = None;
                // Who fetches a model wants to use it, unless another is chosen until it is here.
                self.wanted = Some(id.clone());
                if let Some(shelf) = self.shelf() {
                    shelf.fetch(id);
                }
            }
            ModelAction::Mend(id) => {
                self.snapshot.message = None;
                if let Some(shelf) = self.shelf() {
                    shelf.mend(id);
                }
            }
            ModelAction::Remove(id) => self.ask(Ask::Remove(id)),
            ModelAction::Pause(id) => {
                if let Some(shelf) = &self.shelf {
                    shelf.pause(&id);
                }
            }
            ModelAction::CancelFetch(id) => {
                if let Some(shelf) = &self.shelf {
                    shelf.cancel(&id);
                }
            }
        }
    }

    /// What somebody typed: a folder, or an id of the hub.
    fn use_named(&mut self, text: &str) {
        let folder = from_home(text);
        if folder.is_dir() {
            match Kind::of(&folder) {
                Kind::Ready => self.use_model(ModelSource::Folder(folder), None),
                Kind::Checkpoint => self.bring(&folder),
                Kind::Other => self.say_error(&format!(
                    "{text} holds no model: it needs config.json with model.safetensors or pytorch_model.bin, or AudioCraft's state_dict.bin"
                )),
            }
        } else if is_id(text) {
            self.wanted = Some(text.to_owned());
            self.snapshot.message = None;
            if let Some(shelf) = self.shelf() {
                shelf.offer(text.to_owned());
            }
        } else {
            self.say_error(&format!(
                "there is no folder {text}: type the path of a model's folder, or an id of the hub such as facebook/musicgen-small"
            ));
        }
    }

    /// Has a checkpoint brought over, to be used then.
    fn bring(&mut self, folder: &Path) {
        let Some(id) = folder.to_str() else {
            let folder = folder.display();
            return self.say_error(&format!("{folder} has letters that are none: rename it"));
        };
        self.wanted = Some(id.into());
        self.snapshot.message = None;
        if let Some(shelf) = self.shelf() {
            shelf.import(id.into());
        }
    }

    /// Uses a model as soon as it is here.
    fn want(&mut self, id: String) {
        self.wanted = Some(id.clone());
        self.ask(Ask::Find(id));
    }

    /// It does not come, or not now. What the project names is wanted all the same, should it come
    /// otherwise.
    fn unwant(&mut self, id: &str) {
        if self.wanted.as_deref() == Some(id) {
            self.wanted = self.missing_model().and_then(|(_, named)| named);
        }
    }

    fn use_model(&mut self, model: ModelSource, id: Option<String>) {
        self.wanted = None;
        self.params.project.update(|project| {
            project.model = model;
            project.model_id = id;
        });
        if matches!(self.snapshot.message, Some(Message::NoModel { .. })) {
            self.snapshot.message = None;
        }
        self.changed = true;
    }

    /// The folder of the project's model, where that is not here.
    fn missing_model(&self) -> Option<(PathBuf, Option<String>)> {
        let (_, project) = self.params.project.read();
        let ModelSource::Folder(folder) = project.model else {
            return None;
        };
        if folder.is_dir() {
            return None;
        }
        // The cache of another machine says what it was.
        let titled = || Some(folder_title(&folder)).filter(|title| is_id(title));
        let id = project.model_id.or_else(titled);
        Some((folder, id))
    }

    /// A project that was opened names a model: here it may lie elsewhere, or not at all.
    pub(super) fn find_model(&mut self) {
        self.wanted = None;
        match self.missing_model() {
            Some((_, Some(id))) => self.want(id),
            Some((folder, None)) => self.say_no_folder(&folder),
            None => {}
        }
    }

    /// Says so where the project's model is not here: nothing can be made with it.
    pub(super) fn lacks_model(&mut self) -> bool {
        match self.missing_model() {
            Some((_, Some(id))) => self.say_no_model(id),
            Some((folder, None)) => self.say_no_folder(&folder),
            None => return false,
        }
        true
    }

    fn say_no_model(&mut self, id: String) {
        let text = format!(
            "The model {id} is not here: the project's clips play; for new ones fetch it, or use another under Models."
        );
        self.say(Message::NoModel { id, text });
    }

    fn say_no_folder(&mut self, folder: &Path) {
        let folder = folder.display();
        self.say_error(&format!(
            "the model of this project is not here ({folder}): its clips play; pick another model under Models"
        ));
    }

    /// Takes in what the shelf says.
    pub(super) fn hear_shelf(&mut self) {
        while let Some(tells) = self
            .shelf
            .as_ref()
            .and_then(|shelf| shelf.tells.try_recv().ok())
        {
            self.changed = true;
            match tells {
                Tells::Shelf(models) => self.shelf_looked(models),
                Tells::Comes(id, state) => {
                    let with = |model: &ModelView| ModelView {
                        state: if model.id == id {
                            state.clone()
                        } else {
                            model.state.clone()
                        },
                        ..model.clone()
                    };
                    self.snapshot.shelf = self.snapshot.shelf.iter().map(with).collect();
                }
                Tells::Fetched(id, outcome) => {
                    if let Some(shelf) = &mut self.shelf {
                        shelf.fetched(&id);
                    }
                    match outcome {
                        Ok(()) if self.wanted.as_ref() == Some(&id) => self.want(id),
                        Ok(()) => {}
                        Err(error) => {
                            self.unwant(&id);
                            if !error.is_stop() {
                                self.say_error(&error);
                            }
                        }
                    }
                }
                Tells::Offered(id, outcome) => {
                    let waited = self.shelf.as_mut().is_some_and(|shelf| shelf.answered(&id));
                    match outcome {
                        Err(error) if waited && !error.is_stop() => self.say_error(&error),
                        _ => {}
                    }
                }
                Tells::Imported(id, outcome) => {
                    if let Some(shelf) = &mut self.shelf {
                        shelf.fetched(&id);
                    }
                    match outcome {
                        Ok(folder) => {
                            let place = folder.display();
                            self.say(Message::Info(format!("{id} was brought over to {place}.")));
                            if self.wanted.as_ref() == Some(&id) {
                                self.use_model(ModelSource::Folder(folder), None);
                            }
                        }
                        Err(error) => {
                            self.unwant(&id);
                            if !matches!(error, ImportError::Cancelled) {
                                self.say_error(&import_trouble(&error));
                            }
                        }
                    }
                }
                Tells::Mended(id, outcome) => {
                    if let Some(shelf) = &mut self.shelf {
                        shelf.fetched(&id);
                    }
                    match outcome {
                        Ok(()) => self.say(Message::Info(format!("{id} is as the hub says."))),
                        Err(error) if error.is_stop() => {}
                        Err(error) => self.say_error(&error),
                    }
                }
                Tells::Removed(id, Ok(bytes)) => {
                    let free = wording::size(bytes);
                    self.say(Message::Info(format!("{id} is removed, {free} are free.")));
                }
                Tells::Removed(_, Err(error)) => self.say_error(&error),
                Tells::Found(id, folder) => self.model_found(id, folder),
                Tells::Trouble(text) => self.say_error(&text),
            }
        }
    }

    fn shelf_looked(&mut self, models: Vec<ModelView>) {
        let before = std::mem::take(&mut self.snapshot.shelf);
        if let Some(shelf) = &self.shelf {
            let shown = |id: &str| before.iter().find(|model| model.id == id);
            let models = models.into_iter();
            self.snapshot.shelf = models
                .map(|model| {
                    let before = shown(&model.id);
                    shelf.as_fetched(model, before)
                })
                .collect();
        }
        // Another instance or program may have brought what is waited for.
        let is_here = |model: &&ModelView| {
            model.state == ModelState::Here && self.wanted.as_ref() == Some(&model.id)
        };
        let here = self.snapshot.shelf.iter().find(is_here);
        if let Some(id) = here.map(|model| model.id.clone()) {
            self.ask(Ask::Find(id));
        }
        // Else it is the starter's turn to be marked until the next look.
        self.look_at_engine();
    }

    fn model_found(&mut self, id: String, folder: Option<PathBuf>) {
        if self.wanted.as_ref() != Some(&id) {
            return;
        }
        match folder {
            Some(folder) => self.use_model(ModelSource::Folder(folder), Some(id)),
            None => self.say_no_model(id),
        }
    }

    /// What changes with every look: the model in use, memory, the queue of all instances.
    pub(super) fn look_at_engine(&mut self) {
        let (_, project) = self.params.project.read();
        let held = self.engine.as_ref().map(|engine| engine.held());
        let lacks = self.missing_model().is_some();
        let chosen = |model: &ModelView| match (&project.model, &project.model_id) {
            (ModelSource::Starter, _) => model.id == STARTER,
            (_, id) => id.as_ref() == Some(&model.id) && !lacks,
        };
        let memory = |model: &ModelView| {
            let held = held.iter().flatten();
            let named = held.filter(|held| {
                if model.id == STARTER {
                    held.source == ModelSource::Starter
                } else {
                    held.source.name() == model.id
                }
            });
            named.map(|held| held.bytes).sum()
        };
        let news = self
            .snapshot
            .shelf
            .iter()
            .any(|model| model.chosen != chosen(model) || model.held_bytes != memory(model));
        if news {
            let with = |model: &ModelView| ModelView {
                chosen: chosen(model),
                held_bytes: memory(model),
                ..model.clone()
            };
            self.snapshot.shelf = self.snapshot.shelf.iter().map(with).collect();
            self.changed = true;
        }
        let own: Vec<_> = self
            .making
            .iter()
            .flat_map(|making| making.parts.iter().map(|part| part.job.id()))
            .collect();
        let queue: Vec<Waiting> = self
            .engine
            .iter()
            .flat_map(|engine| engine.queue())
            .map(|entry| Waiting {
                own: own.contains(&entry.id),
                prompt: entry.prompt,
                model: entry.model,
                running: entry.running,
            })
            .collect();
        if *self.snapshot.queue != *queue {
            self.snapshot.queue = queue.into();
            self.changed = true;
        }
    }
}

/// A path as it is typed: `~` is the user's home.
fn from_home(text: &str) -> PathBuf {
    let home = || directories::BaseDirs::new().map(|user| user.home_dir().to_owned());
    match text.strip_prefix("~/").zip(home()) {
        Some((rest, home)) => home.join(rest),
        None => PathBuf::from(text),
    }
}
