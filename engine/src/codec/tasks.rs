//! How work is cut into tasks for the threads of the current pool.
//!
//! Worker thread and the pool that it runs in. The cuts never change a result: every output
//! is computed alone.

use rayon::prelude::*;

/// Floats that the working set of a task may have, so that it stays in the cache of a core.
const CHUNK_FLOATS: usize = 32 * 1024;
/// Products below which a task is not worth handing to another thread (about 20 µs).
const SMALL_PRODUCTS: usize = 1 << 19;
/// Rows of tasks are multiples of this, which the heights of the tiles divide.
const ROWS_MULTIPLE: usize = 12;

/// Threads of the current pool that are worth using for so many products.
pub(super) fn threads_for(products: usize) -> usize {
    if products < SMALL_PRODUCTS {
        1
    } else {
        rayon::current_num_threads()
    }
}

/// How many rows a task has: as many tasks as fit the cache, and as many for each thread.
pub(super) fn chunk_rows(rows: usize, floats_a_row: usize, threads: usize) -> usize {
    let limit = (CHUNK_FLOATS / floats_a_row).max(1);
    let tasks = rows.div_ceil(limit).next_multiple_of(threads);
    let share = rows.div_ceil(tasks);
    if share < ROWS_MULTIPLE {
        share
    } else {
        share.next_multiple_of(ROWS_MULTIPLE)
    }
}

/// Runs `task(index, chunk)` on chunks of `out`, on several threads if there are several.
pub(super) fn for_chunks(
    threads: usize,
    out: &mut [f32],
    chunk: usize,
    task: impl Fn(usize, &mut [f32]) + Sync,
) {
    if threads > 1 {
        let chunks = out.par_chunks_mut(chunk).with_max_len(1).enumerate();
        chunks.for_each(|(index, out)| task(index, out));
    } else {
        out.chunks_mut(chunk)
            .enumerate()
            .for_each(|(index, out)| task(index, out));
    }
}
