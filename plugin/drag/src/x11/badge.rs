//! The small picture of a clip that follows the pointer: bright where it would be taken.
//!
//! Runs on the drag's thread. The pointer's own shape belongs to the window that was pressed,
//! and with it to baseview. Decoration: what fails here is left out, never the drag's end.

use x11rb::connection::{Connection, RequestConnection};
use x11rb::protocol::shape::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{
    ChangeGCAux, ConfigureWindowAux, ConnectionExt, CreateGCAux, CreateWindowAux, EventMask,
    Gcontext, Rectangle, StackMode, Window, WindowClass,
};

use super::desk::{Desk, Lost};

const WIDTH: u16 = 45;
const HEIGHT: u16 = 26;
/// Below and right of the pointer's tip.
const BESIDE: i16 = 14;
/// Heights of the bars, in pixels: a waveform at a glance.
const BARS: [u16; 9] = [4, 10, 16, 8, 18, 12, 6, 14, 4];
/// The panel's colours.
const GROUND: u32 = 0x0013_151a;
const WELCOME: u32 = 0x00ff_b04a;
const ELSEWHERE: u32 = 0x006e_7688;

/// A window without input, above all others.
pub(crate) struct Badge {
    window: Window,
    context: Gcontext,
    welcome: Option<bool>,
}

impl Badge {
    /// Makes the window; it shows at the first move.
    pub(crate) fn new(desk: &Desk) -> Result<Self, Lost> {
        let connection = &desk.connection;
        let (window, context) = (connection.generate_id()?, connection.generate_id()?);
        let screen = connection.setup().roots.get(desk.screen);
        // Where colours are no plain numbers, any two that differ will do.
        let ground = match screen {
            Some(screen) if screen.root_depth < 24 => screen.black_pixel,
            _ => GROUND,
        };
        let settings = CreateWindowAux::new()
            .override_redirect(1)
            .save_under(1)
            .event_mask(EventMask::EXPOSURE)
            .background_pixel(ground);
        connection.create_window(
            x11rb::COPY_DEPTH_FROM_PARENT,
            window,
            desk.root,
            0,
            0,
            WIDTH,
            HEIGHT,
            0,
            WindowClass::INPUT_OUTPUT,
            x11rb::COPY_FROM_PARENT,
            &settings,
        )?;
        // The pointer passes through it, so it never is what is under the pointer.
        if connection
            .extension_information(shape::X11_EXTENSION_NAME)?
            .is_some()
        {
            let (op, kind) = (shape::SO::SET, shape::SK::INPUT);
            let order = x11rb::protocol::xproto::ClipOrdering::UNSORTED;
            connection.shape_rectangles(op, kind, order, window, 0, 0, &[])?;
        }
        connection.create_gc(context, window, &CreateGCAux::new())?;
        Ok(Self {
            window,
            context,
            welcome: None,
        })
    }

    /// Follows the pointer.
    pub(crate) fn follow(
        &mut self,
        desk: &Desk,
        x: i16,
        y: i16,
        welcome: bool,
    ) -> Result<(), Lost> {
        let place = ConfigureWindowAux::new()
            .x(i32::from(x.saturating_add(BESIDE)))
            .y(i32::from(y.saturating_add(BESIDE)))
            .stack_mode(StackMode::ABOVE);
        desk.connection.configure_window(self.window, &place)?;
        if self.welcome.is_none() {
            desk.connection.map_window(self.window)?;
        }
        if self.welcome != Some(welcome) {
            self.welcome = Some(welcome);
            self.paint(desk)?;
        }
        desk.connection.flush()?;
        Ok(())
    }

    /// Takes it off the screen.
    pub(crate) fn end(self, desk: &Desk) -> Result<(), Lost> {
        desk.connection.free_gc(self.context)?;
        desk.connection.destroy_window(self.window)?;
        desk.connection.flush()?;
        Ok(())
    }

    /// Paints it again, when told that it must.
    pub(crate) fn expose(&self, desk: &Desk, window: Window) -> Result<(), Lost> {
        if window == self.window {
            self.paint(desk)?;
            desk.connection.flush()?;
        }
        Ok(())
    }

    fn paint(&self, desk: &Desk) -> Result<(), Lost> {
        let welcome = self.welcome == Some(true);
        let colour = if welcome { WELCOME } else { ELSEWHERE };
        let connection = &desk.connection;
        connection.change_gc(self.context, &ChangeGCAux::new().foreground(colour))?;
        let bars: Vec<Rectangle> = (0..)
            .zip(BARS)
            .map(|(n, height)| Rectangle {
                x: 5 + 4 * n,
                y: ((HEIGHT - height) / 2).cast_signed(),
                width: 3,
                height,
            })
            .collect();
        connection.poly_fill_rectangle(self.window, self.context, &bars)?;
        let frame = Rectangle {
            x: 0,
            y: 0,
            width: WIDTH - 1,
            height: HEIGHT - 1,
        };
        connection.poly_rectangle(self.window, self.context, &[frame])?;
        Ok(())
    }
}
