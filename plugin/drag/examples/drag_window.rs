//! A plain X11 window that drags, takes drops and does all else that this crate does, for the
//! tests: `drag_window [--drag FILE…] [--listen] [--parent WINDOW] [--window WINDOW]
//! [--copy FILE] [--reveal FILE] [--bin FILE] [--save FILE]`.
//!
//! `--parent` makes it a child of another program's window, as an editor is; `--window` makes
//! none and acts for one that is there. Prints a line for everything that happens. On standard
//! input: `start`, `cancel` and `forget` a drag, `refuse` and `welcome` drops,
//! `noise` (messages that make no sense), `frame` (asks for one too early, as baseview may), `close` the
//! window, `quit`.

#[cfg(all(unix, not(target_os = "macos")))]
#[path = "drag_window/x11.rs"]
mod x11;

#[cfg(all(unix, not(target_os = "macos")))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    x11::main()
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn main() {
    eprintln!("this example is for X11");
}
