//! A packed matrix and its product with the rows of a step.
//!
//! Products run on any thread of the team and allocate nothing; packing runs on the worker
//! thread and its pool.

use std::ops::Range;

use bytemuck::cast_slice;
use rayon::prelude::*;

use super::block::{BLOCK, Bf16, Block, F32, InputBlock, Q4, Q8};
use super::lanes::{Isa, LANES, Lanes, Task};
use super::shared::Shared;

/// How the weights of a matrix are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Format {
    F32,
    Bf16,
    Q8,
    Q4,
}

/// Where a matrix lies in the packed weights of a model, and its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Matrix {
    format: Format,
    outputs: usize,
    inputs: usize,
    /// Bytes before it; a multiple of 64.
    start: usize,
}

/// Where a product goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Out<'a> {
    pub(super) floats: &'a Shared<f32>,
    /// Floats of a row; tile `t` goes to those from 16 t on.
    pub(super) stride: usize,
    pub(super) write: Write,
}

impl<'a> Out<'a> {
    /// In place of what was there.
    pub(super) fn new(floats: &'a Shared<f32>, stride: usize) -> Self {
        Self {
            floats,
            stride,
            write: Write::Replace,
        }
    }
}

/// What becomes of the floats that were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Replace,
    Add,
}

impl Format {
    fn block_bytes(self) -> usize {
        match self {
            Self::F32 => size_of::<F32>(),
            Self::Bf16 => size_of::<Bf16>(),
            Self::Q8 => size_of::<Q8>(),
            Self::Q4 => size_of::<Q4>(),
        }
    }
}

impl Matrix {
    /// A matrix `[outputs, inputs]` after `start` bytes.
    pub(super) fn new(format: Format, outputs: usize, inputs: usize, start: usize) -> Self {
        Self {
            format,
            outputs,
            inputs,
            start,
        }
    }

    /// Groups of 16 outputs, the last filled up with zeros.
    pub(super) fn tiles(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    /// Blocks of inputs, the last filled up with zeros.
    pub(super) fn blocks(&self) -> usize {
        self.inputs.div_ceil(BLOCK)
    }

    fn tile_bytes(&self) -> usize {
        self.blocks() * self.format.block_bytes()
    }

    /// Where it lies.
    pub(super) fn bytes(&self) -> Range<usize> {
        self.start..self.start + self.tiles() * self.tile_bytes()
    }

    /// Packs `weights`, `[outputs, inputs]` in row-major order, into its place.
    pub(super) fn pack(&self, weights: &[f32], packed: &mut [u8]) {
        match self.format {
            Format::F32 => self.pack_as::<F32>(weights, packed),
            Format::Bf16 => self.pack_as::<Bf16>(weights, packed),
            Format::Q8 => self.pack_as::<Q8>(weights, packed),
            Format::Q4 => self.pack_as::<Q4>(weights, packed),
        }
    }

    fn pack_as<B: Block>(&self, weights: &[f32], packed: &mut [u8]) {
        // The same comes of it on every processor; the best is several times as fast.
        let isa = Isa::best();
        let tiles = packed.par_chunks_mut(self.tile_bytes()).enumerate();
        tiles.for_each(|(tile, packed)| {
            isa.run(PackTile::<B> {
                matrix: self,
                weights,
                tile,
                packed: bytemuck::cast_slice_mut(packed),
            });
        });
    }

    /// Multiplies the rows with some of its tiles.
    ///
    /// # Safety
    /// Nobody else touches the floats that those tiles go to meanwhile.
    #[allow(unsafe_code)] // a part of a buffer that the team shares
    pub(super) unsafe fn multiply(
        &self,
        isa: Isa,
        packed: &[u8],
        inputs: &Inputs,
        tiles: Range<usize>,
        out: Out<'_>,
    ) {
        debug_assert_eq!(inputs.blocks, self.blocks());
        let size = self.tile_bytes();
        let bytes = &packed[self.start + tiles.start * size..self.start + tiles.end * size];
        match self.format {
            Format::F32 => isa.run(Product::<F32>::new(bytes, inputs, tiles, out)),
            Format::Bf16 => isa.run(Product::<Bf16>::new(bytes, inputs, tiles, out)),
            Format::Q8 => isa.run(Product::<Q8>::new(bytes, inputs, tiles, out)),
            Format::Q4 => isa.run(Product::<Q4>::new(bytes, inputs, tiles, out)),
        }
    }

    /// Whether its products read rounded inputs.
    pub(super) fn rounds(&self) -> bool {
        match self.format {
            Format::F32 => F32::ROUNDED,
            Format::Bf16 => Bf16::ROUNDED,
            Format::Q8 => Q8::ROUNDED,
            Format::Q4 => Q4::ROUNDED,
        }
    }

    #[cfg(test)]
    pub(super) fn unpack(&self, packed: &[u8]) -> Vec<f32> {
        fn weights<B: Block>(matrix: &Matrix, packed: &[u8]) -> Vec<f32> {
            let blocks: &[B] = cast_slice(&packed[matrix.bytes()]);
            let mut out = vec![0.0; matrix.outputs * matrix.inputs];
            for (index, weight) in out.iter_mut().enumerate() {
                let (row, column) = (index / matrix.inputs, index % matrix.inputs);
                let block = &blocks[row / LANES * matrix.blocks() + column / BLOCK];
                *weight = block.unpack()[row % LANES][column % BLOCK];
            }
            out
        }
        match self.format {
            Format::F32 => weights::<F32>(self, packed),
            Format::Bf16 => weights::<Bf16>(self, packed),
            Format::Q8 => weights::<Q8>(self, packed),
            Format::Q4 => weights::<Q4>(self, packed),
        }
    }
}

/// Packs the 16 outputs of a tile.
struct PackTile<'a, B> {
    matrix: &'a Matrix,
    weights: &'a [f32],
    tile: usize,
    packed: &'a mut [B],
}

