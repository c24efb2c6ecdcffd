//! Models, as the panel asks for them.
//!
//! Session thread.

use barline_engine::ModelSource;

use super::Screen;
use super::worker::Worker;
use crate::view::ModelAction;

impl<S: Screen> Worker<S> {
    pub(super) fn ask_shelf(&mut self, action: ModelAction) {
        match action {
            ModelAction::Folder(folder) => self.use_model(ModelSource::Folder(folder)),
            ModelAction::Use(_) => self.use_model(ModelSource::Starter),
            _ => {}
        }
    }

    fn use_model(&mut self, model: ModelSource) {
        self.params.project.update(|project| project.model = model);
        self.changed = true;
    }
}
