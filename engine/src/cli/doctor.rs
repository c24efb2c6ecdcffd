//! `barline doctor`: what this machine has, and how fast the model runs on it.
//!
//! Main thread. Every figure is read or measured now.

mod predict;

use std::io::Write;

use barline_engine::{
    Engine, EngineEvent, GenerateRequest, Length, ModelSource, Sampling, worker::default_threads,
};
use predict::Bars;
use serde::Serialize;

use super::Failure;
use super::args::DoctorArgs;
use super::models::settle;

/// Length of the clip that is made to measure with.
const CLIP_SECONDS: f64 = 4.0;

#[derive(Serialize)]
struct Findings {
    barline: &'static str,
    system: &'static str,
    processor: String,
    cores: usize,
    physical_cores: usize,
    memory_mib: u64,
    memory_free_mib: u64,
    cpu_features: Vec<&'static str>,
    threads: usize,
    model: String,
    model_sha256: String,
    rights: String,
    load_seconds: f64,
    steps_per_second: f64,
    real_time_factor: f64,
    /// With `--bench`: how long bars will take with each size of model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bars: Vec<Bars>,
}

/// Runs the command.
pub(crate) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    system.refresh_cpu_all();
    let threads = args.threads.unwrap_or_else(default_threads);
    let mut model = args
        .model
        .clone()
        .map_or(ModelSource::Starter, ModelSource::Folder);
    settle(&mut model, None)?;
    let request = GenerateRequest {
        model,
        model_sha256: None,
        fit: None,
        prompt: "house drums, 120 bpm".into(),
        negative: None,
        length: Length::Seconds(CLIP_SECONDS),
        sampling: Sampling::default(),
        seed: 1,
        precision: None,
        threads: Some(threads),
        key: None,
    };
    let (clip, load_seconds) = measure(request)?;
    let seconds = clip.facts.generate_seconds;
    let findings = Findings {
        barline: env!("CARGO_PKG_VERSION"),
        system: std::env::consts::OS,
        processor: system
            .cpus()
            .first()
            .map_or_else(String::new, |cpu| cpu.brand().trim().into()),
        cores: num_cpus::get(),
        physical_cores: num_cpus::get_physical(),
        memory_mib: system.total_memory() >> 20,
        memory_free_mib: system.available_memory() >> 20,
        cpu_features: cpu_features(),
        threads: threads.get(),
        model: clip.facts.model.clone(),
        model_sha256: clip.facts.model_sha256.clone(),
        rights: clip.facts.rights.clone(),
        load_seconds,
        steps_per_second: f64::from(clip.facts.steps) / seconds,
        real_time_factor: CLIP_SECONDS / seconds,
        bars: if args.bench {
            predict::all_sizes(threads, system.available_memory())?
        } else {
            Vec::new()
        },
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        let json = serde_json::to_string(&findings).map_err(std::io::Error::from)?;
        writeln!(out, "{json}")?;
    } else {
        let Findings {
            cores,
            physical_cores,
            ..
        } = findings;
        writeln!(
            out,
            "Barline    {} on {}",
            findings.barline, findings.system
        )?;
        writeln!(
            out,
            "Processor  {}, {physical_cores} cores, {cores} threads",
            findings.processor
        )?;
        writeln!(out, "Features   {}", findings.cpu_features.join(" "))?;
        writeln!(
            out,
            "Memory     {} MiB, {} MiB free",
            findings.memory_mib, findings.memory_free_mib
        )?;
        writeln!(
            out,
            "Model      {} ({:.12})",
            findings.model, findings.model_sha256
        )?;
        writeln!(out, "Rights     {}", findings.rights)?;
        writeln!(out, "Load       {:.2} s", findings.load_seconds)?;
        writeln!(
            out,
            "Speed      {:.1} steps/s, {:.2} × real time, threads: {}",
            findings.steps_per_second, findings.real_time_factor, findings.threads
        )?;
        for bars in &findings.bars {
            writeln!(out, "{bars}")?;
        }
    }
    Ok(())
}

/// Makes a clip and tells the seconds before its first step.
fn measure(
    request: GenerateRequest,
) -> Result<(std::sync::Arc<barline_engine::Clip>, f64), Failure> {
    let engine = Engine::start()?;
    let begin = std::time::Instant::now();
    let job = engine.submit(request)?;
    let mut load_seconds = 0.0;
    for event in job.events() {
        match event {
            EngineEvent::Started { .. } => load_seconds = begin.elapsed().as_secs_f64(),
            EngineEvent::Finished(clip) => return Ok((clip, load_seconds)),
            EngineEvent::Failed(error) => return Err(error.into()),
            _ => {}
        }
    }
    Err(barline_engine::EngineError::Stopped.into())
}

/// The features that the tensor libraries choose their code by.
fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let features = [
        ("sse4.2", std::arch::is_x86_feature_detected!("sse4.2")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("f16c", std::arch::is_x86_feature_detected!("f16c")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        (
            "avx512vnni",
            std::arch::is_x86_feature_detected!("avx512vnni"),
        ),
        (
            "avx512bf16",
            std::arch::is_x86_feature_detected!("avx512bf16"),
        ),
    ];
    #[cfg(target_arch = "aarch64")]
    let features = [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        (
            "dotprod",
            std::arch::is_aarch64_feature_detected!("dotprod"),
        ),
        ("fp16", std::arch::is_aarch64_feature_detected!("fp16")),
        ("bf16", std::arch::is_aarch64_feature_detected!("bf16")),
    ];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let features: [(&str, bool); 0] = [];
    features
        .into_iter()
        .filter(|(_, there)| *there)
        .map(|(name, _)| name)
        .collect()
}
