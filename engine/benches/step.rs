//! How long a step of the language model takes: `cargo bench -p barline-engine --bench step`.
//!
//! By size, precision, rows (two for each take with guidance) and steps before it, with random
//! weights that are made in place. Beside every time stands how many bytes a second that is, of
//! weights, keys and values; `memory` says what the machine reads when it does nothing else, and
//! runs before and after, since that changes with whoever else uses the memory. Their ratio is
//! the share of the time that no program could save.
//! `barline bench step` measures one case, with that ratio.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use barline_engine::Precision;
use barline_engine::bandwidth::Probe;
use barline_engine::model::Size;
use barline_engine::musicgen::Rows;
use barline_engine::musicgen::packed::{Isa, PackedDecoder, Team};
use candle_core::{DType, Device, Tensor};
use divan::Bencher;
use divan::counter::BytesCount;

fn main() {
    divan::main();
}

#[derive(Debug, Clone, Copy)]
struct Case {
    size: Size,
    precision: Precision,
    rows: usize,
    context: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            size,
            precision,
            rows,
            context,
        } = self;
        write!(f, "{size} {precision:4} rows {rows} T {context:4}")
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [Size::Starter, Size::Small, Size::Medium] {
        for precision in [
            Precision::F32,
            Precision::Bf16,
            Precision::Q8,
            Precision::Q4,
        ] {
            // Six gigabytes of a medium model in full precision say nothing new.
            if size == Size::Medium && precision == Precision::F32 {
                continue;
            }
            for rows in [1, 2, 8] {
                for context in [8, 250, 750, 1500] {
                    cases.push(Case {
                        size,
                        precision,
                        rows,
                        context,
                    });
                }
            }
        }
    }
    cases
}

fn threads() -> NonZeroUsize {
    NonZeroUsize::new(num_cpus::get_physical()).unwrap_or(NonZeroUsize::MIN)
}

#[divan::bench(args = cases(), sample_count = 15, sample_size = 1)]
fn step(bencher: Bencher<'_, '_>, case: Case) {
    let config = case.size.config().expect("a configuration").decoder;
    let decoder = PackedDecoder::random(&config, case.precision).expect("memory");
    let states = Tensor::ones((16, config.hidden_size), DType::F32, &Device::Cpu).expect("states");
    let team = Arc::new(Team::new(threads()).expect("threads"));
    let (rows, takes) = match case.rows {
        1 => (Rows::conditional(states), 1),
        rows => (Rows::guided(states), rows / 2),
    };
    let steps = case.context + 1;
    let mut run = decoder.begin(team, &rows, takes, steps).expect("memory");
    let tokens = vec![1; takes * config.num_codebooks];
    let bytes = decoder.step_bytes() + run.past_bytes(steps);
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        run.skip_to(case.context);
        run.step(&tokens);
    });
}

#[divan::bench(args = ["before", "after"], sample_count = 5, sample_size = 1)]
fn memory(bencher: Bencher<'_, '_>, _when: &str) {
    static PROBE: LazyLock<Probe> = LazyLock::new(|| Probe::new().expect("memory"));
    let isa = Isa::best();
    let counter = BytesCount::new(PROBE.bytes());
    bencher
        .counter(counter)
        .bench_local(|| PROBE.read(isa, threads().get()));
}
