//! Energy, carbon and water of two stages, with intervals.
//!
//! `cargo run -p surrogate-meter --example footprint`
#![allow(clippy::print_stdout)] // an example talks to its reader

use std::error::Error;

use surrogate_meter::footprint::carbon::CarbonTable;
use surrogate_meter::footprint::embodied::Embodied;
use surrogate_meter::footprint::site::{Site, world_water};
use surrogate_meter::footprint::{Footprint, FootprintOptions};
use surrogate_meter::{Clock, CpuScope, Meter, MeterOptions, Quantity};

fn main() -> Result<(), Box<dyn Error>> {
    let meter = Meter::start(MeterOptions::default())?;
    {
        let _work = meter.stage("work");
        let clock = Clock::start(CpuScope::Process);
        while clock.wall_ns() < 500_000_000 {
            std::hint::spin_loop();
        }
    }
    {
        let _wait = meter.stage("wait");
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let report = meter.stop();
    for stage in &report.stages {
        println!("{:8} {:.3} J", stage.path, stage.own.total_uj() as f64 * 1e-6);
    }
    let footprint = Footprint::of(
        &Quantity::energy_of(&report),
        report.wall_s,
        &FootprintOptions {
            intensity: CarbonTable::shipped()?.of("Denmark", report.wall_s)?,
            site: Site::Desk,
            water_offsite: world_water(),
            hardware: vec![Embodied::server_threads(2.0)],
        },
    );
    for (what, q) in [
        ("energy", &footprint.energy_kwh),
        ("running", &footprint.operational_g),
        ("embodied", &footprint.embodied_g),
        ("water", &footprint.water_offsite_l),
    ] {
        println!(
            "{what:8} {:.3e} {} ({:.3e} to {:.3e}), {}: {}",
            q.value, q.unit, q.low, q.high, q.provenance, q.source
        );
    }
    println!("one boundary took {:.1} us", report.boundary_us());
    Ok(())
}
