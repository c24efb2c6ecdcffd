//! One question, answered with yes or no.
//!
//! Main thread: waits for a line.

use std::io::{BufRead, IsTerminal, Write};

use crossbeam_channel::{Receiver, bounded, select};

use super::super::Failure;

/// Whether there is somebody to ask.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks; all but "y" and "yes" is no. Ctrl+C ends the command.
pub(super) fn agreed(question: &str, interrupts: &Receiver<()>) -> Result<bool, Failure> {
    let mut err = std::io::stderr().lock();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    drop(err);
    let (sender, answer) = bounded(1);
    // Reading a line can't be interrupted; the thread ends with the program.
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = sender.send(std::io::stdin().lock().read_line(&mut line).map(|_| line));
    });
    select! {
        recv(interrupts) -> _ => Err(Failure::Interrupted),
        recv(answer) -> line => {
            let line = line.map_err(std::io::Error::other)??;
            let line = line.trim().to_ascii_lowercase();
            Ok(["y", "yes"].contains(&line.as_str()))
        }
    }
}
