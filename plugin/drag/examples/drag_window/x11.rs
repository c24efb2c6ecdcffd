//! The window on X11: its own connection, as a panel's is baseview's.

use std::error::Error;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use barline_drag::{Drag, DropTarget, NativeWindow};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::present::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt, CreateWindowAux, EventMask, PropMode, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1).peekable();
    let mut files = Vec::new();
    let mut listen = false;
    let mut parent = None;
    let mut other = None;
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
            "--window" => other = Some(words.next().ok_or("no window")?.parse::<u32>()?),
            _ => errands.push((word, PathBuf::from(words.next().ok_or("no file")?))),
        }
    }

    let (connection, screen) = x11rb::connect(None)?;
    let id = match other {
        Some(id) => id,
        None => create(&connection, screen, parent)?,
    };
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
                Event::PresentCompleteNotify(frame) => say(&format!("frame {}", frame.serial)),
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
            Ok("noise") => noise(&connection, id)?,
            Ok("frame") => ask_too_early(&connection, id)?,
            Ok("start") => drag = Some(Drag::start(window, files.clone(), || {})?),
            Ok("cancel") => drag.iter().for_each(Drag::cancel),
            Ok("forget") => drag = None,
            Ok("refuse") => drops.iter().for_each(|drops| drops.set_welcome(false)),
            Ok("welcome") => drops.iter().for_each(|drops| drops.set_welcome(true)),
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

/// A plain window, on its own or inside another.
fn create(
    connection: &RustConnection,
    screen: usize,
    parent: Option<u32>,
) -> Result<u32, Box<dyn Error>> {
    let screen = connection.setup().roots.get(screen).ok_or("no screen")?;
    let id = connection.generate_id()?;
    let events = EventMask::BUTTON_PRESS | EventMask::STRUCTURE_NOTIFY;
    let settings = CreateWindowAux::new()
        .background_pixel(0x0033_3f4c)
        .event_mask(events);
    let parent = parent.unwrap_or(screen.root);
    let kind = WindowClass::INPUT_OUTPUT;
    connection.create_window(0, id, parent, 0, 0, 320, 200, 0, kind, 0, &settings)?;
    let (name, text) = (AtomEnum::WM_NAME, AtomEnum::STRING);
    connection.change_property8(PropMode::REPLACE, id, name, text, b"Barline drag")?;
    connection.map_window(id)?;
    connection.flush()?;
    Ok(id)
}

/// Asks for the window's first frame, and listens for answers only when that has come.
fn ask_too_early(connection: &RustConnection, window: u32) -> Result<(), Box<dyn Error>> {
    connection.present_notify_msc(window, 0, 0, 0, 0)?.check()?;
    std::thread::sleep(Duration::from_millis(50));
    let event = connection.generate_id()?;
    connection
        .present_select_input(event, window, present::EventMask::COMPLETE_NOTIFY)?
        .check()?;
    Ok(())
}

/// XDND's messages in any order with anything in them, to whoever listens for `window` and to
/// whoever drags. Ends with a leave from each made-up source.
fn noise(connection: &RustConnection, window: u32) -> Result<(), Box<dyn Error>> {
    let atom = |name: &str| -> Result<u32, Box<dyn Error>> {
        Ok(connection
            .intern_atom(false, name.as_bytes())?
            .reply()?
            .atom)
    };
    let kinds = ["Enter", "Position", "Status", "Drop", "Finished", "Leave"];
    let kinds = kinds
        .iter()
        .map(|kind| atom(&format!("Xdnd{kind}")))
        .collect::<Result<Vec<_>, _>>()?;
    let proxy = connection
        .get_property(false, window, atom("XdndProxy")?, AtomEnum::WINDOW, 0, 1)?
        .reply()?;
    let proxy = proxy.value32().and_then(|mut values| values.next());
    let selection = atom("XdndSelection")?;
    let drags = connection.get_selection_owner(selection)?.reply()?.owner;
    let sources = [0, 1, window, drags, u32::MAX];
    let mut state = 1_u64;
    let mut next = || {
        // Knuth's numbers; the upper half is the better one.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 32) as u32
    };
    for n in 0..2000 {
        let kind = kinds[if n < 1990 { next() as usize % 6 } else { 5 }];
        let source = sources[n % sources.len()];
        let data = [source, next(), next(), next(), next()];
        for to in proxy.into_iter().chain([drags]).filter(|to| *to != 0) {
            let message = ClientMessageEvent::new(32, window, kind, data);
            connection.send_event(false, to, EventMask::NO_EVENT, message)?;
        }
    }
    connection.get_input_focus()?.reply()?;
    say("noise made");
    Ok(())
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
