//! The window on X11: its own connection, as a panel's is baseview's.

use std::error::Error;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use barline_drag::{Drag, DropTarget, NativeWindow};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{ConnectionExt, CreateWindowAux, EventMask, PropMode, WindowClass};
use x11rb::wrapper::ConnectionExt as _;

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1).peekable();
    let mut files = Vec::new();
    let mut listen = false;
    let mut parent = None;
    let mut errands = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--drag" => {
                while let Some(file) = words.next_if(|next| !next.starts_with("--")) {
                    files.push(PathBuf::from(file));
                }
            }
            "--listen" => listen = true,
            "--parent" => parent = Some(words.next().ok_or("no parent")?.parse::<u32>()?),
            _ => errands.push((word, PathBuf::from(words.next().ok_or("no file")?))),
        }
    }

    let (connection, screen) = x11rb::connect(None)?;
    let screen = &connection.setup().roots[screen];
    let id = connection.generate_id()?;
    let events = EventMask::BUTTON_PRESS | EventMask::STRUCTURE_NOTIFY;
    let settings = CreateWindowAux::new()
        .background_pixel(0x0033_3f4c)
        .event_mask(events);
    let parent = parent.unwrap_or(screen.root);
    let kind = WindowClass::INPUT_OUTPUT;
    connection.create_window(0, id, parent, 0, 0, 320, 200, 0, kind, 0, &settings)?;
    let name = connection.intern_atom(false, b"WM_NAME")?.reply()?.atom;
    let string = connection.intern_atom(false, b"STRING")?.reply()?.atom;
    connection.change_property8(PropMode::REPLACE, id, name, string, b"Barline drag")?;
    connection.map_window(id)?;
    connection.flush()?;
    let window = NativeWindow::x11(id);
    say(&format!("window {id}"));

    let drops = match listen {
        true => Some(DropTarget::listen(window, || {})?),
        false => None,
    };
    for (what, file) in errands {
        errand(window, &what, file)?;
    }
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });

    let mut drag: Option<Drag> = None;
    loop {
        while let Some(event) = connection.poll_for_event()? {
            match event {
                Event::ButtonPress(press) if press.detail == 1 && !files.is_empty() => {
                    let begin = Instant::now();
                    drag = Some(Drag::start(window, files.clone(), || {})?);
                    say(&format!("started in {} us", begin.elapsed().as_micros()));
                }
                Event::DestroyNotify(gone) if gone.window == id => say("destroyed"),
                _ => {}
            }
        }
        if let Some(outcome) = drag.as_ref().and_then(Drag::outcome) {
            say(&format!("outcome {outcome:?}"));
            drag = None;
        }
        for event in drops.iter().flat_map(DropTarget::events) {
            say(&format!("event {event:?}"));
        }
        match lines.try_recv().as_deref() {
            Ok("quit") => return Ok(()),
            Ok("cancel") => drag.iter().for_each(Drag::cancel),
            Ok("forget") => drag = None,
            Ok("refuse") => drops.iter().for_each(|drops| drops.set_welcome(false)),
            Ok("close") => {
                connection.destroy_window(id)?;
                connection.flush()?;
            }
            Ok(other) => say(&format!("what is {other}?")),
            Err(_) => {}
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One of the things that are done once.
fn errand(window: NativeWindow, what: &str, file: PathBuf) -> Result<(), Box<dyn Error>> {
    let result = match what {
        "--copy" => {
            let pending = barline_drag::copy_files(window, vec![file], || {});
            format!("{:?}", pending.wait(PATIENCE))
        }
        "--reveal" => format!("{:?}", barline_drag::reveal(file, || {}).wait(PATIENCE)),
        "--bin" => format!("{:?}", barline_drag::bin(vec![file], || {}).wait(PATIENCE)),
        "--save" => {
            let pending = barline_drag::save_as(file, None, || {});
            format!("{:?}", pending.wait(PATIENCE))
        }
        other => return Err(format!("what is {other}?").into()),
    };
    say(&format!("{} {result}", what.trim_start_matches('-')));
    Ok(())
}

fn say(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
