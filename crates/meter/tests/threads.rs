//! Concurrent stages share by the CPU time of their threads. A file of its own: the process's other
//! threads would count as a pool of workers.
#![allow(clippy::unwrap_used)] // a failing unwrap fails the test

use std::time::Duration;

use surrogate_meter::{
    Channel, Clock, CpuScope, Detection, Meter, MeterOptions, Moment, Provenance, Source,
    Uncertainty,
};

/// Counts one microjoule for each nanosecond of the meter's clock, so 1 kW.
struct Kilowatt(Channel);

impl Source for Kilowatt {
    fn channel(&self) -> &Channel {
        &self.0
    }

    fn read(&mut self, now: Moment) -> u64 {
        now.wall_ns
    }

    fn uncertainty(&self) -> Uncertainty {
        Uncertainty::default()
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}

fn spin(length: Duration) {
    let clock = Clock::start(CpuScope::Process);
    while u128::from(clock.wall_ns()) < length.as_nanos() {
        std::hint::spin_loop();
    }
}

#[test]
fn a_stage_that_waits_leaves_the_energy_to_one_that_works() {
    if cfg!(not(target_os = "linux")) {
        return; // without clocks of threads stages share equally
    }
    let channel = Channel {
        name: "a".to_owned(),
        provenance: Provenance::Measured,
        how: "a nanosecond is a microjoule".to_owned(),
        family: "a".to_owned(),
    };
    let sources: Vec<Box<dyn Source>> = vec![Box::new(Kilowatt(channel))];
    let detection = Some(Detection { sources, rejected: Vec::new() });
    let meter = Meter::start(MeterOptions { detection, ..MeterOptions::default() }).unwrap();
    let barrier = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _waits = meter.stage("waits");
            barrier.wait(); // both are open
            barrier.wait(); // the other is done
        });
        let works = meter.stage("works");
        barrier.wait();
        spin(Duration::from_millis(60));
        drop(works);
        barrier.wait();
    });
    let report = meter.stop();
    assert!(report.adds_up());
    let own =
        |path: &str| report.stages.iter().find(|stage| stage.path == path).unwrap().own.total_uj();
    let (works, waits) = (own("works"), own("waits"));
    assert!(works > 4 * waits, "{works} and {waits}");
}
