//! The meter as its users see it: stages, threads, panics, resuming, samples.
#![allow(clippy::unwrap_used)] // a failing unwrap fails the test

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use surrogate_meter::{
    CarryOver, Channel, Clock, CpuScope, DetectOptions, Detection, EnergyReport, Meter, MeterError,
    MeterOptions, Moment, Provenance, Rejection, Scope, Source, Uncertainty, detect,
};

/// A source that plays a list of readings, then repeats the last one.
struct Script {
    channel: Channel,
    readings: Vec<u64>,
    next: usize,
}

impl Script {
    fn boxed(name: &str, readings: Vec<u64>) -> Box<dyn Source> {
        let channel = Channel {
            name: name.to_owned(),
            provenance: Provenance::Measured,
            how: "a script".to_owned(),
            family: name.to_owned(),
        };
        Box::new(Self { channel, readings, next: 0 })
    }
}

impl Source for Script {
    fn channel(&self) -> &Channel {
        &self.channel
    }

    fn read(&mut self, _now: Moment) -> u64 {
        let reading = self.readings.get(self.next).or(self.readings.last()).copied();
        self.next += 1;
        reading.unwrap_or(0)
    }

    fn uncertainty(&self) -> Uncertainty {
        Uncertainty::additive(10, 1)
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}

/// A meter whose sampler stays out of the way of a scripted test.
fn scripted(sources: Vec<Box<dyn Source>>, carry_over: CarryOver) -> Meter {
    let detection = Detection { sources, rejected: vec![Rejection::missing("gpu", "none here")] };
    Meter::start(MeterOptions {
        period: Duration::from_secs(10),
        detection: Some(detection),
        carry_over,
        ..MeterOptions::default()
    })
    .unwrap()
}

fn own(report: &EnergyReport, path: &str) -> u64 {
    report.stages.iter().find(|stage| stage.path == path).unwrap().own.total_uj()
}

#[test]
fn boundaries_split_the_counter_s_trace() {
    let meter =
        scripted(vec![Script::boxed("a", vec![100, 101, 104, 111, 126])], CarryOver::default());
    let train = meter.stage("train"); // 1 before it
    let adam = meter.stage("adam"); // 3 in train
    drop(adam); // 7 in adam
    drop(train); // 15 in train
    let report = meter.stop();
    assert!(report.adds_up());
    assert_eq!((own(&report, "train"), own(&report, "train/adam")), (18, 7));
    assert_eq!((report.unattributed_uj, report.total_uj), (1, 26));
    assert_eq!(report.inclusive_uj("train"), 25);
    assert_eq!(report.not_measured.len(), 1);
    assert_eq!(report.provenance(), Some(Provenance::Measured));
}

#[test]
fn a_panicking_stage_is_closed_and_counted() {
    let meter = scripted(vec![Script::boxed("a", vec![0, 1, 3, 6, 10, 15])], CarryOver::default());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _solve = meter.stage("solve");
        let _newton = meter.stage("newton");
        std::panic::resume_unwind(Box::new("diverged"));
    }));
    assert!(outcome.is_err());
    drop(meter.stage("evaluate"));
    let report = meter.stop();
    assert!(report.adds_up());
    assert_eq!((own(&report, "solve"), own(&report, "solve/newton")), (6, 3));
    assert!(report.stages.iter().any(|stage| stage.path == "evaluate"));
}

#[test]
fn a_guard_may_outlive_the_meter() {
    let meter = scripted(vec![Script::boxed("a", vec![0, 5, 9])], CarryOver::default());
    let guard = meter.stage("left open");
    let report = meter.stop();
    drop(guard);
    assert!(report.adds_up());
    assert_eq!((own(&report, "left open"), report.unattributed_uj), (4, 5));
}

#[test]
fn workers_take_the_place_of_the_stage_that_waits_for_them() {
    let meter = scripted(vec![Script::boxed("a", (0..40).collect())], CarryOver::default());
    let solve = meter.stage("solve");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (meter, id) = (&meter, solve.id());
            scope.spawn(move || {
                let _case = meter.stage_in(id, "case");
                drop(meter.stage("inner"));
            });
        }
    });
    drop(solve);
    let report = meter.stop();
    assert!(report.adds_up());
    let paths: Vec<&str> = report.stages.iter().map(|stage| stage.path.as_str()).collect();
    assert!(paths.contains(&"solve/case/inner"));
    assert_eq!(report.stages.iter().find(|s| s.path == "solve/case").unwrap().calls, 3);
}

/// Counts one microjoule for each nanosecond of the meter's clock, so 1 kW.
struct Kilowatt(Channel);

impl Source for Kilowatt {
    fn channel(&self) -> &Channel {
        &self.0
    }

