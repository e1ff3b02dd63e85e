//! Keeps one core busy for two seconds and prints what the meter says of it.
//!
//! `cargo run -p surrogate-meter --example busy`
#![allow(clippy::print_stdout)] // an example talks to its reader

use surrogate_meter::{Clock, CpuScope, Meter, MeterError, MeterOptions};

fn main() -> Result<(), MeterError> {
    let meter = Meter::start(MeterOptions::default())?;
    let clock = Clock::start(CpuScope::Process);
    {
        let _busy = meter.stage("busy");
        let mut x = 1.0_f64;
        while clock.wall_ns() < 2_000_000_000 {
            for _ in 0..10_000 {
                x = std::hint::black_box(x.mul_add(1.000_000_1, 1e-9));
            }
        }
    }
    {
        let _idle = meter.stage("idle");
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    println!("so far {:.3} J", meter.energy_so_far_j());

    let report = meter.stop();
    for channel in &report.channels {
        println!(
            "{:<10} {:>9.3} J, sigma {:.3} J, {:.3} to {:.3} J, {}: {}",
            channel.name,
            joules(channel.energy_uj),
            joules(channel.sigma_uj),
            joules(channel.low_uj),
            joules(channel.high_uj),
            channel.provenance,
            channel.how
        );
    }
    for stage in &report.stages {
        println!(
            "{:<10} {:>9.3} J, {} call(s), {:.3} s wall, {:.3} s cpu, uJ by channel {:?}",
            stage.path,
            joules(stage.own.total_uj()),
            stage.calls,
            stage.own.wall_s(),
            stage.own.cpu_s(),
            stage.own.energy_uj
        );
    }
    println!("no stage   {:>9.3} J", joules(report.unattributed_uj));
    println!(
        "total      {:>9.3} J, sigma {:.3} J, {:.3} to {:.3} J; adds up: {}",
        joules(report.total_uj),
        joules(report.total_sigma_uj),
        joules(report.total_low_uj),
        joules(report.total_high_uj),
        report.adds_up()
    );
    for sample in &report.samples {
        println!("at {:.3} s: {:.3?} W", sample.time_s, sample.watts);
    }
    for missing in &report.not_measured {
        println!("not measured: {missing}");
    }
    println!(
        "{} boundaries of {:.1} us, {} beats of {:.1} us: {:.5} % of a core",
        report.boundaries,
        report.boundary_us(),
        report.beats,
        report.beat_us(),
        100.0 * report.overhead_share()
    );
    Ok(())
}

fn joules(energy_uj: u64) -> f64 {
    energy_uj as f64 * 1e-6
}
