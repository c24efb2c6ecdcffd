//! tmp
use std::sync::Arc; use std::time::Instant; use std::num::NonZeroUsize;
use barline_engine::musicgen::packed::{PackedDecoder, Team, Isa};
use barline_engine::musicgen::decoder::Rows;
use barline_engine::model::Size;
use barline_engine::request::Precision;
fn main() {
    if !std::env::args().any(|a| a == "--bench") { return; }
    let probe = barline_engine::bandwidth::Probe::new().unwrap();
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let sizes: Vec<Size> = args.iter().map(|a| a.parse().unwrap()).collect();
    let isas = if std::env::var("ISA").is_ok() { Isa::all() } else { vec![Isa::best()] };
    for size in sizes { for precision in [Precision::Q8, Precision::Q4, Precision::Bf16, Precision::F32] {
        for &isa in &isas {
        let config = size.config().unwrap();
        let t = Instant::now();
        let decoder = PackedDecoder::random(&config.decoder, precision).unwrap().with_isa(isa);
        let made = t.elapsed().as_secs_f64();
        let states = candle_core::Tensor::ones((16, config.decoder.hidden_size), candle_core::DType::F32, &candle_core::Device::Cpu).unwrap();
        for threads in [1, 2] { for context in [8, 250, 1480] {
            let team = Arc::new(Team::new(NonZeroUsize::new(threads).unwrap()).unwrap());
            let mut run = decoder.begin(team, &states, Rows::Guided, 1, 1504).unwrap();
            let before = probe.gigabytes_per_second(threads);
            let mut times: Vec<f64> = (0..24).map(|_| { run.skip_to(context); let t = Instant::now(); let s: f32 = run.step(&[1, 2, 3, 4]).map(|r| r[0]).sum(); std::hint::black_box(s); t.elapsed().as_secs_f64() * 1e3 }).skip(3).collect();
            times.sort_by(f64::total_cmp);
            let bytes = decoder.step_bytes() + run.past_bytes(context);
            let ms = times[times.len() / 2];
            println!("{size} {precision:?} {isa:?} made {made:.2} s, thr {threads} T {context}: {ms:.2} ms (min {:.2} max {:.2}), {:.0} MB, {:.1} GB/s of {before:.1}", times[0], times[times.len()-1], bytes as f64 / 1e6, bytes as f64 / ms / 1e6);
        } }
    } } }
}