    fn scope(&self) -> Scope {
        Scope::Machine
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

fn kilowatt() -> Box<dyn Source> {
    Box::new(Kilowatt(Channel {
        name: "a".to_owned(),
        provenance: Provenance::Measured,
        how: "a nanosecond is a microjoule".to_owned(),
        family: "a".to_owned(),
    }))
}

fn spin(length: Duration) {
    let clock = Clock::start(CpuScope::Process);
    while u128::from(clock.wall_ns()) < length.as_nanos() {
        std::hint::spin_loop();
    }
}

#[test]
fn a_stage_of_ten_milliseconds_gets_its_own_energy() {
    let meter = scripted(vec![kilowatt()], CarryOver::default());
    spin(Duration::from_millis(20));
    let around = Clock::start(CpuScope::Process);
    let stage = meter.stage("short");
    spin(Duration::from_millis(10));
    drop(stage);
    let longest_ns = around.wall_ns(); // a busy machine may have taken the processor away
    let report = meter.stop();
    assert!(report.adds_up());
    let short_ns = own(&report, "short");
    assert!((10_000_000..=longest_ns).contains(&short_ns), "{short_ns} of {longest_ns}");
    assert!(report.unattributed_uj >= 20_000_000);
}

#[test]
fn machine_energy_is_ours_others_and_idle_and_nothing_else() {
    let meter = scripted(vec![kilowatt()], CarryOver::default());
    spin(Duration::from_millis(60));
    let report = meter.stop();
    let Some(shared) = &report.shared else {
        assert!(!std::path::Path::new("/proc/stat").exists());
        return;
    };
    assert_eq!(shared.total_uj(), report.total_uj);
    assert!(shared.own_uj > 0);
    assert_eq!(report.cpu_scope, "this process");
}

#[test]
fn a_beat_a_second_costs_less_than_a_thousandth_of_a_core() {
    let period = Duration::from_millis(5);
    let meter = Meter::start(MeterOptions { period, ..MeterOptions::default() }).unwrap();
    let report = loop {
        let report = meter.report();
        if report.beats >= 20 {
            break report;
        }
        std::thread::yield_now();
    };
    // at the usual period of 1 s
    assert!(report.beat_us() * 1e-6 < 1e-3, "{} us a beat", report.beat_us());
}

#[test]
fn a_boundary_costs_less_than_twenty_microseconds_without_counters() {
    let meter = Meter::start(MeterOptions::default()).unwrap();
    for _ in 0..2_000 {
        drop(meter.stage("boundary"));
    }
    let report = meter.stop();
    let hardware = report.channels.iter().any(|c| c.provenance == Provenance::Measured);
    let limit_us = if hardware { 200.0 } else { 20.0 };
    assert!(report.boundary_us() < limit_us, "{} us", report.boundary_us());
    assert!(report.overhead_share() > 0.0);
}

#[test]
fn a_resumed_run_goes_on_where_it_stopped() {
    let first = scripted(vec![Script::boxed("a", vec![0, 0, 10])], CarryOver::default());
    drop(first.stage("train"));
    let first = first.stop();
    assert_eq!(first.total_uj, 10);

    let sources = vec![Script::boxed("b", vec![0, 0, 7]), Script::boxed("a", vec![0, 0, 5])];
    let second = scripted(sources, CarryOver::from(&first));
    assert!((second.energy_so_far_j() - 10e-6).abs() < 1e-12);
    drop(second.stage("train"));
    let second = second.stop();
    assert!(second.adds_up());
    assert_eq!(second.total_uj, 22);
    let energies: Vec<(&str, u64)> =
        second.channels.iter().map(|c| (c.name.as_str(), c.energy_uj)).collect();
    assert_eq!(energies, [("b", 7), ("a", 15)]);
    assert_eq!(second.channels[1].sigma_uj, 2, "one channel's sessions err together");
    assert_eq!(second.stages[0].calls, 2);
    assert!(second.wall_s >= first.wall_s);

    // A third session on a machine without those counters keeps their account.
    let third = scripted(vec![Script::boxed("c", vec![0, 1])], CarryOver::from(&second)).stop();
    assert!(third.adds_up());
    assert_eq!(third.total_uj, 23);
    assert_eq!(third.channels.len(), 3);
}

#[test]
fn a_broken_carry_over_is_refused() {
    let meter = scripted(vec![Script::boxed("a", vec![0, 10])], CarryOver::default());
    let good = CarryOver::from(&meter.stop());
    let start = |carry_over| {
        let detection = Detection { sources: Vec::new(), rejected: Vec::new() };
        let detection = Some(detection);
        Meter::start(MeterOptions { detection, carry_over, ..MeterOptions::default() })
    };
    let mut sum = good.clone();
    sum.channels[0].energy_uj += 1;
    assert!(matches!(start(sum), Err(MeterError::CarryOverSum { .. })));
    let mut shape = good.clone();
    shape.channels.clear();
    assert!(matches!(start(shape), Err(MeterError::CarryOverShape { .. })));
    assert!(start(good).unwrap().stop().adds_up());
}

#[test]
fn the_power_curve_holds_the_whole_energy() {
    let meter = scripted(vec![Script::boxed("a", vec![0, 4_000_000])], CarryOver::default());
    let report = meter.stop();
    let energy_j: f64 = report.samples.iter().map(|s| s.watts[0] * s.span_s).sum();
    assert!((energy_j - 4.0).abs() < 1e-9);
    assert!((report.samples.last().unwrap().time_s - report.wall_s).abs() < 1e-9);
}

#[test]
fn a_meter_without_sources_says_that_nothing_is_measured() {
    let detection = Some(Detection { sources: Vec::new(), rejected: Vec::new() });
    let meter = Meter::start(MeterOptions { detection, ..MeterOptions::default() }).unwrap();
    drop(meter.stage("train"));
    let report = meter.stop();
    assert!(report.adds_up());
    assert_eq!((report.total_uj, report.provenance()), (0, None));
    assert_eq!(report.not_measured[0].what, "everything");
}

#[test]
fn without_any_counter_the_load_model_stands_in_and_says_so() {
    let empty = tempfile::tempdir().unwrap();
    let options = DetectOptions {
        sysfs_root: empty.path().to_owned(),
        proc_root: empty.path().to_owned(),
        visible_gpus: None,
        wall_command: None,
        calibrations: None,
    };
    let detection = detect(&options);
    let found: Vec<_> = detection.found().map(|c| (c.name.as_str(), c.provenance)).collect();
    assert_eq!(found[..2], [("cpu", Provenance::Estimated), ("memory", Provenance::Estimated)]);
    let gap = detection.rejected.iter().find(|r| r.what == "cpu package counter").unwrap();
    assert!(gap.why.contains("no powercap") && gap.why.contains("load model"));
    assert!(gap.unlock.is_some());
}

#[test]
fn this_machine_gives_plausible_power_under_load() {
    let meter = Meter::start(MeterOptions {
        period: Duration::from_millis(20),
        cpu_scope: CpuScope::ProcessAndChildren,
        ..MeterOptions::default()
    })
    .unwrap();
    let busy = meter.stage("busy");
    while meter.total().energy_uj < 100_000 {
        let work = (0..100_000_u32).fold(1.0_f64, |x, i| x + f64::from(i).sqrt());
        std::hint::black_box(work);
    }
    drop(busy);
    let report = meter.stop();
    let watts = report.total_uj as f64 * 1e-6 / report.wall_s;
    assert!(report.adds_up());
    assert!((0.1..20_000.0).contains(&watts), "{watts} W");
    assert!(report.total_low_uj < report.total_uj && report.total_uj < report.total_high_uj);
    assert!(own(&report, "busy") > report.unattributed_uj);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Any traces (falling ones too), stages on three threads, some of which panic.
    #[test]
    fn random_traces_on_threads_add_up(
        traces in prop::collection::vec(prop::collection::vec(any::<u64>(), 0..40), 0..4),
        work in prop::collection::vec(prop::collection::vec((0..4_u8, any::<bool>()), 0..6), 3),
    ) {
        let sources = traces
            .into_iter()
            .enumerate()
            .map(|(i, readings)| Script::boxed(&i.to_string(), readings))
            .collect();
        let meter = scripted(sources, CarryOver::default());
        let panics = Arc::new(Mutex::new(0));
        std::thread::scope(|scope| {
            for stages in &work {
                let (meter, panics) = (&meter, Arc::clone(&panics));
                scope.spawn(move || {
                    for (name, fails) in stages {
                        let outcome = catch_unwind(AssertUnwindSafe(|| {
                            let _outer = meter.stage(&format!("outer{name}"));
                            let _inner = meter.stage("inner");
                            if *fails {
                                std::panic::resume_unwind(Box::new("on purpose"));
                            }
                        }));
                        *panics.lock().unwrap() += u32::from(outcome.is_err());
                    }
                });
            }
        });
        let report = meter.stop();
        prop_assert!(report.adds_up());
        let calls: u64 = report.stages.iter().map(|stage| stage.calls).sum();
        prop_assert_eq!(calls, 2 * work.iter().map(Vec::len).sum::<usize>() as u64);
        let failing = work.iter().flatten().filter(|(_, fails)| *fails).count();
        prop_assert_eq!(*panics.lock().unwrap() as usize, failing);
    }
}
