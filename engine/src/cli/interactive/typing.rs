//! The prompt line on a terminal: editing, history, completion of the commands.
//!
//! Main thread.

use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, Helper};

use super::super::Failure;
use super::line::COMMANDS;

/// What came from the keyboard.
pub(super) enum Typed {
    Line(String),
    /// Ctrl+C: the line is thrown away.
    Cancelled,
    /// Ctrl+D.
    End,
}

/// The prompt line.
pub(super) struct Typing {
    editor: Editor<Commands, FileHistory>,
    /// Where the history is kept; nowhere without a folder for it.
    history: Option<PathBuf>,
}

impl Typing {
    /// With the history of earlier sessions.
    pub(super) fn new() -> Result<Self, Failure> {
        let config = Config::builder()
            .history_ignore_dups(true)
            .map_err(prompt)?
            .history_ignore_space(true)
            .max_history_size(1_000)
            .map_err(prompt)?
            .build();
        let mut editor = Editor::with_config(config).map_err(prompt)?;
        editor.set_helper(Some(Commands));
        let history = history();
        if let Some(path) = &history {
            // There is none before the first session.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history })
    }

    /// Waits for a line.
    pub(super) fn read(&mut self) -> Result<Typed, Failure> {
        match self.editor.readline("barline> ") {
            Ok(line) => {
                let new = self.editor.add_history_entry(&line).unwrap_or(false);
                if let (true, Some(path)) = (new, &self.history) {
                    // A history that can't be kept is no reason to make no loops.
                    let _ = self.editor.append_history(path);
                }
                Ok(Typed::Line(line))
            }
            Err(ReadlineError::Interrupted) => Ok(Typed::Cancelled),
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(error) => Err(prompt(error)),
        }
    }
}

fn prompt(error: ReadlineError) -> Failure {
    Failure::Prompt(error.to_string())
}

/// In the user's data folder, which is made when it is missing.
fn history() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "barline")?;
    let folder = folders.data_dir();
    std::fs::create_dir_all(folder).ok()?;
    Some(folder.join("history.txt"))
}

/// Completes the names of the commands.
struct Commands;

impl Completer for Commands {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((0, completions(&line[..cursor])))
    }
}

impl Hinter for Commands {
    type Hint = String;
}

impl Highlighter for Commands {}
impl Validator for Commands {}
impl Helper for Commands {}

/// The commands that begin so, with a space where something is to follow.
fn completions(begun: &str) -> Vec<String> {
    let fits = COMMANDS
        .iter()
        .filter(|(name, ..)| begun.starts_with('/') && name.starts_with(begun));
    fits.map(|(name, after, _)| {
        let space = if after.is_empty() { "" } else { " " };
        format!("{name}{space}")
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_completed() {
        assert_eq!(completions("/b"), ["/bpm ", "/bars ", "/beats "]);
        assert_eq!(completions("/vo"), ["/volume "]);
        assert_eq!(completions("/q"), ["/quit"]);
        assert_eq!(completions("/").len(), COMMANDS.len());
        assert!(completions("").is_empty() && completions("drums").is_empty());
        assert!(completions("/bpm 9").is_empty());
    }
}
