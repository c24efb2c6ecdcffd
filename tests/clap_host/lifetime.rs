//! Instances that come and go, and what they share.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::alone::alone;
use super::host::Bundle;
use super::reference::Order;
use super::song::Song;
use super::{HOUSE, RATE_HZ, play_faded, play_until_finished, with_clip};

/// Instances that come and go.
const ROUNDS: u64 = 200;
/// What fifty of them may add: less than one player's buffers for each.
const MOST_GROWN_KIB: u64 = 40 << 10;

#[test]
fn instances_come_and_go_while_generating() -> Result<()> {
    alone(
        "clap_host::lifetime::instances_come_and_go_while_generating",
        &[|_| {
            let bundle = Bundle::load()?;
            // Half of the time another instance keeps the engine alive.
            let mut keeper = Some(with_clip(&bundle, &HOUSE, RATE_HZ)?);
            let mut settled_kib = 0;
            for round in 0..ROUNDS {
                if round == ROUNDS / 2 {
                    keeper = None;
                }
                if round == ROUNDS * 3 / 4 {
                    settled_kib = resident_kib()?;
                }
                let mut host = bundle.host()?;
                host.activate(RATE_HZ)?;
                let order = Order {
                    seed: round,
                    bars: 2,
                    ..HOUSE
                };
                host.while_running(Song::at(120.0, 0.0), |plugin| {
                    plugin.load(&order.project(), &order.params())?;
                    // From before the job begins to well into it.
                    std::thread::sleep(Duration::from_millis(round * 37 % 80));
                    plugin.save_bytes().map(drop)
                })?;
                drop(host);
                // One at work, and threads that have let go of their weights and only end; those
                // are of low priority. Without a limit there were fifteen.
                #[cfg(target_os = "linux")]
                ensure!(threads("barline-engine")? <= 5, "engines pile up");
            }
            drop(keeper);
            // Of instances that leave something behind, fifty leave much.
            let grown_kib = resident_kib()?.saturating_sub(settled_kib);
            println!(
                "{grown_kib} KiB more after the last {} instances",
                ROUNDS / 4
            );
            ensure!(grown_kib < MOST_GROWN_KIB, "{grown_kib} KiB leaked");
            // Threads on their way out have time; those that pile up do not go.
            let begin = Instant::now();
            while all_threads()? > 3 && begin.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(50));
            }
            ensure!(all_threads()? <= 3, "{} threads are left", all_threads()?);
            // After all that it still works.
            with_clip(&bundle, &HOUSE, RATE_HZ).map(drop)
        }],
    )
}

#[test]
fn two_instances_share_one_engine() -> Result<()> {
    alone(
        "clap_host::lifetime::two_instances_share_one_engine",
        &[|folder| {
            let bundle = Bundle::load()?;
            let orders = [HOUSE, Order { seed: 8, ..HOUSE }];
            let mut hosts = Vec::new();
            for order in &orders {
                let mut host = bundle.host()?;
                host.activate(RATE_HZ)?;
                host.load(&order.project(), &order.params())?;
                hosts.push((host, Song::at(order.tempo_bpm, 0.0)));
            }
            for ((host, song), order) in hosts.iter_mut().zip(&orders) {
                play_until_finished(host, song)?;
                #[cfg(target_os = "linux")]
                {
                    ensure!(threads("barline-engine")? == 1, "not one engine");
                    ensure!(threads("barline-session")? == 2, "not one session each");
                }
                let heard = play_faded(host, song, 2.1)?;
                let reference = order.reference(folder, RATE_HZ as u32)?;
                reference.check_locked(&format!("the clip of seed {}", order.seed), &heard)?;
            }
            Ok(())
        }],
    )
}

/// Threads of this process.
#[cfg(target_os = "linux")]
fn all_threads() -> Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

/// Memory of this process.
#[cfg(target_os = "linux")]
fn resident_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.context("no VmRSS")?.parse()?)
}

/// Elsewhere nobody counts simply.
#[cfg(not(target_os = "linux"))]
fn resident_kib() -> Result<u64> {
    Ok(0)
}

/// Elsewhere there is no simple count: the test is then of crashes alone.
#[cfg(not(target_os = "linux"))]
fn all_threads() -> Result<usize> {
    Ok(0)
}

/// Threads of this process with that name.
#[cfg(target_os = "linux")]
pub(super) fn threads(name: &str) -> Result<usize> {
    let mut count = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        // A thread may end while we look.
        let comm = std::fs::read_to_string(task?.path().join("comm")).unwrap_or_default();
        // The kernel keeps fifteen characters.
        count += usize::from(comm.trim_end() == &name[..name.len().min(15)]);
    }
    Ok(count)
}
