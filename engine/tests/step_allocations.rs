//! A step of the packed decoder allocates nothing, on any of its threads.
//!
//! Alone in its binary: the allocator counts what the whole process does.

use std::alloc::{GlobalAlloc, Layout, System};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use barline_engine::Precision;
use barline_engine::model::Size;
use barline_engine::musicgen::Rows;
use barline_engine::musicgen::packed::{PackedDecoder, Team};
use candle_core::{DType, Device, Tensor};

static WATCHED: AtomicBool = AtomicBool::new(false);
static FOUND: AtomicUsize = AtomicUsize::new(0);

struct Counting;

fn note() {
    if WATCHED.load(Ordering::Relaxed) {
        FOUND.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: everything is passed on to the system's allocator as it came; counting allocates nothing.
#[allow(unsafe_code, reason = "a global allocator can't be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note();
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_step_allocates_nothing() {
    const STEPS: usize = 60;
    let config = Size::Starter.config().unwrap().decoder;
    let states = Tensor::ones((7, config.hidden_size), DType::F32, &Device::Cpu).unwrap();
    // A prompt of two parts and a negative one.
    let rows = Rows::new(vec![states.clone(), states.clone(), states], false);
    let team = Arc::new(Team::new(NonZeroUsize::new(3).unwrap()).unwrap());
    for precision in [
        Precision::F32,
        Precision::Bf16,
        Precision::Q8,
        Precision::Q4,
    ] {
        let decoder = PackedDecoder::random(&config, precision).unwrap();
        let mut run = decoder.begin(team.clone(), &rows, 2, STEPS).unwrap();
        // What detects the processor's features does it once.
        run.step(&[1; 8]);
        WATCHED.store(true, Ordering::Relaxed);
        for step in 1..STEPS {
            run.step(&[step as u32; 8]);
        }
        WATCHED.store(false, Ordering::Relaxed);
        assert_eq!(FOUND.load(Ordering::Relaxed), 0, "{precision}");
    }
    // The counter counts.
    WATCHED.store(true, Ordering::Relaxed);
    drop(std::hint::black_box(vec![1_u8; 100]));
    WATCHED.store(false, Ordering::Relaxed);
    assert_eq!(FOUND.load(Ordering::Relaxed), 2);
}
