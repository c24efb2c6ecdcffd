//! The pictures in `docs/`: drawn again, and compared.
//!
//! Test threads. With `BARLINE_PICTURES=write` in the environment they are written anew instead,
//! which is what to do after a change of the design, and to look at them.

use std::fs::{self, File};
use std::path::PathBuf;

use super::super::desk::Tab;
use super::super::theme;
use super::raster::{self, Picture};
use super::rig::Rig;
use super::samples;
use crate::view::{Message, Offered, Phase};

const USUAL: (f32, f32) = (1000.0, 640.0);
const LARGE: (f32, f32) = (1200.0, 800.0);
const LEAST: (f32, f32) = (640.0, 420.0);

/// A pixel differs when a channel does by more than this: fonts are drawn with vector instructions
/// that differ between processors.
const NEAR: u8 = 24;
/// So many of a thousand pixels may differ.
const MANY: usize = 2;

fn check(name: &str, mut rig: Rig) {
    rig.settle();
    let size = (rig.size.0 as usize, rig.size.1 as usize);
    let output = rig.output.take().expect("a frame was drawn");
    let drawn = raster::draw(&rig.ctx, output, &rig.textures, size, theme::GROUND);
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(format!("{name}.png"));
    if std::env::var("BARLINE_PICTURES").is_ok_and(|value| value == "write") {
        write(&file, &drawn);
        return;
    }
    let kept = read(&file);
    assert_eq!((kept.width, kept.height), size, "{name}: another size");
    let differ = drawn
        .pixels
        .iter()
        .zip(&kept.pixels)
        .filter(|(a, b)| {
            let far = |a: u8, b: u8| a.abs_diff(b) > NEAR;
            far(a.r(), b.r()) || far(a.g(), b.g()) || far(a.b(), b.b())
        })
        .count();
    assert!(
        differ * 1_000 <= drawn.pixels.len() * MANY,
        "{name}: {differ} pixels are not as in docs/{name}.png; if they should not be, write it anew with BARLINE_PICTURES=write and look at it"
    );
}

fn write(file: &PathBuf, picture: &Picture) {
    let out = File::create(file).expect("docs/ can be written");
    let mut encoder = png::Encoder::new(out, picture.width as u32, picture.height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().expect("a head");
    let bytes: Vec<u8> = picture
        .pixels
        .iter()
        .flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()])
        .collect();
    writer.write_image_data(&bytes).expect("pixels");
}

fn read(file: &PathBuf) -> Picture {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
        .read_info()
        .expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut pixels).expect("pixels");
    assert_eq!(info.color_type, png::ColorType::Rgb);
    Picture {
        width: info.width as usize,
        height: info.height as usize,
        pixels: pixels
            .chunks_exact(3)
            .map(|rgb| egui::Color32::from_rgb(rgb[0], rgb[1], rgb[2]))
            .collect(),
    }
}

/// A state of the panel, drawn at the size of a good window and at the least.
fn both(name: &str, state: impl Fn(&mut Rig)) {
    for (size, of) in [(LARGE, "large"), (LEAST, "small")] {
        let mut rig = Rig::new(size);
        state(&mut rig);
        check(&format!("panel-{name}-{of}"), rig);
    }
}

/// Opens a list of the side panel, which lies over the rest where there is no room.
fn open(rig: &mut Rig, tab: Tab) {
    rig.desk.side = Some(true);
    rig.desk.tab = tab;
    rig.settle();
}

#[test]
fn usual() {
    let mut rig = Rig::new(USUAL);
    samples::playing(&mut rig);
    check("panel", rig);
}

#[test]
fn empty() {
    both("empty", |rig| {
        rig.live.set_host(false, Some(120.0), Some(4.0));
    });
}

#[test]
fn playing() {
    both("playing", |rig| {
        samples::playing(rig);
        rig.project.slots[0].start_beats = 4.0;
        rig.project.slots[0].end_beats = Some(12.0);
    });
}

#[test]
fn generating() {
    both("generating", samples::generating);
}

#[test]
fn error() {
    both("error", |rig| {
        samples::playing(rig);
        rig.snapshot.slots[4] = crate::view::SlotView {
            missing: Some("tight funk kit, ghosted snare".into()),
            ..Default::default()
        };
        rig.snapshot.message = Some(Message::Error(
            "The disk is full: 2 MB are needed in Music/Barline. Make room there, or choose another folder.".into(),
        ));
    });
}

#[test]
fn loading() {
    both("loading", |rig| {
        rig.project.prompt = "warehouse kick, metallic hats, long reverb".into();
        rig.snapshot.phase = Phase::Loading { done: Some(0.42) };
        rig.snapshot.slots[0].making = true;
        rig.live.set_host(true, Some(132.0), Some(4.0));
    });
}

#[test]
fn library() {
    both("library", |rig| {
        samples::playing(rig);
        rig.snapshot.library = samples::library();
        open(rig, Tab::Library);
        let row = rig.find_in(rig.side(), "deep house organ stabs, off the beat");
        rig.click(row);
    });
}

#[test]
fn models() {
    both("models", |rig| {
        samples::playing(rig);
        rig.snapshot.shelf = samples::shelf();
        open(rig, Tab::Models);
        let fetch = rig.find("Fetch…");
        rig.click(fetch);
        // The hub has told its size.
        let mut shelf = rig.snapshot.shelf.to_vec();
        shelf[2].offer = Some(Offered::Bytes(3_700_000_000));
        rig.snapshot.shelf = shelf.into();
    });
}

#[test]
fn takes() {
    let mut rig = Rig::new(LEAST);
    samples::generating(&mut rig);
    open(&mut rig, Tab::Takes);
    check("panel-takes-small", rig);
}

#[test]
fn slot() {
    let mut rig = Rig::new(LEAST);
    samples::playing(&mut rig);
    rig.settle();
    let slot = rig.exactly("Slot")[0];
    rig.click(slot);
    check("panel-slot-small", rig);
}

#[test]
fn presets() {
    let mut rig = Rig::new(USUAL);
    samples::playing(&mut rig);
    rig.settle();
    let presets = rig.find("Presets");
    rig.click(presets);
    check("panel-presets", rig);
}
