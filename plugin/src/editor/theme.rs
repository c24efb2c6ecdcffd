//! The panel's look: one accent on a dark ground, a grid of four points, contrasts by WCAG AA.
//!
//! Window thread; set once when the panel is opened. Never draws.
//!
//! The font is Inter (SIL Open Font License, see `fonts/LICENSE-Inter.txt`), cut down to Latin, Greek
//! and Cyrillic; egui's own fonts stand in for the rest.

use std::sync::Arc;

use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Stroke,
    TextStyle, Vec2,
};

/// The window's ground.
pub(crate) const GROUND: Color32 = Color32::from_rgb(0x13, 0x15, 0x1A);
/// Cards on it.
pub(crate) const CARD: Color32 = Color32::from_rgb(0x1B, 0x1E, 0x25);
/// Fields and buttons on cards.
pub(crate) const FIELD: Color32 = Color32::from_rgb(0x26, 0x2A, 0x34);
/// The same under the pointer.
pub(crate) const FIELD_HOVER: Color32 = Color32::from_rgb(0x31, 0x36, 0x43);
/// The one of several segments that is picked.
pub(crate) const SEGMENT: Color32 = Color32::from_rgb(0x34, 0x3A, 0x47);
/// Lines that divide.
pub(crate) const LINE: Color32 = Color32::from_rgb(0x3A, 0x40, 0x4E);
/// Lines of a control that are needed to see it.
pub(crate) const EDGE: Color32 = Color32::from_rgb(0x6E, 0x76, 0x88);
/// Text.
pub(crate) const TEXT: Color32 = Color32::from_rgb(0xEC, 0xEE, 0xF3);
/// Labels and what matters less.
pub(crate) const QUIET: Color32 = Color32::from_rgb(0xA9, 0xB0, 0xBF);
/// The accent: what is on, what is heard, what to press.
pub(crate) const ACCENT: Color32 = Color32::from_rgb(0xFF, 0xB0, 0x4A);
/// The accent under the pointer.
pub(crate) const ACCENT_HOVER: Color32 = Color32::from_rgb(0xFF, 0xC4, 0x78);
/// The ground of what is picked in a list, and of selected text.
pub(crate) const PICKED: Color32 = Color32::from_rgb(0x43, 0x31, 0x17);
/// Text on the accent.
pub(crate) const ON_ACCENT: Color32 = Color32::from_rgb(0x1E, 0x14, 0x04);
/// Waveforms that are not heard.
pub(crate) const WAVE: Color32 = Color32::from_rgb(0x9A, 0xA6, 0xC2);
/// What may be sold; what is there.
pub(crate) const GOOD: Color32 = Color32::from_rgb(0x7F, 0xD6, 0xA4);
/// Lines of beats inside a waveform.
pub(crate) const BEAT: Color32 = Color32::from_rgb(0x24, 0x28, 0x31);
/// Errors.
pub(crate) const ERROR: Color32 = Color32::from_rgb(0xFF, 0x8A, 0x80);

/// What text is written in on any ground but the accent.
#[cfg(test)]
pub(crate) const INKS: [Color32; 7] = [TEXT, QUIET, ACCENT, ACCENT_HOVER, ERROR, GOOD, WAVE];

/// Space between things that belong together.
pub(crate) const NEAR: f32 = 8.0;
/// Height of every control in a row.
pub(crate) const ROW: f32 = 26.0;
/// Corners of cards and fields.
pub(crate) const ROUND: u8 = 6;

/// The font's heavier cut.
const STRONG: &str = "strong";

/// Text of controls.
pub(crate) fn body() -> FontId {
    FontId::new(13.0, FontFamily::Proportional)
}

/// Names and headings.
pub(crate) fn strong(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(STRONG.into()))
}

/// Small text: labels above controls, the ruler.
pub(crate) fn small() -> FontId {
    FontId::new(11.5, FontFamily::Proportional)
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let regular = FontData::from_static(include_bytes!("fonts/Inter-Regular.ttf"));
    let strong = FontData::from_static(include_bytes!("fonts/Inter-SemiBold.ttf"));
    fonts
        .font_data
        .insert("inter".to_owned(), Arc::new(regular));
    fonts
        .font_data
        .insert("inter-strong".to_owned(), Arc::new(strong));
    let others = fonts
        .families
        .get(&FontFamily::Proportional)
        .cloned()
        .unwrap_or_default();
    let with = |first: &str| {
        let mut names = vec![first.to_owned()];
        names.extend(others.iter().cloned());
        names
    };
    fonts
        .families
        .insert(FontFamily::Proportional, with("inter"));
    fonts
        .families
        .insert(FontFamily::Name(STRONG.into()), with("inter-strong"));
    fonts
}

