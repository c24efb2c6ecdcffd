//! Models: which one makes the next clip, what is on the shelf, what is being fetched.
//!
//! Session thread. What plays is never touched by any of it.

use barline_engine::ModelSource;
use barline_engine::shelf::{Control, FetchError};

use super::Screen;
use super::shelf::{Ask, ShelfKeeper, Tells};
use super::worker::Worker;
use crate::view::{Message, ModelAction, ModelState, ModelView, Waiting};

/// What the starter is called on the shelf.
const STARTER: &str = "starter";

impl<S: Screen> Worker<S> {
    fn shelf(&mut self) -> Option<&mut ShelfKeeper> {
        if self.shelf.is_none() {
            self.shelf = ShelfKeeper::start();
            if self.shelf.is_none() {
                self.say_error(&"the system has no room for another thread: close other programs");
            }
        }
        self.shelf.as_mut()
    }

    pub(super) fn ask_shelf(&mut self, action: ModelAction) {
        match action {
            ModelAction::Look => {
                if let Some(shelf) = self.shelf() {
                    shelf.ask(Ask::Predict);
                }
            }
            ModelAction::Folder(folder) => self.use_model(ModelSource::Folder(folder), None),
            ModelAction::Use(id) if id == STARTER => self.use_model(ModelSource::Starter, None),
            ModelAction::Use(id) => {
                self.params
                    .project
                    .update(|project| project.model_id = Some(id.clone()));
                if let Some(shelf) = self.shelf() {
                    shelf.ask(Ask::Find(id));
                }
            }
            ModelAction::Offer(id) => {
                if let Some(shelf) = self.shelf() {
                    shelf.ask(Ask::Offer(id, Control::new()));
                }
            }
            ModelAction::Fetch(id) => {
                // Who fetches a model wants to use it, unless another is chosen until it is here.
                self.params
                    .project
                    .update(|project| project.model_id = Some(id.clone()));
                if let Some(shelf) = self.shelf() {
                    let control = Control::new();
                    shelf.control = Some(control.clone());
                    shelf.ask(Ask::Fetch(id, control));
                }
            }
            ModelAction::Pause => {
                if let Some(control) = self.shelf.as_ref().and_then(|shelf| shelf.control.as_ref())
                {
                    control.pause();
                }
            }
            ModelAction::CancelFetch => {
                if let Some(control) = self.shelf.as_ref().and_then(|shelf| shelf.control.as_ref())
                {
                    control.cancel();
                }
            }
        }
    }

    fn use_model(&mut self, model: ModelSource, id: Option<String>) {
        self.params.project.update(|project| {
            project.model = model;
            project.model_id = id;
        });
        self.changed = true;
    }

    /// A project that was opened names a model: here it may lie elsewhere, or not at all.
    pub(super) fn find_model(&mut self) {
        let (_, project) = self.params.project.read();
        let here = match &project.model {
            ModelSource::Folder(folder) => folder.is_dir(),
            _ => true,
        };
        match project.model_id {
            Some(id) if !here => {
                if let Some(shelf) = self.shelf() {
                    shelf.ask(Ask::Find(id));
                }
            }
            None if !here => self.say_error(
                &"the model of this project is not here: its clips play; pick another model under Models",
            ),
            _ => {}
        }
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
                Tells::Shelf(models) => self.snapshot.shelf = models.into(),
                Tells::Comes(id, done_bytes, bytes, seconds_left) => {
                    let state = ModelState::Fetching {
                        done_bytes,
                        bytes,
                        seconds_left,
                    };
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
                Tells::Fetched(id, Ok(())) => {
                    let (_, project) = self.params.project.read();
                    if project.model_id.as_ref() == Some(&id)
                        && let Some(shelf) = &self.shelf
                    {
                        shelf.ask(Ask::Find(id));
                    }
                }
                Tells::Offered(Ok(())) => {}
                Tells::Offered(Err(error)) | Tells::Fetched(_, Err(error)) => match error {
                    FetchError::Paused | FetchError::Cancelled => {}
                    error => self.say_error(&error),
                },
                Tells::Found(id, Some(folder)) => {
                    let (_, project) = self.params.project.read();
                    if project.model_id.as_ref() == Some(&id) {
                        self.use_model(ModelSource::Folder(folder), Some(id));
                    }
                }
                Tells::Found(id, None) => self.say(Message::Error(format!(
                    "The model {id} is not here: what there is plays; fetch it under Models."
                ))),
                Tells::Trouble(text) => self.say_error(&text),
            }
        }
    }

    /// What changes with every look: the model in use, memory, the queue of all instances.
    pub(super) fn look_at_engine(&mut self) {
        let (_, project) = self.params.project.read();
        let held = self.engine.as_ref().map(|engine| engine.held());
        let chosen = |model: &ModelView| match (&project.model, &project.model_id) {
            (ModelSource::Starter, _) => model.id == STARTER,
            (_, id) => id.as_ref() == Some(&model.id),
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
