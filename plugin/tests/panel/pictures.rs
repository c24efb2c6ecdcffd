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
use crate::view::{Message, Phase};

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

#[test]
fn empty() {
    let rig = Rig::new(USUAL);
    rig.live.set_host(false, Some(120.0), Some(4.0));
    check("panel-empty", rig);
}

#[test]
fn playing() {
    let mut rig = Rig::new(USUAL);
    samples::playing(&mut rig);
    check("panel", rig);
}

#[test]
fn generating() {
    let mut rig = Rig::new(USUAL);
    samples::generating(&mut rig);
    check("panel-generating", rig);
}

#[test]
fn error() {
    let mut rig = Rig::new(USUAL);
    samples::playing(&mut rig);
    rig.snapshot.slots[4] = crate::view::SlotView {
        missing: Some("tight funk kit, ghosted snare".into()),
        ..Default::default()
    };
    rig.snapshot.message = Some(Message::Error(
        "The disk is full: 2 MB are needed in Music/Barline. Make room there, or choose another folder.".into(),
    ));
    check("panel-error", rig);
}

#[test]
fn loading() {
    let mut rig = Rig::new(USUAL);
    rig.project.prompt = "warehouse kick, metallic hats, long reverb".into();
    rig.snapshot.phase = Phase::Loading { done: Some(0.42) };
    rig.snapshot.slots[0].making = true;
    rig.live.set_host(true, Some(132.0), Some(4.0));
    check("panel-loading", rig);
}

#[test]
fn library() {
    let mut rig = Rig::new(LARGE);
    samples::playing(&mut rig);
    rig.snapshot.library = samples::library();
    rig.desk.tab = Tab::Library;
    rig.settle();
    let row = rig.find("deep house organ stabs, off the beat");
    rig.click(row);
    check("panel-library", rig);
}

#[test]
fn models() {
    let mut rig = Rig::new(LARGE);
    samples::playing(&mut rig);
    rig.snapshot.shelf = samples::shelf();
    rig.desk.tab = Tab::Models;
    rig.settle();
    let fetch = rig.find("Fetch…");
    rig.click(fetch);
    check("panel-models", rig);
}

#[test]
fn narrow() {
    let mut rig = Rig::new(LEAST);
    samples::playing(&mut rig);
    check("panel-narrow", rig);
}

#[test]
fn narrow_with_takes() {
    let mut rig = Rig::new(LEAST);
    samples::generating(&mut rig);
    rig.desk.side = Some(true);
    check("panel-narrow-takes", rig);
}

#[test]
fn large() {
    let mut rig = Rig::new(LARGE);
    samples::playing(&mut rig);
    rig.project.slots[0].start_beats = 4.0;
    rig.project.slots[0].end_beats = Some(12.0);
    check("panel-large", rig);
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