/// Makes egui look like this.
pub(crate) fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    ctx.all_styles_mut(|style| {
        let family = FontFamily::Proportional;
        style.text_styles = [
            (TextStyle::Small, small()),
            (TextStyle::Body, body()),
            (TextStyle::Button, body()),
            (TextStyle::Heading, strong(18.0)),
            (TextStyle::Monospace, FontId::new(12.0, family)),
        ]
        .into();
        style.animation_time = 0.0;
        style.interaction.tooltip_delay = 0.6;
        style.interaction.selectable_labels = false;
        let spacing = &mut style.spacing;
        spacing.item_spacing = Vec2::new(NEAR, NEAR);
        spacing.button_padding = Vec2::new(8.0, 4.0);
        spacing.interact_size = Vec2::new(36.0, ROW);
        spacing.icon_width = 12.0;
        spacing.scroll = egui::style::ScrollStyle::solid();
        spacing.scroll.bar_width = 6.0;
        spacing.scroll.bar_inner_margin = 4.0;
        spacing.scroll.bar_outer_margin = 0.0;
        spacing.slider_width = 96.0;
        spacing.combo_width = 60.0;
        spacing.menu_margin = Margin::same(6);

        let visuals = &mut style.visuals;
        *visuals = egui::Visuals::dark();
        visuals.override_text_color = None;
        // A caret that blinks has the whole panel drawn twice a second for nothing.
        visuals.text_cursor.blink = false;
        visuals.text_cursor.stroke = Stroke::new(2.0, ACCENT);
        visuals.weak_text_color = Some(QUIET);
        visuals.panel_fill = GROUND;
        visuals.window_fill = CARD;
        visuals.window_stroke = Stroke::new(1.0, LINE);
        visuals.extreme_bg_color = FIELD;
        visuals.text_edit_bg_color = Some(FIELD);
        visuals.faint_bg_color = CARD;
        visuals.error_fg_color = ERROR;
        visuals.warn_fg_color = ACCENT;
        visuals.hyperlink_color = ACCENT;
        visuals.selection.bg_fill = PICKED;
        visuals.selection.stroke = Stroke::new(1.0, ACCENT);
        visuals.slider_trailing_fill = true;
        let widgets = &mut visuals.widgets;
        let corner_radius = CornerRadius::same(ROUND);
        for (state, fill, edge, text) in [
            (&mut widgets.noninteractive, CARD, LINE, TEXT),
            (&mut widgets.inactive, FIELD, FIELD, TEXT),
            (&mut widgets.hovered, FIELD_HOVER, EDGE, TEXT),
            (&mut widgets.active, FIELD_HOVER, ACCENT, TEXT),
            (&mut widgets.open, FIELD_HOVER, EDGE, TEXT),
        ] {
            state.bg_fill = fill;
            state.weak_bg_fill = fill;
            state.bg_stroke = Stroke::new(1.0, edge);
            state.fg_stroke = Stroke::new(1.0, text);
            state.corner_radius = corner_radius;
            state.expansion = 0.0;
        }
    });
}

/// A card: a raised ground with the usual space inside.
pub(crate) fn card() -> egui::Frame {
    egui::Frame::new()
        .fill(CARD)
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::same(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, WCAG 2.2.
    fn luminance(color: Color32) -> f64 {
        let linear = |byte: u8| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_passes_wcag_aa() {
        let washed = super::super::controls::tint(ACCENT);
        for ground in [GROUND, CARD, FIELD, FIELD_HOVER, SEGMENT, PICKED, washed] {
            for text in INKS {
                let contrast = contrast(text, ground);
                assert!(contrast >= 4.5, "{text:?} on {ground:?} is {contrast:.2}");
            }
        }
        for accent in [ACCENT, ACCENT_HOVER] {
            assert!(contrast(ON_ACCENT, accent) >= 4.5);
        }
    }

    #[test]
    fn edges_of_controls_can_be_seen() {
        for ground in [GROUND, CARD] {
            assert!(contrast(EDGE, ground) >= 3.0);
            assert!(contrast(ACCENT, ground) >= 3.0);
        }
    }
}
