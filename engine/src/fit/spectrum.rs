//! Power spectra of a signal, window by window.
//!
//! Any thread but the audio thread.

use realfft::RealFftPlanner;

/// Calls `each` with the power spectrum (`size / 2 + 1` bins) of every window of `size` samples,
/// `hop` apart. The first window ends just before the signal, so that what sounds at its very
/// start is an onset too. A full-scale sine has a peak of about 1.
pub(crate) fn each(samples: &[f32], size: usize, hop: usize, mut each: impl FnMut(&[f32])) {
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(size);
    let (mut time, mut bins) = (fft.make_input_vec(), fft.make_output_vec());
    let mut scratch = fft.make_scratch_vec();
    let window: Vec<f32> = (0..size)
        .map(|i| 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / size as f32).cos())
        .collect();
    let scale = 16.0 / (size as f32 * size as f32);
    let mut power = vec![0.0; bins.len()];
    for end in (0..samples.len() + size / 2).step_by(hop) {
        for (i, slot) in time.iter_mut().enumerate() {
            let sample = (end + i).checked_sub(size).and_then(|at| samples.get(at));
            *slot = sample.map_or(0.0, |sample| sample * window[i]);
        }
        // The lengths are the plan's own, which is all that could be wrong.
        if fft
            .process_with_scratch(&mut time, &mut bins, &mut scratch)
            .is_err()
        {
            return;
        }
        for (power, bin) in power.iter_mut().zip(&bins) {
            *power = bin.norm_sqr() * scale;
        }
        each(&power);
    }
}

/// Calls `each` with the number and power of every bin of one window that spans `samples`.
pub(super) fn whole(samples: &[f32], mut each: impl FnMut(usize, f32)) {
    let size = samples.len();
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(size);
    let (mut time, mut bins) = (fft.make_input_vec(), fft.make_output_vec());
    time.copy_from_slice(samples);
    // As above.
    if fft.process(&mut time, &mut bins).is_ok() {
        for (bin, value) in bins.iter().enumerate() {
            each(bin, value.norm_sqr() / (size as f32 * size as f32));
        }
    }
}
