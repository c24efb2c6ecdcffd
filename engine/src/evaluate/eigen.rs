//! Eigenvalues and vectors of a symmetric matrix.
//!
//! Any thread but the audio thread. Jacobi's rotations, row by row (Golub and Van Loan, "Matrix
//! Computations", 8.5): a page of code that is as exact as any for matrices of this size; a
//! linear algebra library would be the largest dependency in the tree for it.

/// Sweeps until the rest is rounding: it shrinks quadratically, ten are more than ever needed.
const MOST_SWEEPS: usize = 30;

/// Eigenvalues, and the vector of each as a row, of a symmetric matrix of `size` rows.
pub(super) fn of(mut matrix: Vec<f64>, size: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; size * size];
    for index in 0..size {
        vectors[index * size + index] = 1.0;
    }
    let whole: f64 = matrix.iter().map(|x| x * x).sum();
    for _ in 0..MOST_SWEEPS {
        let off: f64 = (0..size)
            .flat_map(|row| (0..row).map(move |column| (row, column)))
            .map(|(row, column)| matrix[row * size + column].powi(2))
            .sum();
        if off <= whole * 1e-28 {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut matrix, &mut vectors, size, p, q);
            }
        }
    }
    let values = (0..size).map(|index| matrix[index * size + index]);
    (values.collect(), vectors)
}

/// Turns the plane of `p` and `q` so that they have nothing in common.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], size: usize, p: usize, q: usize) {
    let shared = matrix[p * size + q];
    if shared == 0.0 {
        return;
    }
    let theta = (matrix[q * size + q] - matrix[p * size + p]) / (2.0 * shared);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    let turn = |a: &mut f64, b: &mut f64| {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    };
    for k in 0..size {
        let (mut a, mut b) = (matrix[k * size + p], matrix[k * size + q]);
        turn(&mut a, &mut b);
        (matrix[k * size + p], matrix[k * size + q]) = (a, b);
    }
    for values in [matrix, vectors] {
        let (above, below) = values.split_at_mut(q * size);
        let rows = above[p * size..(p + 1) * size].iter_mut();
        for (a, b) in rows.zip(&mut below[..size]) {
            turn(a, b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_vectors_make_the_matrix_again() {
        const SIZE: usize = 24;
        let noise = |i: usize| ((i * i * 7919 + i * 104_729) % 1009) as f64 / 504.5 - 1.0;
        let matrix: Vec<f64> = (0..SIZE * SIZE)
            .map(|at| {
                let (a, b) = (at / SIZE, at % SIZE);
                noise(a.min(b) * SIZE + a.max(b))
            })
            .collect();
        let (values, vectors) = of(matrix.clone(), SIZE);
        for (at, want) in matrix.iter().enumerate() {
            let (a, b) = (at / SIZE, at % SIZE);
            let term = |k: usize| values[k] * vectors[k * SIZE + a] * vectors[k * SIZE + b];
            let found: f64 = (0..SIZE).map(term).sum();
            assert!((found - want).abs() < 1e-10, "{at}: {found} for {want}");
        }
    }
}
