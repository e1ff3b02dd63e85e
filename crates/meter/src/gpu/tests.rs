//! GPUs that play a script.
#![allow(clippy::unwrap_used)] // a failing unwrap fails the test

use super::*;

/// Gives one reading a call and repeats the last one.
struct Script {
    energy: Vec<Result<u64, GpuFault>>,
    power: Vec<Result<u64, GpuFault>>,
    load: Result<(f64, f64), GpuFault>,
    energy_calls: usize,
    power_calls: usize,
}

impl Script {
    fn new(energy: Vec<Result<u64, GpuFault>>, power: Vec<Result<u64, GpuFault>>) -> Self {
        let load = Err(GpuFault::Unsupported);
        Self { energy, power, load, energy_calls: 0, power_calls: 0 }
    }

    fn boxed(self) -> Vec<Box<dyn Gpu>> {
        vec![Box::new(self)]
    }
}

fn play(list: &[Result<u64, GpuFault>], calls: &mut usize) -> Result<u64, GpuFault> {
    let reading = list.get(*calls).or(list.last()).cloned();
    *calls += 1;
    reading.unwrap_or(Err(GpuFault::Unsupported))
}

impl Gpu for Script {
    fn number(&self) -> u32 {
        3
    }

    fn model(&self) -> String {
        "Script".to_owned()
    }

    fn energy_mj(&mut self) -> Result<u64, GpuFault> {
        play(&self.energy, &mut self.energy_calls)
    }

    fn power_mw(&mut self) -> Result<u64, GpuFault> {
        play(&self.power, &mut self.power_calls)
    }

    fn utilisation_and_limit_w(&mut self) -> Result<(f64, f64), GpuFault> {
        self.load.clone()
    }
}

fn at(second: u64) -> Moment {
    Moment { wall_ns: second * 1_000_000_000, cpu_ns: 0 }
}

fn find(gpu: Script) -> (Vec<Box<dyn Source>>, Vec<Rejection>) {
    gpu_sources(gpu.boxed(), &mut || ())
}

/// A counter that moves while it is watched and then by `watts` each second.
fn counting(watts: u64, power: Vec<Result<u64, GpuFault>>) -> Script {
    let steps = (0..40).map(|i| Ok(1_000 + i * watts * 1_000));
    Script::new(std::iter::once(Ok(0)).chain(steps).collect(), power)
}

#[test]
fn a_live_counter_is_measured() {
    let (mut sources, rejected) = find(counting(100, vec![Ok(100_000)]));
    let source = &mut sources[0];
    assert_eq!(source.channel().provenance, Provenance::Measured);
    assert_eq!((source.channel().name.as_str(), source.scope()), ("gpu3", Scope::Device));
    assert_eq!(source.read(at(1)), 0);
    assert_eq!(source.read(at(2)), 100_000_000);
    for second in 3..=12 {
        source.read(at(second));
    }
    assert_eq!(source.trouble(), None, "counter and power agree");
    assert!(rejected.is_empty());
}

#[test]
fn without_a_counter_power_is_integrated_and_called_estimated() {
    let gpu =
        Script::new(vec![Err(GpuFault::Unsupported)], vec![Ok(50_000), Ok(50_000), Ok(90_000)]);
    let (mut sources, rejected) = find(gpu);
    let source = &mut sources[0];
    assert_eq!(source.channel().provenance, Provenance::Estimated);
    assert!(source.channel().how.contains("not seen"), "the blind spot is stated");
    assert!(rejected[0].why.contains("power sensor is integrated instead"));
    source.read(at(1));
    assert_eq!(source.read(at(2)), 50_000_000);
    assert_eq!(source.read(at(3)), 140_000_000);
    // 10 % of 140 J and half of the step of 40 W in one second
    let sigma_j = source.uncertainty().sigma_uj as f64 * 1e-6;
    assert!((sigma_j - 14.0_f64.hypot(20.0)).abs() < 1e-3, "{sigma_j}");
}

