//! `barline interactive`: a loop for each line, heard at once or written as a file.
//!
//! Main thread. On a terminal lines are edited, with a history; from a pipe they are read as they
//! come, files are written, and standard output has one line for each result.

#[cfg(any(feature = "play", target_os = "macos", windows))]
mod device;
#[cfg(not(any(feature = "play", target_os = "macos", windows)))]
#[path = "interactive/no_device.rs"]
mod device;
mod line;
#[cfg(any(test, feature = "play", target_os = "macos", windows))]
mod looper;
mod session;
mod typing;

use std::io::{BufRead, IsTerminal};

use crossbeam_channel::{Receiver, select, unbounded};

use self::device::Device;
use self::session::{Next, Session};
use self::typing::{Typed, Typing};
use super::Failure;
use super::args::InteractiveArgs;
use super::waiting::interrupts;

/// Runs the command.
pub(crate) fn run(args: &InteractiveArgs) -> Result<(), Failure> {
    let interrupts = interrupts();
    let by_hand = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let device = if by_hand && !args.no_play {
        Device::open()
            .map_err(|why| eprintln!("{why}; loops are written as files"))
            .ok()
    } else {
        None
    };
    let mut session = Session::start(args, device, by_hand, interrupts.clone())?;
    if by_hand {
        typed(&mut session, &interrupts)
    } else {
        piped(&mut session, &interrupts)
    }
}

/// From a person.
fn typed(session: &mut Session, interrupts: &Receiver<()>) -> Result<(), Failure> {
    let mut typing = Typing::new()?;
    println!("Type what you want to hear; /help lists the commands, Ctrl+D ends.");
    loop {
        let line = match typing.read()? {
            Typed::Line(line) => line,
            Typed::Cancelled => continue,
            Typed::End => return Ok(()),
        };
        // What was pressed before has nothing to cancel.
        while interrupts.try_recv().is_ok() {}
        match session.handle(&line) {
            Ok(Next::Line) => {}
            Ok(Next::End) => return Ok(()),
            Err(Failure::Interrupted) => println!("cancelled"),
            Err(Failure::Output(error)) => return Err(Failure::Output(error)),
            Err(failure) => eprintln!("barline: {failure}"),
        }
    }
}

/// From a pipe or a file. Lines are read by a thread of their own, so that Ctrl+C is heard while
/// none comes; it ends with the program.
fn piped(session: &mut Session, interrupts: &Receiver<()>) -> Result<(), Failure> {
    let (sender, lines) = unbounded();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut failed = 0;
    loop {
        let line = select! {
            recv(interrupts) -> _ => return Err(Failure::Interrupted),
            recv(lines) -> line => line,
        };
        let Ok(line) = line else { break };
        let line = line.map_err(|error| Failure::Prompt(error.to_string()))?;
        match session.handle(&line) {
            Ok(Next::Line) => {}
            Ok(Next::End) => break,
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(Failure::Output(error)) => return Err(Failure::Output(error)),
            Err(failure) => {
                eprintln!("barline: {failure}");
                failed += 1;
            }
        }
    }
    if failed > 0 {
        return Err(Failure::Lines { failed });
    }
    Ok(())
}
