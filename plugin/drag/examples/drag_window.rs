//! A plain X11 window that drags, takes drops and does all else that this crate does, for the
//! tests: `drag_window [--drag FILE…] [--listen] [--copy FILE] [--reveal FILE] [--bin FILE] [--save FILE]`.
//!
//! Prints a line for everything that happens. Runs until its window is closed, until `quit`
//! comes on standard input, or until nothing is left to wait for; `close` destroys the window.

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
