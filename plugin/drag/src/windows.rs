//! Drags out of the window on Windows, by the crate `drag` (OLE's `DoDragDrop`).
//!
//! `DoDragDrop` runs a message loop until the drop. On the window's thread that loop would call
//! baseview and egui again in the middle of a frame, which panics on a borrowed cell; so it runs
//! on a thread of its own whose input is joined to the window's. Never runs two drags at once.

#![allow(
    unsafe_code,
    reason = "the system's calls for input and windows have no safe form"
)]

pub(crate) mod source {
    //! One drag, on the one thread that OLE was started on.

    use std::num::NonZeroIsize;
    use std::path::PathBuf;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Mutex, OnceLock, PoisonError};

    use raw_window_handle::{
        HandleError, HasWindowHandle, RawWindowHandle, Win32WindowHandle, WindowHandle,
    };
    use windows_sys::Win32::Foundation::{HWND, POINT};
    use windows_sys::Win32::Graphics::Gdi::ScreenToClient;
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };
    use windows_sys::Win32::System::Threading::{AttachThreadInput, GetCurrentThreadId};
    use windows_sys::Win32::UI::Input::KeyboardAndMouse::{GetAsyncKeyState, VK_ESCAPE};
    use windows_sys::Win32::UI::WindowsAndMessaging::{GetWindowThreadProcessId, WindowFromPoint};

    use crate::drag::{Shared, missing};
    use crate::{DragError, NativeWindow, Outcome};

    /// What the picture beside the pointer shows.
    const PICTURE: &[u8] = include_bytes!("clip.png");

    struct Job {
        window: NonZeroIsize,
        files: Vec<PathBuf>,
        done: Sender<Outcome>,
    }

    /// Drags until the end. The shared part is not asked: only Escape ends a drag here.
    pub(crate) fn run(window: NativeWindow, files: &[PathBuf], _: &Shared) -> Outcome {
        if let Some(error) = missing(files) {
            return Outcome::Failed(error);
        }
        let Some(window) = NonZeroIsize::new(window.id.cast_signed()) else {
            return Outcome::Failed(DragError::UnsupportedWindow);
        };
        let (done, outcome) = channel();
        let files = files.to_vec();
        let job = Job {
            window,
            files,
            done,
        };
        let sent = thread().is_some_and(|jobs| jobs.send(job).is_ok());
        match (sent, outcome.recv()) {
            (true, Ok(outcome)) => outcome,
            _ => Outcome::Failed(DragError::Stopped),
        }
    }

    /// The thread for all drags of the process: the crate starts OLE once, on the first thread
    /// that drags, and OLE knows it on that one only.
    fn thread() -> Option<Sender<Job>> {
        static JOBS: OnceLock<Option<Mutex<Sender<Job>>>> = OnceLock::new();
        let jobs = JOBS.get_or_init(|| {
            stay_loaded();
            let (sender, jobs) = channel();
            let name = "barline drag (OLE)".to_owned();
            let spawned = std::thread::Builder::new().name(name).spawn(|| work(jobs));
            spawned.ok().map(|_| Mutex::new(sender))
        });
        let jobs = jobs.as_ref()?;
        Some(jobs.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// The thread never ends, so a host must not unload the code that it runs.
    fn stay_loaded() {
        let flags = GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
        let mut module = std::ptr::null_mut();
        // SAFETY: with this flag the name is an address inside the module; `module` outlives the
        // call that writes to it.
        unsafe { GetModuleHandleExW(flags, (work as fn(_)) as *const u16, &mut module) };
    }

    fn work(jobs: Receiver<Job>) {
        for Job {
            window,
            files,
            done,
        } in jobs
        {
            let _ = done.send(drag(window, files));
        }
    }

    fn drag(window: NonZeroIsize, files: Vec<PathBuf>) -> Outcome {
        let hwnd = window.get() as HWND;
        // SAFETY: neither call touches memory of ours; a window that is gone has no thread (0).
        let (ours, theirs) = unsafe {
            let process = std::ptr::null_mut();
            let theirs = GetWindowThreadProcessId(hwnd, process);
            (GetCurrentThreadId(), theirs)
        };
        if theirs == 0 {
            return Outcome::Cancelled;
        }
        // The button was pressed in that thread's queue; without this it would not count as held.
        // SAFETY: both are threads of this process, and they are parted again below.
        let joined = unsafe { AttachThreadInput(ours, theirs, 1) } != 0;
        let (ended, end) = channel();
        let started = drag::start_drag(
            &Handle(window),
            drag::DragItem::Files(files),
            drag::Image::Raw(PICTURE.to_vec()),
            move |result, place| drop(ended.send((result, place))),
            drag::Options::default(),
        );
        if joined {
            // SAFETY: as above.
            unsafe { AttachThreadInput(ours, theirs, 0) };
        }
        match (started, end.try_recv()) {
            (Err(error), _) => Outcome::Failed(DragError::Display(error.to_string())),
            (Ok(()), Ok((drag::DragResult::Dropped, _))) => Outcome::Dropped,
            (Ok(()), Ok((drag::DragResult::Cancel, place))) => {
                ourselves(hwnd, place.x, place.y).unwrap_or(Outcome::Cancelled)
            }
            (Ok(()), Err(_)) => Outcome::Cancelled,
        }
    }

    /// A drag that ended over our own window, which takes no drop, and not by Escape.
    fn ourselves(hwnd: HWND, x: i32, y: i32) -> Option<Outcome> {
        let mut point = POINT { x, y };
        // SAFETY: plain values; `point` outlives the call that writes to it.
        unsafe {
            let escape = GetAsyncKeyState(i32::from(VK_ESCAPE)) != 0;
            if escape || WindowFromPoint(point) != hwnd || ScreenToClient(hwnd, &mut point) == 0 {
                return None;
            }
        }
        Some(Outcome::Ourselves {
            x: point.x,
            y: point.y,
        })
    }

    struct Handle(NonZeroIsize);

    impl HasWindowHandle for Handle {
        fn window_handle(&self) -> Result<WindowHandle<'_>, HandleError> {
            let raw = RawWindowHandle::Win32(Win32WindowHandle::new(self.0));
            // SAFETY: the crate looks at the kind of the handle only, never at the window.
            Ok(unsafe { WindowHandle::borrow_raw(raw) })
        }
    }
}
