//! Triangles to pixels on the processor: enough of a renderer for egui's meshes.
//!
//! Test threads. Colours are blended as egui's own shaders do it: premultiplied, in gamma space.

use std::collections::BTreeMap;

use egui::epaint::textures::TexturesDelta;
use egui::epaint::{ImageData, Primitive, Vertex};
use egui::{Color32, FullOutput, Pos2, TextureId};

/// A picture of opaque pixels.
#[derive(Debug, PartialEq)]
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<Color32>,
}

struct Texture {
    width: usize,
    height: usize,
    texels: Vec<Color32>,
}

/// Draws what a frame put out, at one pixel a point.
pub(super) fn draw(
    ctx: &egui::Context,
    output: FullOutput,
    deltas: &TexturesDelta,
    (width, height): (usize, usize),
    ground: Color32,
) -> Picture {
    let textures = textures(deltas);
    let mut picture = Picture {
        width,
        height,
        pixels: vec![ground; width * height],
    };
    for clipped in ctx.tessellate(output.shapes, 1.0) {
        let Primitive::Mesh(mesh) = clipped.primitive else {
            continue;
        };
        let clip = Clip {
            left: clipped.clip_rect.left().round().max(0.0) as usize,
            top: clipped.clip_rect.top().round().max(0.0) as usize,
            right: (clipped.clip_rect.right().round().max(0.0) as usize).min(width),
            bottom: (clipped.clip_rect.bottom().round().max(0.0) as usize).min(height),
        };
        let Some(texture) = textures.get(&mesh.texture_id) else {
            panic!("a mesh without its texture");
        };
        for corners in mesh.indices.chunks_exact(3) {
            let at = |corner: usize| mesh.vertices[corners[corner] as usize];
            triangle(&mut picture, clip, texture, [at(0), at(1), at(2)]);
        }
    }
    picture
}

fn textures(deltas: &TexturesDelta) -> BTreeMap<TextureId, Texture> {
    let mut textures: BTreeMap<TextureId, Texture> = BTreeMap::new();
    for (id, delta) in deltas
        .set
        .iter()
        .flat_map(|(id, deltas)| deltas.iter().map(move |delta| (id, delta)))
    {
        let ImageData::Color(image) = &delta.image;
        let [width, height] = image.size;
        match delta.pos {
            None => {
                let texels = image.pixels.clone();
                let whole = Texture {
                    width,
                    height,
                    texels,
                };
                textures.insert(*id, whole);
            }
            Some([left, top]) => {
                let texture = textures.get_mut(id).expect("a patch of a known texture");
                for row in 0..height {
                    let to = (top + row) * texture.width + left;
                    texture.texels[to..to + width]
                        .copy_from_slice(&image.pixels[row * width..(row + 1) * width]);
                }
            }
        }
    }
    textures
}

#[derive(Clone, Copy)]
struct Clip {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

/// Fills the pixels whose centres lie inside, row by row.
fn triangle(picture: &mut Picture, clip: Clip, texture: &Texture, corners: [Vertex; 3]) {
    let [a, b, c] = corners.map(|corner| corner.pos);
    let area = cross(a, b, c);
    if area.abs() < 1e-6 {
        return;
    }
    let top = a.y.min(b.y).min(c.y);
    let bottom = a.y.max(b.y).max(c.y);
    let first = ((top - 0.5).ceil().max(0.0) as usize).max(clip.top);
    let last = ((bottom - 0.5).ceil().max(0.0) as usize).min(clip.bottom);
    let flat = corners
        .iter()
        .all(|corner| corner.color == corners[0].color && corner.uv == corners[0].uv);
    for y in first..last {
        let level = y as f32 + 0.5;
        let (mut left, mut right) = (f32::MAX, f32::MIN);
        for (from, to) in [(a, b), (b, c), (c, a)] {
            if (from.y <= level) != (to.y <= level) {
                let x = from.x + (level - from.y) / (to.y - from.y) * (to.x - from.x);
                left = left.min(x);
                right = right.max(x);
            }
        }
        if left > right {
            continue;
        }
        let begin = ((left - 0.5).ceil().max(0.0) as usize).max(clip.left);
        let end = ((right - 0.5).ceil().max(0.0) as usize).min(clip.right);
        if begin >= end {
            continue;
        }
        let row = &mut picture.pixels[y * picture.width..][begin..end];
        if flat {
            let color = shade(corners[0].color, sample(texture, corners[0].uv));
            if color.a() == 255 {
                row.fill(color);
            } else {
                row.iter_mut().for_each(|pixel| blend(pixel, color));
            }
            continue;
        }
        for (offset, pixel) in row.iter_mut().enumerate() {
            let at = egui::pos2((begin + offset) as f32 + 0.5, level);
            let weights = [cross(at, b, c) / area, cross(at, c, a) / area];
            let weights = [weights[0], weights[1], 1.0 - weights[0] - weights[1]];
            let mix = |value: fn(&Vertex) -> f32| -> f32 {
                (0..3).map(|n| weights[n] * value(&corners[n])).sum()
            };
            let uv = egui::pos2(mix(|v| v.uv.x), mix(|v| v.uv.y));
            let color = Color32::from_rgba_premultiplied(
                byte(mix(|v| f32::from(v.color.r()))),
                byte(mix(|v| f32::from(v.color.g()))),
                byte(mix(|v| f32::from(v.color.b()))),
                byte(mix(|v| f32::from(v.color.a()))),
            );
            blend(pixel, shade(color, sample(texture, uv)));
        }
    }
}

fn cross(a: Pos2, b: Pos2, c: Pos2) -> f32 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// The texel that the place lies in: glyphs lie on whole pixels.
fn sample(texture: &Texture, uv: Pos2) -> Color32 {
    let x = ((uv.x * texture.width as f32) as usize).min(texture.width - 1);
    let y = ((uv.y * texture.height as f32) as usize).min(texture.height - 1);
    texture.texels[y * texture.width + x]
}

fn shade(color: Color32, texel: Color32) -> Color32 {
    let times = |a: u8, b: u8| ((u16::from(a) * u16::from(b) + 127) / 255) as u8;
    Color32::from_rgba_premultiplied(
        times(color.r(), texel.r()),
        times(color.g(), texel.g()),
        times(color.b(), texel.b()),
        times(color.a(), texel.a()),
    )
}

fn blend(pixel: &mut Color32, color: Color32) {
    let rest = 255 - u16::from(color.a());
    let over = |top: u8, under: u8| {
        (u16::from(top) + (u16::from(under) * rest + 127) / 255).min(255) as u8
    };
    *pixel = Color32::from_rgb(
        over(color.r(), pixel.r()),
        over(color.g(), pixel.g()),
        over(color.b(), pixel.b()),
    );
}
