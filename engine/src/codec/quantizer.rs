//! The residual vector quantiser: a latent as the sum of one entry from each codebook.
//!
//! Worker thread. The entries of one book after the other are the nearest to what the books
//! before left over.

use super::matrix::{Before, Matrix};
use super::parameters::Parameters;
use super::product::Taps;
use super::store::CodecPrecision;
use crate::error::EngineError;

/// Latents whose distances to all entries are computed at once.
const BATCH: usize = 64;

/// The codebooks.
#[derive(Debug)]
pub(super) struct Quantizer {
    width: usize,
    books: Vec<Book>,
}

#[derive(Debug)]
struct Book {
    /// `[entry][width]`
    entries: Vec<f32>,
    /// Latent → |e|² − 2 x·e for each entry e: the squared distance but for |x|².
    distances: Matrix,
}

impl Quantizer {
    /// Reads `layers.N.codebook.embed` of `parameters`.
    pub(super) fn load(
        parameters: &Parameters<'_>,
        books: usize,
        size: usize,
        width: usize,
    ) -> Result<Self, EngineError> {
        let load = |index: usize| -> Result<Book, EngineError> {
            let book = parameters.part("layers").part(index).part("codebook");
            Ok(Book::new(book.tensor("embed", &[size, width])?, width))
        };
        Ok(Self {
            width,
            books: (0..books).map(load).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn books(&self) -> usize {
        self.books.len()
    }

    /// Appends the latent of one frame of tokens to `rows`. Tokens beyond the last entry
    /// stand for the last one; a frame with fewer tokens than books is the sum of those.
    pub(super) fn decode(&self, frame: impl Iterator<Item = u32>, rows: &mut Vec<f32>) {
        let at = rows.len();
        rows.resize(at + self.width, 0.0);
        for (book, token) in self.books.iter().zip(frame) {
            for (sum, value) in rows[at..]
                .iter_mut()
                .zip(book.entry(self.width, token as usize))
            {
                *sum += value;
            }
        }
    }

    /// Latents → `codes[book][frame]`.
    pub(super) fn encode(&self, mut latents: Vec<f32>) -> Vec<Vec<u32>> {
        let width = self.width;
        let encode_with = |book: &Book| {
            let mut codes = Vec::with_capacity(latents.len() / width);
            for rows in latents.chunks_mut(BATCH * width) {
                let entries = book.distances.outputs();
                let mut distances = vec![0.0; rows.len() / width * entries];
                book.distances.apply(
                    rows,
                    width,
                    rows.len() / width,
                    Before::Nothing,
                    &mut distances,
                );
                for (row, distances) in rows
                    .chunks_exact_mut(width)
                    .zip(distances.chunks_exact(entries))
                {
                    let nearest = nearest(distances);
                    codes.push(nearest as u32);
                    row.iter_mut()
                        .zip(book.entry(width, nearest))
                        .for_each(|(x, e)| *x -= e);
                }
            }
            codes
        };
        self.books.iter().map(encode_with).collect()
    }
}

impl Book {
    fn new(entries: Vec<f32>, width: usize) -> Self {
        let squared = |entry: usize| {
            entries[entry * width..][..width]
                .iter()
                .map(|x| x * x)
                .sum()
        };
        let weight = |input: usize, entry: usize| -2.0 * entries[entry * width + input];
        let outputs = entries.len() / width;
        // Distances decide what the tokens are, so nothing is rounded here.
        let precision = CodecPrecision::Single;
        let distances = Matrix::new(precision, Taps::run(width), outputs, weight, squared);
        Self { entries, distances }
    }

    fn entry(&self, width: usize, token: usize) -> &[f32] {
        let last = self.entries.len() / width - 1;
        &self.entries[token.min(last) * width..][..width]
    }
}

/// The first of the smallest values.
fn nearest(distances: &[f32]) -> usize {
    let mut best = (0, f32::INFINITY);
    for (index, &distance) in distances.iter().enumerate() {
        if distance < best.1 {
            best = (index, distance);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantizer(books: &[&[[f32; 2]]]) -> Quantizer {
        Quantizer {
            width: 2,
            books: books
                .iter()
                .map(|entries| Book::new(entries.concat(), 2))
                .collect(),
        }
    }

    #[test]
    fn each_book_takes_the_nearest_to_what_is_left_over() {
        let quantizer = quantizer(&[
            &[[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]],
            &[[0.0, 0.0], [-1.0, 1.0]],
        ]);
        let codes = quantizer.encode(vec![9.1, 0.9, 0.2, 0.1, -0.8, 10.8]);
        assert_eq!(codes, [[1, 0, 2], [1, 0, 1]]);
        let mut rows = Vec::new();
        for frame in 0..3 {
            quantizer.decode(codes.iter().map(|book| book[frame]), &mut rows);
        }
        assert_eq!(rows, [9.0, 1.0, 0.0, 0.0, -1.0, 11.0]);
    }

    #[test]
    fn tokens_that_no_book_has_are_harmless() {
        let quantizer = quantizer(&[&[[1.0, 2.0], [3.0, 4.0]]]);
        let mut rows = Vec::new();
        quantizer.decode([u32::MAX].into_iter(), &mut rows);
        quantizer.decode([].into_iter(), &mut rows);
        quantizer.decode([0, 7].into_iter(), &mut rows);
        assert_eq!(rows, [3.0, 4.0, 0.0, 0.0, 1.0, 2.0]);
    }
}