#[test]
fn a_dead_counter_is_not_read_as_zero() {
    let (sources, rejected) = find(Script::new(vec![Ok(77)], vec![Ok(60_000)]));
    assert_eq!(sources[0].channel().provenance, Provenance::Estimated);
    assert!(rejected[0].why.contains("dead") && rejected[0].why.contains("77 mJ"));
}

#[test]
fn without_any_sensor_the_utilisation_model_stands_in() {
    let mut gpu = Script::new(vec![Err(GpuFault::Unsupported)], vec![Err(GpuFault::Unsupported)]);
    gpu.load = Ok((0.5, 300.0));
    let (mut sources, _) = find(gpu);
    sources[0].read(at(1));
    let energy = sources[0].read(at(2));
    assert_eq!(energy, 172_500_000, "300 W x (0.15 + 0.5 x 0.85)");
    assert!(sources[0].uncertainty().high_uj > energy * 3 / 2);
}

#[test]
fn a_device_that_gives_nothing_is_named_and_not_counted() {
    let nothing = Script::new(vec![Err(GpuFault::Denied)], vec![Ok(0)]);
    let (sources, rejected) = find(nothing);
    assert!(sources.is_empty());
    assert!(rejected[0].why.contains("not counted") && rejected[0].why.contains("not permitted"));
}

#[test]
fn no_device_gives_no_source_and_no_complaint() {
    let (sources, rejected) = gpu_sources(Vec::new(), &mut || ());
    assert!(sources.is_empty() && rejected.is_empty());
}

#[test]
fn a_lost_device_keeps_its_energy_and_says_so() {
    let energy = vec![Ok(0), Ok(1), Ok(1), Ok(200_001), Err(GpuFault::Lost)];
    let (mut sources, _) = find(Script::new(energy, vec![Ok(200_000)]));
    let source = &mut sources[0];
    source.read(at(1));
    assert_eq!(source.read(at(2)), 200_000_000);
    assert_eq!(source.read(at(4)), 200_000_000);
    assert!(source.trouble().unwrap().contains("unreadable for the last 2.000 s"));
    assert!(source.uncertainty().sigma_uj >= 400_000_000, "two seconds at 200 W are not known");
}

#[test]
fn a_reloaded_driver_is_an_unknown_interval() {
    let energy = vec![Ok(0), Ok(1), Ok(900_000), Ok(1_000_000), Ok(5), Ok(100_005)];
    let (mut sources, _) = find(Script::new(energy, vec![Ok(100_000)]));
    for second in 1..=3 {
        sources[0].read(at(second));
    }
    assert_eq!(sources[0].read(at(4)), 200_000_000);
    assert!(sources[0].trouble().unwrap().contains("went back"));
}

#[test]
fn a_counter_that_disagrees_with_the_power_sensor_gets_a_wider_interval() {
    // zeus issue 181: 187 J by the counter, 327 J by power over the same five seconds
    let (mut sources, _) = find(counting(37, vec![Ok(65_400)]));
    for second in 1..=8 {
        sources[0].read(at(second));
    }
    assert!(sources[0].trouble().unwrap().contains("disagree"));
    let u = sources[0].uncertainty();
    assert!(u.high_uj as f64 * 1e-6 >= 7.0 * 65.4 - 8.0, "the power sensor's energy is inside");
}

#[test]
fn boundaries_closer_than_the_counter_s_update_reuse_its_reading() {
    let (mut sources, _) = find(counting(100, vec![Ok(100_000)]));
    let moment = |ms: u64| Moment { wall_ns: ms * 1_000_000, cpu_ns: 0 };
    assert_eq!(sources[0].read(moment(1_000)), 0);
    assert_eq!(sources[0].read(moment(1_010)), 0);
    assert_eq!(sources[0].read(moment(1_030)), 100_000_000);
}