impl<B: Block> Task for PackTile<'_, B> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Matrix {
            outputs, inputs, ..
        } = *self.matrix;
        let mut values = [[0.0; BLOCK]; LANES];
        for (block, packed) in self.packed.iter_mut().enumerate() {
            for (lane, values) in values.iter_mut().enumerate() {
                let (row, column) = (self.tile * LANES + lane, block * BLOCK);
                values.fill(0.0);
                if row < outputs {
                    let end = inputs.min(column + BLOCK);
                    let from = &self.weights[row * inputs..][column..end];
                    values[..from.len()].copy_from_slice(from);
                }
            }
            *packed = B::pack::<L>(&values);
        }
    }
}

/// Rows that a matrix is multiplied with, as a member of the team has them.
#[derive(Debug)]
pub(super) struct Inputs {
    data: Vec<InputBlock>, // [row][block], room for the most of both
    rows: usize,
    blocks: usize,
    rounded: bool,
}

impl Inputs {
    /// Room for so many rows of so many floats.
    pub(super) fn new(rows: usize, width: usize) -> Self {
        Self {
            data: vec![InputBlock::default(); rows * width.div_ceil(BLOCK)],
            rows: 0,
            blocks: 0,
            rounded: false,
        }
    }

    /// Makes it `rows` rows for a matrix, of floats that the last use left.
    pub(super) fn shape(&mut self, rows: usize, matrix: &Matrix) {
        (self.rows, self.blocks) = (rows, matrix.blocks());
        self.rounded = matrix.rounds();
    }

    /// The blocks of a row, to be filled.
    pub(super) fn row_mut(&mut self, row: usize) -> &mut [InputBlock] {
        &mut self.data[row * self.blocks..][..self.blocks]
    }

    /// Rounds a row that has been filled, where its matrix wants that.
    #[inline(always)]
    pub(super) fn round<L: Lanes>(&mut self, row: usize) {
        if self.rounded {
            for block in self.row_mut(row) {
                block.round::<L>();
            }
        }
    }

    fn row(&self, row: usize) -> &[InputBlock] {
        &self.data[row * self.blocks..][..self.blocks]
    }
}

/// Takes rows as they are from a buffer with `stride` floats for each.
pub(super) struct Take<'a> {
    pub(super) inputs: &'a mut Inputs,
    pub(super) matrix: &'a Matrix,
    pub(super) rows: usize,
    pub(super) from: &'a [f32],
    pub(super) stride: usize,
}

impl Task for Take<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        self.inputs.shape(self.rows, self.matrix);
        for (row, from) in self
            .from
            .chunks_exact(self.stride)
            .take(self.rows)
            .enumerate()
        {
            let parts = from.chunks(BLOCK);
            for (block, from) in self.inputs.row_mut(row).iter_mut().zip(parts) {
                block.floats[..from.len()].copy_from_slice(from);
                block.floats[from.len()..].fill(0.0);
            }
            self.inputs.round::<L>(row);
        }
    }
}

/// Tiles times rows.
struct Product<'a, B> {
    blocks: &'a [B],
    inputs: &'a Inputs,
    tiles: Range<usize>,
    out: Out<'a>,
}

impl<'a, B: Block> Product<'a, B> {
    fn new(bytes: &'a [u8], inputs: &'a Inputs, tiles: Range<usize>, out: Out<'a>) -> Self {
        Self {
            blocks: cast_slice(bytes),
            inputs,
            tiles,
            out,
        }
    }

    /// As many rows of a tile as there are from `row` on, `M` at once; says where they end. The
    /// first read the weights from memory, all others from the cache.
    #[inline(always)]
    fn rows<L: Lanes, const M: usize>(&self, tile: usize, blocks: &[B], mut row: usize) -> usize {
        while row + M <= self.inputs.rows {
            let inputs: [&[InputBlock]; M] = std::array::from_fn(|m| self.inputs.row(row + m));
            let mut sums = [[L::splat(0.0); 4]; M];
            for (index, block) in blocks.iter().enumerate() {
                let mut at = [&inputs[0][index]; M];
                for m in 1..M {
                    at[m] = &inputs[m][index];
                }
                block.multiply::<L, M>(at, &mut sums);
            }
            for (m, sums) in sums.iter().enumerate() {
                let sum = L::add(L::add(sums[0], sums[1]), L::add(sums[2], sums[3]));
                self.put::<L>(row + m, tile, sum);
            }
            row += M;
        }
        row
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn put<L: Lanes>(&self, row: usize, tile: usize, sum: L::F) {
        let start = row * self.out.stride + tile * LANES;
        // SAFETY: tiles of one product go to floats that no other member touches in the phase
        // (the condition of `Matrix::multiply`), and this slice is the only one here.
        let out = unsafe { self.out.floats.write(start..start + LANES) };
        let out = &mut out.as_chunks_mut::<LANES>().0[0];
        let sum = match self.out.write {
            Write::Replace => sum,
            Write::Add => L::add(L::load(out), sum),
        };
        L::store(sum, out);
    }
}

impl<B: Block> Task for Product<'_, B> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let tiles = self.blocks.chunks_exact(self.inputs.blocks);
        for (tile, blocks) in self.tiles.clone().zip(tiles) {
            let mut row = 0;
            if B::ROWS >= 4 {
                row = self.rows::<L, 4>(tile, blocks, row);
            }
            row = self.rows::<L, 2>(tile, blocks, row);
            self.rows::<L, 1>(tile, blocks, row);
        }
    }
}
